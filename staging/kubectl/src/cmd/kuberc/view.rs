//! `kubectl kuberc view`.

use std::io::ErrorKind;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};

use cli_runtime::{PrintFlags, Result, io_words, message};

use super::{FLAG, chosen, set};
use crate::frame::{Arguments, Command, Context, Run};
use crate::kuberc::Preference;

/// The command.
pub(super) static VIEW: Command = Command {
    name: "view",
    usage: "",
    short: "Display the current kuberc configuration",
    long: "Display the contents of the kuberc file in the wanted output format.",
    examples: "# As YAML
kubectl kuberc view

# As JSON
kubectl kuberc view --output json

# Another file
kubectl kuberc view --kuberc /path/to/kuberc",
    options: Some(|| Box::new(View::default())),
    ..Command::EMPTY
};

struct View {
    kuberc: String,
    print: PrintFlags,
}

impl Default for View {
    fn default() -> Self {
        let mut print = PrintFlags::new("");
        "yaml".clone_into(&mut print.output);
        Self {
            kuberc: String::new(),
            print,
        }
    }
}

impl Flags for View {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("kuberc", &mut self.kuberc, FLAG);
        self.print.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for View {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let (path, asked) = chosen(&self.kuberc)?;
        let place = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(message!(
                    "error reading kuberc file: open {place}: {}",
                    io_words(&error)
                ));
            }
            Err(_) if asked => return Err(message!("kuberc file not found at {place}")),
            Err(_) => {
                let question = "Would you like to generate a default kuberc file with recommended options? (y/N): ";
                let out = &context.streams.out;
                out.print(format!("kuberc file not found at {place}\n{question}"))?;
                let answer = context.streams.input.read_line()?;
                if answer.trim().eq_ignore_ascii_case("y") {
                    return set::save(&Preference::recommended(), &path, out);
                }
                return Ok(());
            }
        };
        let mut preference =
            Preference::parse(&text).map_err(|error| message!("error parsing kuberc file: {error}"))?;
        preference.aliases.get_or_insert_default();
        preference.defaults.get_or_insert_default();
        let mut printer = self.print.to_printer()?;
        if self.print.output == "json" {
            let mut bytes = Vec::new();
            let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
            preference
                .serialize(&mut serializer)
                .map_err(|error| message!("{error}"))?;
            bytes.push(b'\n');
            return Ok(context.streams.out.print(bytes)?);
        }
        let value = serde_json::to_value(&preference).map_err(|error| message!("{error}"))?;
        printer.print(&value, &mut &context.streams.out)
    }
}
