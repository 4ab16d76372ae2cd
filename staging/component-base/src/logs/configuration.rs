//! What can be configured of the log, by flags and in the `logging` part of configuration files.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::GoDuration;
use crate::feature_gates::{Feature, FeatureGates};
use crate::flags::{ByteQuantity, FlagSet, FlagValue, Flags, parse_unsigned};

/// Why a logging configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoggingError {
    /// A field has a value that it cannot have.
    #[error("{field}: Invalid value: {value}: {reason}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A field may not be set here.
    #[error("{field}: Forbidden: {reason}")]
    Forbidden {
        /// The field's path.
        field: String,
        /// Why not.
        reason: String,
    },
    /// The log runs already.
    #[error("logging configuration was already applied earlier, changing it is not allowed")]
    AlreadyApplied,
}

/// A klog verbosity threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbosity(pub u32);

impl FlagValue for Verbosity {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        if !decimal || text.is_empty() {
            return Err(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"));
        }
        let digits = text.trim_start_matches('0');
        let value = parse_unsigned(
            if digits.is_empty() { "0" } else { digits },
            u64::from(i32::MAX.unsigned_abs()),
        )?;
        self.0 = u32::try_from(value).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn type_name(&self) -> &'static str {
        "Level"
    }
}

/// The threshold for files whose name (or path, if the pattern has a `/`) matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VModuleItem {
    /// A file name without its extension; `*` and `?` are wildcards.
    pub file_pattern: String,
    /// The threshold.
    pub verbosity: Verbosity,
}

impl VModuleItem {
    /// Whether the pattern means this source file.
    pub(super) fn matches(&self, file: &str) -> bool {
        let file = file.strip_suffix(".rs").unwrap_or(file);
        let subject = if self.file_pattern.contains('/') {
            file
        } else {
            file.rsplit_once('/').map_or(file, |(_, name)| name)
        };
        glob(self.file_pattern.as_bytes(), subject.as_bytes())
    }
}

/// Shell-like matching with `*` and `?`; linear in practice, because only the last star is ever reconsidered.
fn glob(pattern: &[u8], subject: &[u8]) -> bool {
    let (mut p, mut s, mut retry) = (0, 0, None);
    while s < subject.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, s));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == subject[s] => {
                p += 1;
                s += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, s) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Thresholds for single files; the first that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VModule(pub Vec<VModuleItem>);

impl FlagValue for VModule {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let (pattern, level) = item
                .split_once('=')
                .filter(|(pattern, level)| !pattern.is_empty() && !level.is_empty() && !level.contains('='))
                .ok_or_else(|| format!("{item:?} does not have the pattern=N format"))?;
            let mut verbosity = Verbosity::default();
            verbosity
                .set(level, true)
                .map_err(|error| format!("parsing verbosity in {item:?}: {error}"))?;
            self.0.push(VModuleItem {
                file_pattern: pattern.to_owned(),
                verbosity,
            });
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        self.0
            .iter()
            .map(|item| format!("{}={}", item.file_pattern, item.verbosity.0))
            .collect::<Vec<_>>()
            .join(",")
    }

    fn type_name(&self) -> &'static str {
        "pattern=N,..."
    }
}

/// How often buffers are flushed: a duration string, or nanoseconds as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushFrequency(pub GoDuration);

impl Default for FlushFrequency {
    fn default() -> Self {
        Self(GoDuration::from_secs(5))
    }
}

impl Serialize for FlushFrequency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FlushFrequency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Nanoseconds(i64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Nanoseconds(nanoseconds) => Ok(Self(GoDuration::from_nanos(nanoseconds))),
            Form::Text(text) => text.parse().map(Self).map_err(de::Error::custom),
        }
    }
}

/// Where one format writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OutputRouting {
    /// Errors to standard error, everything else to standard output.
    pub split_stream: bool,
    /// With split streams, how many bytes of the latter are held back; 0 for none.
    #[serde(with = "byte_quantity")]
    pub info_buffer_size: ByteQuantity,
}

mod byte_quantity {
    use super::{ByteQuantity, Deserialize, Deserializer, FlagValue, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &ByteQuantity, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_text())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteQuantity, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        let text = match Form::deserialize(deserializer)? {
            Form::Number(number) => return Ok(ByteQuantity(number)),
            Form::Text(text) => text,
        };
        let mut value = ByteQuantity::default();
        value.set(&text, true).map_err(de::Error::custom)?;
        Ok(value)
    }
}

