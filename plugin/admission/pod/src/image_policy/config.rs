//! The plugin's configuration.

use std::time::Duration;

use component_base::config::{DecodeError, from_slice};
use serde::Deserialize;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImagePolicyError {
    /// There is none.
    #[error("no config specified")]
    None,
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A duration is out of bounds.
    #[error("valid value is between {least:?} and {most:?}, got {value:?}")]
    Duration {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
        /// What it says.
        value: Duration,
    },
}

/// How the service is asked, and how its answers count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePolicyConfiguration {
    /// The file that says how to reach the service.
    pub kubeconfig: String,
    /// How long a yes counts; zero for not at all.
    pub allow_ttl: Duration,
    /// How long a no counts; zero for not at all.
    pub deny_ttl: Duration,
    /// The pause before a failed question is asked again; it grows.
    pub retry_backoff: Duration,
    /// Whether the service's absence counts as a yes.
    pub default_allow: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    image_policy: Section,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Section {
    #[serde(default)]
    kube_config_file: String,
    #[serde(default, rename = "allowTTL")]
    allow_ttl: i64,
    #[serde(default, rename = "denyTTL")]
    deny_ttl: i64,
    #[serde(default)]
    retry_backoff: i64,
    #[serde(default)]
    default_allow: bool,
}

/// -1 is none, 0 the default; other numbers are in units of `scale`.
fn duration(value: i64, scale: Duration, [least, most, default]: [Duration; 3]) -> Result<Duration, ImagePolicyError> {
    let value = match value {
        -1 => return Ok(Duration::ZERO),
        0 => return Ok(default),
        value => scale.saturating_mul(u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })),
    };
    if value < least || value > most {
        return Err(ImagePolicyError::Duration { least, most, value });
    }
    Ok(value)
}

impl ImagePolicyConfiguration {
    /// Reads and checks a configuration; there must be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: Option<&[u8]>) -> Result<Self, ImagePolicyError> {
        let document: Document = from_slice(bytes.ok_or(ImagePolicyError::None)?)?;
        let section = document.image_policy;
        let seconds = Duration::from_secs;
        let half_hour = seconds(30 * 60);
        Ok(Self {
            kubeconfig: section.kube_config_file,
            retry_backoff: duration(
                section.retry_backoff,
                Duration::from_millis(1),
                [Duration::from_nanos(1), seconds(5 * 60), Duration::from_millis(500)],
            )?,
            allow_ttl: duration(section.allow_ttl, seconds(1), [seconds(1), half_hour, seconds(5 * 60)])?,
            deny_ttl: duration(section.deny_ttl, seconds(1), [seconds(1), half_hour, seconds(30)])?,
            default_allow: section.default_allow,
        })
    }
}
