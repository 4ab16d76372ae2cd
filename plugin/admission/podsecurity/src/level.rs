//! Levels, versions, and the policy that a namespace's labels make.

use std::fmt;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::Map;

/// A level of the Pod Security Standards; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are not.
    Baseline,
    /// Current hardening practice is asked for.
    Restricted,
}

impl Level {
    /// The level of this name.
    ///
    /// # Errors
    /// The message for anything else.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err("must be one of privileged, baseline, restricted"),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        })
    }
}

/// The Kubernetes version whose idea of a level is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Of minor version `v1.N`.
    Minor(u32),
    /// The newest there is.
    Latest,
}

impl Version {
    /// The version of this name.
    ///
    /// # Errors
    /// The message for anything else.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let digits = text.strip_prefix("v1.").unwrap_or_default();
        let canonical = digits == "0" || !digits.starts_with('0');
        let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse() {
            Ok(minor) if canonical && decimal => Ok(Self::Minor(minor)),
            _ => Err(r#"must be "latest" or "v1.x""#),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => formatter.write_str("latest"),
            Self::Minor(minor) => write!(formatter, "v1.{minor}"),
        }
    }
}

/// A level of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LevelVersion {
    /// The level.
    pub level: Level,
    /// Of this version.
    pub version: Version,
}

impl LevelVersion {
    /// The level that allows everything.
    pub const PRIVILEGED: Self = Self {
        level: Level::Privileged,
        version: Version::Latest,
    };

    /// Whether both allow the same; nothing is forbidden at the privileged level of any version.
    #[must_use]
    pub fn is_equivalent(self, other: Self) -> bool {
        self == other || (self.level == Level::Privileged && other.level == Level::Privileged)
    }
}

impl fmt::Display for LevelVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.level, self.version)
    }
}

/// What holds in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Pods that violate this are refused.
    pub enforce: LevelVersion,
    /// Violations of this are noted in the audit log.
    pub audit: LevelVersion,
    /// Violations of this are told to the client.
    pub warn: LevelVersion,
}

/// A mode and the labels that set it.
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) level_label: &'static str,
    pub(crate) version_label: &'static str,
    pub(crate) of: fn(&mut Policy) -> &mut LevelVersion,
    /// What an unreadable level means: enforcement fails closed, the others open.
    otherwise: Level,
}

pub(crate) const MODES: [Mode; 3] = [
    Mode {
        name: "enforce",
        level_label: "pod-security.kubernetes.io/enforce",
        version_label: "pod-security.kubernetes.io/enforce-version",
        of: |policy| &mut policy.enforce,
        otherwise: Level::Restricted,
    },
    Mode {
        name: "audit",
        level_label: "pod-security.kubernetes.io/audit",
        version_label: "pod-security.kubernetes.io/audit-version",
        of: |policy| &mut policy.audit,
        otherwise: Level::Privileged,
    },
    Mode {
        name: "warn",
        level_label: "pod-security.kubernetes.io/warn",
        version_label: "pod-security.kubernetes.io/warn-version",
        of: |policy| &mut policy.warn,
        otherwise: Level::Privileged,
    },
];

impl Policy {
    /// A policy that neither refuses nor says anything.
    pub const PRIVILEGED: Self = Self {
        enforce: LevelVersion::PRIVILEGED,
        audit: LevelVersion::PRIVILEGED,
        warn: LevelVersion::PRIVILEGED,
    };

    /// The policy of a namespace with these labels, and what is wrong with them.
    #[must_use]
    pub fn of_labels(labels: &Map<String>, defaults: &Self) -> (Self, ErrorList) {
        let mut policy = *defaults;
        let mut errors = ErrorList::new();
        if labels.is_empty() {
            return (policy, errors);
        }
        let metadata = Path::new("metadata");
        let path = metadata.child("labels");
        let mut enforce_is_set = false;
        for mode in &MODES {
            let target = (mode.of)(&mut policy);
            if let Some(text) = labels.get(mode.level_label) {
                match Level::parse(text) {
                    Ok(level) => {
                        target.level = level;
                        enforce_is_set |= mode.name == "enforce";
                    }
                    Err(message) => {
                        target.level = mode.otherwise;
                        errors.push(Error::invalid(&path.key(mode.level_label), text, message));
                    }
                }
            }
            if let Some(text) = labels.get(mode.version_label) {
                match Version::parse(text) {
                    Ok(version) => target.version = version,
                    Err(message) => {
                        target.version = Version::Latest;
                        errors.push(Error::invalid(&path.key(mode.version_label), text, message));
                    }
                }
            }
        }
        // What is refused of pods is worth a warning for workloads.
        let warns = labels.contains_key(MODES[2].level_label);
        if enforce_is_set && !warns && policy.enforce.level > policy.warn.level {
            policy.warn.level = policy.enforce.level;
            if !labels.contains_key(MODES[2].version_label) {
                policy.warn.version = policy.enforce.version;
            }
        }
        (policy, errors)
    }

    /// Whether no mode forbids anything.
    #[must_use]
    pub fn is_fully_privileged(&self) -> bool {
        [self.enforce, self.audit, self.warn]
            .iter()
            .all(|mode| mode.level == Level::Privileged)
    }

    /// Whether both refuse and say the same.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.enforce.is_equivalent(other.enforce)
            && self.audit.is_equivalent(other.audit)
            && self.warn.is_equivalent(other.warn)
    }
}
