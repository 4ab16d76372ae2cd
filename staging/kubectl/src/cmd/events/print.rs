//! The table of events.

use std::io::{self, Write};

use serde_json::Value;

use cli_runtime::gotext::age;
use cli_runtime::resource::text_at;

/// Prints events as lines of a table, the headings before the first.
pub(super) struct EventPrinter {
    headings: bool,
    with_namespace: bool,
}

impl EventPrinter {
    pub(super) fn new(no_headers: bool, with_namespace: bool) -> Self {
        Self {
            headings: !no_headers,
            with_namespace,
        }
    }

    /// An event, or a list of events.
    pub(super) fn print(&mut self, object: &Value, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::take(&mut self.headings) {
            if self.with_namespace {
                out.write_all(b"NAMESPACE\t")?;
            }
            out.write_all(b"LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n")?;
        }
        match object["items"].as_array() {
            Some(events) => events.iter().try_for_each(|event| self.line(event, out)),
            None => self.line(object, out),
        }
    }

    fn line(&self, event: &Value, out: &mut dyn Write) -> io::Result<()> {
        if self.with_namespace {
            write!(out, "{}\t", text_at(event, &["metadata", "namespace"]))?;
        }
        let cell = |path: &[&str]| harmless(text_at(event, path));
        writeln!(
            out,
            "{}\t{}\t{}\t{}/{}\t{}",
            last_seen(event),
            cell(&["type"]),
            cell(&["reason"]),
            cell(&["involvedObject", "kind"]),
            cell(&["involvedObject", "name"]),
            harmless(text_at(event, &["message"]).trim()),
        )
    }
}

/// Text that no terminal takes for a command.
fn harmless(text: &str) -> String {
    text.replace('\u{1b}', "^[").replace('\r', "\\r")
}

/// `5s`, or `5s (x3 over 2m)` of what happened more than once.
fn last_seen(event: &Value) -> String {
    let first = match text_at(event, &["eventTime"]) {
        "" => age(text_at(event, &["firstTimestamp"])),
        time => age(time),
    };
    let series = &event["series"];
    let (last, count) = if series.is_object() {
        let count = series["count"].as_i64().unwrap_or_default();
        (text_at(series, &["lastObservedTime"]), count)
    } else {
        let count = event["count"].as_i64().unwrap_or_default();
        if count <= 1 {
            return first;
        }
        (text_at(event, &["lastTimestamp"]), count)
    };
    format!("{} (x{count} over {first})", age(last))
}

#[cfg(test)]
mod tests {
    use cli_runtime::gotext::TabWriter;
    use jiff::{SignedDuration, Timestamp};
    use serde_json::json;

    use super::*;

    fn ago(seconds: i64) -> String {
        (Timestamp::now() - SignedDuration::from_secs(seconds)).to_string()
    }

    #[test]
    fn how_often_and_since_when() {
        for (event, expected) in [
            (json!({}), "<unknown>"),
            (json!({"firstTimestamp": ago(600), "count": 1}), "10m"),
            (json!({"firstTimestamp": ago(600), "eventTime": ago(1200)}), "20m"),
            (
                json!({"firstTimestamp": ago(1200), "lastTimestamp": ago(600), "count": 3}),
                "10m (x3 over 20m)",
            ),
            (
                json!({"eventTime": ago(1200), "series": {"count": 1, "lastObservedTime": ago(600)}}),
                "10m (x1 over 20m)",
            ),
        ] {
            assert_eq!(last_seen(&event), expected, "{event}");
        }
    }

    #[test]
    fn a_table_with_the_headings_once() {
        let event = json!({
            "metadata": {"namespace": "ns"}, "type": "Normal", "reason": "Started", "message": " red \u{1b}[31m\r\n",
            "involvedObject": {"kind": "Pod", "name": "web"},
        });
        let line = "<unknown>\tNormal\tStarted\tPod/web\tred ^[[31m\n";
        let headings = "LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n";
        for (no_headers, with_namespace, expected) in [
            (false, false, format!("{headings}{line}{line}")),
            (true, false, format!("{line}{line}")),
            (false, true, format!("NAMESPACE\t{headings}ns\t{line}ns\t{line}")),
        ] {
            let mut printer = EventPrinter::new(no_headers, with_namespace);
            let mut out = Vec::new();
            printer.print(&json!({"items": [event]}), &mut out).expect("memory");
            printer.print(&event, &mut out).expect("memory");
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        let mut table = TabWriter::table();
        EventPrinter::new(false, false)
            .print(&event, &mut table)
            .expect("memory");
        assert_eq!(
            table.take(),
            "LAST SEEN   TYPE     REASON    OBJECT    MESSAGE\n<unknown>   Normal   Started   Pod/web   red ^[[31m\n"
        );
    }
}