/// The options of each format.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FormatOptions {
    /// For `text`.
    pub text: OutputRouting,
    /// For `json`.
    pub json: OutputRouting,
}

/// The log's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoggingConfiguration {
    /// `text` or `json`.
    pub format: String,
    /// How often buffers are flushed.
    pub flush_frequency: FlushFrequency,
    /// The threshold; 0 writes what is always written.
    pub verbosity: Verbosity,
    /// Thresholds for single files, text format only.
    pub vmodule: VModule,
    /// Alpha: where the lines go.
    pub options: FormatOptions,
}

impl Default for LoggingConfiguration {
    fn default() -> Self {
        Self {
            format: "text".to_owned(),
            flush_frequency: FlushFrequency::default(),
            verbosity: Verbosity::default(),
            vmodule: VModule::default(),
            options: FormatOptions::default(),
        }
    }
}

impl LoggingConfiguration {
    /// Checks the configuration.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self, gates: &FeatureGates) -> Result<(), LoggingError> {
        let forbidden = |field: &str, reason: String| {
            Err(LoggingError::Forbidden {
                field: field.to_owned(),
                reason,
            })
        };
        if self.flush_frequency.0 <= GoDuration::ZERO {
            return Err(LoggingError::Invalid {
                field: "flushFrequency",
                value: self.flush_frequency.0.to_string(),
                reason: "Must be greater than zero".to_owned(),
            });
        }
        match self.format.as_str() {
            "text" | "" => {}
            "json" if gates.enabled(Feature::LoggingBetaOptions) => {}
            "json" => {
                return forbidden(
                    "format",
                    "Log format json is disabled, see LoggingBetaOptions feature".to_owned(),
                );
            }
            _ => {
                return Err(LoggingError::Invalid {
                    field: "format",
                    value: format!("{:?}", self.format),
                    reason: "Unsupported log format".to_owned(),
                });
            }
        }
        if self.is_json() && !self.vmodule.0.is_empty() {
            return forbidden("vmodule", "Only supported for text log format".to_owned());
        }
        for (index, item) in self.vmodule.0.iter().enumerate() {
            if item.file_pattern.is_empty() || item.file_pattern.contains(['=', ',']) {
                return forbidden(
                    &format!("vmodule[{index}]"),
                    "File pattern must not be empty, and must not contain equal sign or comma".to_owned(),
                );
            }
        }
        for (format, routing) in [("text", &self.options.text), ("json", &self.options.json)] {
            let fields = [
                ("splitStream", routing.split_stream),
                ("infoBufferSize", routing.info_buffer_size.0 != 0),
            ];
            for (field, set) in fields {
                if set && !gates.enabled(Feature::LoggingAlphaOptions) {
                    return forbidden(
                        &format!("options.{format}.{field}"),
                        "Feature LoggingAlphaOptions is disabled".to_owned(),
                    );
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == "json"
    }

    pub(super) fn routing(&self) -> &OutputRouting {
        if self.is_json() {
            &self.options.json
        } else {
            &self.options.text
        }
    }
}

impl Flags for LoggingConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        const BUFFER: &str = "with split streams, how many bytes of informational messages are held back (512, 1k, 2Ki, 3M, 4Gi); 0 for none (alpha, needs the LoggingAlphaOptions gate)";
        const SPLIT: &str = "errors to stderr, informational messages to stdout; the default is stderr for both (alpha, needs the LoggingAlphaOptions gate)";
        flags.section("logs");
        flags.add(
            "logging-format",
            &mut self.format,
            "the log format: \"json\" or \"text\"",
        );
        flags.add(
            "log-flush-frequency",
            &mut self.flush_frequency.0,
            "how often buffered messages are written out",
        );
        flags
            .add("v", &mut self.verbosity, "the log's verbosity")
            .shorthand('v');
        flags.add(
            "vmodule",
            &mut self.vmodule,
            "verbosity of single files, as a list of pattern=N (text format only)",
        );
        flags.add(
            "log-text-split-stream",
            &mut self.options.text.split_stream,
            format!("text format: {SPLIT}"),
        );
        flags.add(
            "log-text-info-buffer-size",
            &mut self.options.text.info_buffer_size,
            format!("text format: {BUFFER}"),
        );
        flags.add(
            "log-json-split-stream",
            &mut self.options.json.split_stream,
            format!("JSON format: {SPLIT}"),
        );
        flags.add(
            "log-json-info-buffer-size",
            &mut self.options.json.info_buffer_size,
            format!("JSON format: {BUFFER}"),
        );
    }
}
