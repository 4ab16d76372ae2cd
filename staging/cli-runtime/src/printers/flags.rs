//! `-o`, `--template` and what goes with them (upstream: `genericclioptions.PrintFlags`).

use component_base::flags::{FlagSet, Flags};
use k8s_api::primitives::quote;

use super::{JsonPrinter, NamePrinter, ResourcePrinter, YamlPrinter};
use crate::{CommandError, Result, message};

const FORMATS: [&str; 11] = [
    "json",
    "yaml",
    "kyaml",
    "name",
    "go-template",
    "go-template-file",
    "template",
    "templatefile",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
];

/// How results are written.
#[derive(Clone, Debug)]
pub struct PrintFlags {
    /// `-o`; empty for the command's own words.
    pub output: String,
    /// `--template`.
    pub template: String,
    /// `--allow-missing-template-keys`.
    pub allow_missing_template_keys: bool,
    /// `--show-managed-fields`.
    pub show_managed_fields: bool,
    /// What was done, for the line of a command without `-o`: `created`.
    pub operation: String,
}

impl PrintFlags {
    /// Flags of a command that does this (`created`); empty for one that changes nothing.
    #[must_use]
    pub fn new(operation: &str) -> Self {
        Self {
            output: String::new(),
            template: String::new(),
            allow_missing_template_keys: true,
            show_managed_fields: false,
            operation: operation.to_owned(),
        }
    }

    /// Adds to what was done: `created (dry run)`, `created (server dry run)`.
    #[must_use]
    pub fn with_operation_suffix(mut self, suffix: &str) -> Self {
        if !suffix.is_empty() {
            self.operation = format!("{} {suffix}", self.operation).trim_start().to_owned();
        }
        self
    }

    /// The printer that is asked for.
    ///
    /// # Errors
    /// No such format, or its template is malformed.
    pub fn to_printer(&self) -> Result<Box<dyn ResourcePrinter>> {
        self.to_printer_among(&FORMATS)
    }

    /// The same where the command has formats of its own to name in the error.
    ///
    /// # Errors
    /// Like [`PrintFlags::to_printer`].
    pub fn to_printer_among(&self, formats: &[&str]) -> Result<Box<dyn ResourcePrinter>> {
        let output = if self.output.is_empty() && !self.template.is_empty() {
            "go-template"
        } else {
            &self.output
        };
        let show_managed_fields = self.show_managed_fields;
        Ok(match output.to_lowercase().as_str() {
            "json" => Box::new(JsonPrinter { show_managed_fields }),
            "yaml" => Box::new(YamlPrinter::new(show_managed_fields)),
            "name" => Box::new(NamePrinter::default()),
            "" => Box::new(NamePrinter {
                operation: self.operation.clone(),
            }),
            _ => return Err(no_compatible_printer(output, formats)),
        })
    }
}

/// `unable to match a printer suitable for the output format "x", allowed formats are: …`.
#[must_use]
pub fn no_compatible_printer(output: &str, formats: &[&str]) -> CommandError {
    let mut formats = formats.to_vec();
    formats.sort_unstable();
    message!(
        "unable to match a printer suitable for the output format {}, allowed formats are: {}",
        quote(output),
        formats.join(",")
    )
}

impl Flags for PrintFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "output",
                &mut self.output,
                format!("Output format. One of: ({}).", FORMATS.join(", ")),
            )
            .shorthand('o');
        flags.add(
            "template",
            &mut self.template,
            "Template string or path to template file to use when -o=go-template, -o=go-template-file. The template format is golang templates [http://golang.org/pkg/text/template/#pkg-overview].",
        );
        flags.add(
            "allow-missing-template-keys",
            &mut self.allow_missing_template_keys,
            "If true, ignore any errors in templates when a field or map key is missing in the template. Only applies to golang and jsonpath output formats.",
        );
        flags.add(
            "show-managed-fields",
            &mut self.show_managed_fields,
            "If true, keep the managedFields when printing objects in JSON or YAML format.",
        );
    }
}
