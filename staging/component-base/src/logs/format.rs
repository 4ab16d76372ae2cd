//! One event as a line of text (klog's layout) or of JSON (the layout of upstream's JSON logger).

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::LazyLock;

use jiff::Zoned;
use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

/// Where and how important.
pub(super) struct Header<'e> {
    pub(super) level: Level,
    pub(super) verbosity: u32,
    pub(super) file: &'e str,
    pub(super) line: u32,
}

/// What an event or a span carries.
#[derive(Default)]
pub(super) struct Fields {
    message: String,
    pub(super) verbosity: Option<u32>,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Adds the fields of an enclosing span, which come after the event's own.
    pub(super) fn append(&mut self, outer: &Self) {
        self.values.extend(outer.values.iter().cloned());
    }

    fn push(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match name {
            "message" => {
                self.message = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                }
            }
            "v" => {
                self.verbosity = value
                    .as_u64()
                    .and_then(|level| u32::try_from(level).ok())
                    .or(self.verbosity)
            }
            // `error` is what Rust code tends to write; the key in the log is klog's.
            "error" => self.values.push(("err", value)),
            name => self.values.push((name.strip_prefix("r#").unwrap_or(name), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::String(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            // Formatting into a String cannot fail.
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.push(field, Value::String(text));
    }
}

static PROCESS_ID: LazyLock<u32> = LazyLock::new(std::process::id);

/// `I0102 15:04:05.000000   12345 file.rs:7] message`, or `"message" key="value"` where there are fields.
pub(super) fn write_text(line: &mut Vec<u8>, header: &Header<'_>, fields: &Fields) {
    let severity = match header.level {
        Level::ERROR => 'E',
        Level::WARN => 'W',
        _ => 'I',
    };
    let now = Zoned::now();
    let file = header.file.rsplit_once('/').map_or(header.file, |(_, name)| name);
    // Writing into a Vec cannot fail; this holds for every write below.
    let _ = write!(
        line,
        "{severity}{:02}{:02} {:02}:{:02}:{:02}.{:06} {:>7} {file}:{}] ",
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.subsec_nanosecond() / 1000,
        *PROCESS_ID,
        header.line
    );
    if fields.values.is_empty() {
        // A line break would let a message pose as another line.
        line.extend_from_slice(fields.message.trim_end().replace('\n', "\\n").as_bytes());
    } else {
        let _ = write!(line, "{:?}", fields.message);
    }
    for (key, value) in &fields.values {
        let _ = match value {
            Value::String(text) => write!(line, " {key}={text:?}"),
            other => write!(line, " {key}={other}"),
        };
    }
    line.push(b'\n');
}

/// `{"ts":1580306777045.28,"caller":"dir/file.rs:7","msg":"message","v":0,"key":"value"}`
pub(super) fn write_json(line: &mut Vec<u8>, header: &Header<'_>, fields: &Fields) {
    let now = jiff::Timestamp::now();
    let milliseconds = now.as_nanosecond() as f64 / 1e6;
    let short = header
        .file
        .rmatch_indices('/')
        .nth(1)
        .map_or(header.file, |(cut, _)| &header.file[cut + 1..]);
    let _ = write!(line, "{{\"ts\":{milliseconds},\"caller\":");
    let _ = serde_json::to_writer(&mut *line, &format_args!("{short}:{}", header.line).to_string());
    line.extend_from_slice(b",\"msg\":");
    let _ = serde_json::to_writer(&mut *line, &fields.message);
    if header.level != Level::ERROR {
        let _ = write!(line, ",\"v\":{}", header.verbosity);
    }
    for (key, value) in &fields.values {
        line.push(b',');
        let _ = serde_json::to_writer(&mut *line, key);
        line.push(b':');
        let _ = serde_json::to_writer(&mut *line, value);
    }
    line.extend_from_slice(b"}\n");
}
