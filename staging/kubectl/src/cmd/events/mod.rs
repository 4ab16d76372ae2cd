//! `kubectl events`.

mod order;
mod print;

use std::io::Write as _;

use async_trait::async_trait;
use client_go::discovery::RestMapping;
use component_base::flags::{FlagSet, Flags};
use serde_json::{Value, json};

use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::watch::{WatchRequest, watch};
use cli_runtime::resource::{list, text_at};
use cli_runtime::{PrintFlags, ResourcePrinter, Result, message};

use self::print::EventPrinter;
use crate::flags as shared;
use crate::frame::{Arguments, Command, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "events",
    usage: "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
    short: "List events",
    long: "Display events, the oldest first.\n\n A table shows what matters most of each event. Events of one namespace, of all of them, or only those about one object can be asked for.",
    examples: "# Recent events of the current namespace
kubectl events

# Recent events of every namespace
kubectl events --all-namespaces

# Recent events about a pod, then those that follow
kubectl events --for pod/web-pod --watch

# Recent events as YAML
kubectl events -oyaml

# Only warnings
kubectl events --types=Warning",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(EventsOptions::default())),
    ..Command::EMPTY
};

struct EventsOptions {
    print: PrintFlags,
    all_namespaces: bool,
    watch: bool,
    no_headers: bool,
    about: String,
    types: Vec<String>,
    chunk_size: i64,
}

impl Default for EventsOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags::new("events"),
            all_namespaces: false,
            watch: false,
            no_headers: false,
            about: String::new(),
            types: Vec::new(),
            chunk_size: 500,
        }
    }
}

impl Flags for EventsOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags
            .add(
                "watch",
                &mut self.watch,
                "After listing the requested events, watch for more events.",
            )
            .shorthand('w');
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        flags.add(
            "for",
            &mut self.about,
            "Filter events to only those pertaining to the specified resource.",
        );
        flags.add("types", &mut self.types, "Output only events of given types.");
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "When using the default output format, don't print headers.",
        );
        // Taken and not heeded, as upstream does: lists come in chunks of 500.
        shared::add_chunk_size_flag(flags, &mut self.chunk_size);
    }
}

/// Where events go: a format that was asked for, or the table.
enum Printer {
    Format(Box<dyn ResourcePrinter>),
    Table(EventPrinter),
}

impl Printer {
    fn print(&mut self, object: &Value, table: &mut TabWriter) -> Result<()> {
        match self {
            Self::Format(printer) => printer.print(object, table),
            Self::Table(printer) => Ok(printer.print(object, table)?),
        }
    }

    /// Writes what was printed. Only tables have columns.
    fn flush(&self, context: &Context, table: &mut TabWriter) -> Result<()> {
        Ok(table.flush_to(&mut &context.streams.out)?)
    }
}

/// The two parts of `TYPE/NAME`.
///
/// # Errors
/// Another number of slashes.
fn type_and_name(text: &str) -> Result<(&str, &str)> {
    let Some((resource, name)) = text.split_once('/') else {
        return Err(message!("--for must be in resource/name form"));
    };
    if name.contains('/') {
        return Err(message!(
            "arguments in resource/name form may not have more than one slash"
        ));
    }
    Ok((resource, name))
}

#[async_trait(?Send)]
impl Run for EventsOptions {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let (own, _) = context.factory.namespace()?;
        let fields = self.field_selector(context).await?;
        let mut printer = if self.print.output.is_empty() {
            Printer::Table(EventPrinter::new(self.no_headers, self.all_namespaces))
        } else {
            Printer::Format(self.print.to_printer()?)
        };
        let known = |text: &String| text.eq_ignore_ascii_case("Normal") || text.eq_ignore_ascii_case("Warning");
        if !self.types.iter().all(known) {
            return Err(message!("valid --types are Normal or Warning"));
        }
        let mapping = context.factory.mapping("v1", "Event").await?;
        let namespace = if self.all_namespaces { "" } else { own.as_str() };
        if self.watch {
            return self.follow(context, &mapping, namespace, &fields, &mut printer).await;
        }
        let client = context.factory.client()?;
        let pages = list(&client, &mapping, namespace, "", &fields).await?;
        let events = pages.into_iter().filter_map(|mut page| match page["items"].take() {
            Value::Array(items) => Some(items),
            _ => None,
        });
        let mut events: Vec<Value> = events.flatten().filter(|event| self.wants(event)).collect();
        if events.is_empty() {
            if self.all_namespaces {
                writeln!(&context.streams.err, "No events found.")?;
            } else {
                writeln!(&context.streams.err, "No events found in {own} namespace.")?;
            }
            return Ok(());
        }
        events.sort_by_cached_key(order::event_time);
        let events = json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": events});
        let mut table = TabWriter::table();
        printer.print(&events, &mut table)?;
        printer.flush(context, &mut table)
    }
}

impl EventsOptions {
    /// The events about the object of `--for`.
    async fn field_selector(&self, context: &Context) -> Result<String> {
        if self.about.is_empty() {
            return Ok(String::new());
        }
        let (resource, name) = type_and_name(&self.about)?;
        let mapping = context.factory.resource(&resource.to_lowercase()).await?;
        Ok(format!(
            "involvedObject.kind={},involvedObject.apiVersion={},involvedObject.name={name}",
            mapping.kind,
            mapping.group_version_resource().group_version(),
        ))
    }

    fn wants(&self, event: &Value) -> bool {
        let kind = text_at(event, &["type"]);
        self.types.is_empty() || self.types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
    }

    async fn follow(
        &self,
        context: &Context,
        mapping: &RestMapping,
        namespace: &str,
        fields: &str,
        printer: &mut Printer,
    ) -> Result<()> {
        let request = WatchRequest {
            namespace,
            fields,
            ..WatchRequest::default()
        };
        let mut events = watch(&context.factory.client()?, mapping, &request).await?;
        let mut table = TabWriter::table();
        // Events go when they are old, which is no news; the end of the watch is no mistake.
        while let Some(Ok(event)) = events.next().await {
            if matches!(event.kind.as_str(), "ADDED" | "MODIFIED") && self.wants(&event.object) {
                printer.print(&event.object, &mut table)?;
                printer.flush(context, &mut table)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_has_a_type_and_a_name() {
        for (text, expected) in [
            ("pod/web", Ok(("pod", "web"))),
            ("deployments.apps/web", Ok(("deployments.apps", "web"))),
            ("web", Err("--for must be in resource/name form")),
            (
                "pod/a/b",
                Err("arguments in resource/name form may not have more than one slash"),
            ),
        ] {
            let found = type_and_name(text).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
