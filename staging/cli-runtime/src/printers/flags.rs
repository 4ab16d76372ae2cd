//! `-o`, `--template` and what goes with them (upstream: `genericclioptions.PrintFlags`).

use component_base::flags::{FlagSet, Flags};
use k8s_api::primitives::quote;

use super::jsonpath::{JsonPath, JsonPathPrinter};
use super::template::{GoTemplatePrinter, Template};
use super::{CustomColumnsPrinter, JsonPrinter, KyamlPrinter, NamePrinter, ResourcePrinter, YamlPrinter};
use crate::{CommandError, Result, io_words, message};

/// The formats of every command that prints objects.
pub const FORMATS: [&str; 11] = [
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
    /// Whether JSON and KYAML have their members as the types of the objects declare them, not by name. No flag: commands that make
    /// objects of built-in kinds say so.
    pub declared: bool,
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
            declared: false,
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
        if let Some(printer) = self.template_printer(output)? {
            return Ok(printer);
        }
        let show_managed_fields = self.show_managed_fields;
        Ok(match output.to_lowercase().as_str() {
            "json" => Box::new(JsonPrinter {
                show_managed_fields,
                declared: self.declared,
            }),
            "yaml" => Box::new(YamlPrinter::new(show_managed_fields)),
            "kyaml" => Box::new(KyamlPrinter {
                show_managed_fields,
                declared: self.declared,
            }),
            "name" => Box::new(NamePrinter::default()),
            "" => Box::new(NamePrinter {
                operation: self.operation.clone(),
            }),
            _ => return Err(no_compatible_printer(output, formats)),
        })
    }
}

impl PrintFlags {
    /// The printer for a format that needs a template, from behind `=` or from `--template`.
    fn template_printer(&self, output: &str) -> Result<Option<Box<dyn ResourcePrinter>>> {
        let (format, template) = if self.template.is_empty() {
            match output.split_once('=') {
                Some((format, template)) => (format, template.to_owned()),
                None => (output, String::new()),
            }
        } else {
            (output, self.template.clone())
        };
        let is_path = matches!(format, "jsonpath" | "jsonpath-as-json" | "jsonpath-file");
        let is_template = matches!(format, "go-template" | "go-template-file" | "template" | "templatefile");
        if !is_path && !is_template {
            return Ok(None);
        }
        if template.is_empty() {
            return Err(message!("template format specified but no template given"));
        }
        let template = if format.ends_with("file") {
            read(&template)?
        } else {
            template
        };
        let allow = self.allow_missing_template_keys;
        Ok(Some(if is_path {
            let path =
                JsonPath::parse(&template).map_err(|error| message!("error parsing jsonpath {template}, {error}"))?;
            Box::new(JsonPathPrinter::new(
                path.allow_missing_keys(allow),
                format == "jsonpath-as-json",
            ))
        } else {
            let parsed =
                Template::parse(&template).map_err(|error| message!("error parsing template {template}, {error}"))?;
            Box::new(GoTemplatePrinter::new(parsed.allow_missing_keys(allow)))
        }))
    }

    /// The printer for `custom-columns`, if that is the format.
    ///
    /// # Errors
    /// The columns are malformed, or their file is unreadable.
    pub fn custom_columns(&self, no_headers: bool) -> Result<Option<CustomColumnsPrinter>> {
        let (format, spec) = match self.output.split_once('=') {
            Some((format, spec)) if self.template.is_empty() => (format, spec.to_owned()),
            _ => (self.output.as_str(), self.template.clone()),
        };
        if !matches!(format, "custom-columns" | "custom-columns-file") {
            return Ok(None);
        }
        if spec.is_empty() {
            return Err(message!("custom-columns format specified but no custom columns given"));
        }
        if format == "custom-columns-file" {
            let text = std::fs::read_to_string(&spec)
                .map_err(|error| message!("error reading template {spec}, open {spec}: {}\n", io_words(&error)))?;
            return CustomColumnsPrinter::from_template(&text).map(Some);
        }
        CustomColumnsPrinter::from_spec(&spec, no_headers).map(Some)
    }
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| message!("error reading --template {path}, open {path}: {}", io_words(&error)))
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

impl PrintFlags {
    /// Adds the flags, with a usage text of the command's own for `-o`.
    pub fn add_flags_with<'a>(&'a mut self, flags: &mut FlagSet<'a>, usage: String) {
        flags.add("output", &mut self.output, usage).shorthand('o');
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

impl Flags for PrintFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.add_flags_with(flags, format!("Output format. One of: ({}).", FORMATS.join(", ")));
    }
}
