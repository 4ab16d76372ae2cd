//! The plugin's configuration.

use apimachinery::field::{Error, ErrorList, Path};
use component_base::config::{DecodeError, from_slice_of_kind};
use serde::Deserialize;

const KINDS: &[(&str, &str)] = &[("eventratelimit.admission.k8s.io/v1alpha1", "Configuration")];
/// How many buckets a limit keeps where it does not say.
const DEFAULT_BUCKETS: usize = 4096;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RateLimitError {
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its values make no sense.
    #[error("{0}")]
    Invalid(ErrorList),
}

/// `Configuration` of `eventratelimit.admission.k8s.io`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRateLimitConfiguration {
    /// The limits; an event must keep to all of them.
    #[serde(default)]
    pub limits: Vec<RateLimit>,
}

/// One limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// `Server`, `Namespace`, `User` or `SourceAndObject`: what has a bucket of its own.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Events a second that a bucket gets.
    #[serde(default)]
    pub qps: i32,
    /// Events that a bucket holds at most.
    #[serde(default)]
    pub burst: i32,
    /// Buckets that are kept, the latest used; 0 for 4096.
    #[serde(default)]
    pub cache_size: i32,
}

/// What has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitType {
    Server,
    Namespace,
    User,
    SourceAndObject,
}

const TYPES: [LimitType; 4] = [
    LimitType::Server,
    LimitType::Namespace,
    LimitType::User,
    LimitType::SourceAndObject,
];

impl LimitType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Namespace => "Namespace",
            Self::User => "User",
            Self::SourceAndObject => "SourceAndObject",
        }
    }

    pub(super) fn most_buckets(self, limit: &RateLimit) -> usize {
        match (self, usize::try_from(limit.cache_size)) {
            (Self::Server, _) => 1,
            (_, Ok(0) | Err(_)) => DEFAULT_BUCKETS,
            (_, Ok(size)) => size,
        }
    }
}

impl EventRateLimitConfiguration {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, RateLimitError> {
        let configuration: Self = from_slice_of_kind(bytes, KINDS)?;
        configuration.check()?;
        Ok(configuration)
    }

    /// The limits with their types.
    pub(super) fn check(&self) -> Result<Vec<(LimitType, &RateLimit)>, RateLimitError> {
        let path = Path::new("limits");
        let mut errors = ErrorList::new();
        let mut limits = Vec::new();
        if self.limits.is_empty() {
            let none = apimachinery::field::BadValue::plain("[]");
            errors.push(Error::invalid(&path, none, "must not be empty"));
        }
        for (index, limit) in self.limits.iter().enumerate() {
            let path = path.index(index);
            match TYPES.iter().find(|kind| kind.as_str() == limit.kind) {
                Some(kind) => limits.push((*kind, limit)),
                None => {
                    let known = TYPES.map(LimitType::as_str);
                    errors.push(Error::not_supported(&path.child("type"), &limit.kind, &known));
                }
            }
            for (name, value) in [("burst", limit.burst), ("qps", limit.qps)] {
                if value <= 0 {
                    errors.push(Error::invalid(&path.child(name), value, "must be positive"));
                }
            }
            if limit.kind != LimitType::Server.as_str() && limit.cache_size < 0 {
                let path = path.child("cacheSize");
                errors.push(Error::invalid(&path, limit.cache_size, "must not be negative"));
            }
        }
        if errors.is_empty() {
            Ok(limits)
        } else {
            Err(RateLimitError::Invalid(errors))
        }
    }
}
