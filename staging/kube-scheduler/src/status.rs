//! The outcome of a plugin's step.
//!
//! Most outcomes are success or one fixed reason, once a node and cycle; neither allocates.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What an outcome means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// Go on.
    #[default]
    Success,
    /// Something went wrong that has nothing to do with the pod; it is tried again.
    Error,
    /// The pod does not fit; removing other pods may help.
    Unschedulable,
    /// The pod does not fit, and removing other pods does not help.
    UnschedulableAndUnresolvable,
    /// Of Permit: the binding waits.
    Wait,
    /// The plugin has nothing to say about this pod.
    Skip,
    /// The pod waits for something that the plugin has asked for; it skips the back-off when that comes.
    Pending,
}

impl Code {
    /// The name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Error => "Error",
            Self::Unschedulable => "Unschedulable",
            Self::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Self::Wait => "Wait",
            Self::Skip => "Skip",
            Self::Pending => "Pending",
        }
    }
}

#[derive(Clone, Debug, Default)]
enum Reasons {
    #[default]
    None,
    One(&'static str),
    Many(Arc<[Cow<'static, str>]>),
}

/// An outcome: a code, its reasons, and the plugin it came from.
#[derive(Clone, Debug, Default)]
pub struct Status {
    code: Code,
    plugin: &'static str,
    reasons: Reasons,
}

impl Status {
    /// Go on.
    pub const SUCCESS: Self = Self::of(Code::Success);
    /// Nothing to say about this pod.
    pub const SKIP: Self = Self::of(Code::Skip);

    const fn of(code: Code) -> Self {
        Self {
            code,
            plugin: "",
            reasons: Reasons::None,
        }
    }

    /// An outcome with one fixed reason. Allocates nothing.
    #[must_use]
    pub const fn fixed(code: Code, reason: &'static str) -> Self {
        Self {
            code,
            plugin: "",
            reasons: Reasons::One(reason),
        }
    }

    /// An outcome with reasons.
    #[must_use]
    pub fn new<R: Into<Cow<'static, str>>>(code: Code, reasons: impl IntoIterator<Item = R>) -> Self {
        let reasons: Arc<[_]> = reasons.into_iter().map(Into::into).collect();
        Self {
            code,
            plugin: "",
            reasons: if reasons.is_empty() {
                Reasons::None
            } else {
                Reasons::Many(reasons)
            },
        }
    }

    /// The pod does not fit, and removing other pods does not help.
    #[must_use]
    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::UnschedulableAndUnresolvable, [reason])
    }

    /// Something went wrong.
    #[must_use]
    pub fn error(error: impl fmt::Display) -> Self {
        Self::new(Code::Error, [error.to_string()])
    }

    /// The same outcome, from this plugin.
    #[must_use]
    pub fn with_plugin(mut self, plugin: &'static str) -> Self {
        self.plugin = plugin;
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The plugin that said so; empty if none did.
    #[must_use]
    pub fn plugin(&self) -> &'static str {
        self.plugin
    }

    /// The reasons.
    pub fn reasons(&self) -> impl ExactSizeIterator<Item = &str> {
        let (one, many): (Option<&str>, &[Cow<'static, str>]) = match &self.reasons {
            Reasons::None => (None, &[]),
            Reasons::One(reason) => (Some(reason), &[]),
            Reasons::Many(reasons) => (None, reasons),
        };
        let count = usize::from(one.is_some()) + many.len();
        (0..count).map(move |i| one.unwrap_or_else(|| &many[i]))
    }

    /// The reasons in one line.
    #[must_use]
    pub fn message(&self) -> String {
        self.reasons().collect::<Vec<_>>().join(", ")
    }

    /// Whether to go on.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Code::Success
    }

    /// Whether the plugin has nothing to say.
    #[must_use]
    pub fn is_skip(&self) -> bool {
        self.code == Code::Skip
    }

    /// Whether the binding is to wait.
    #[must_use]
    pub fn is_wait(&self) -> bool {
        self.code == Code::Wait
    }

    /// Whether the pod was rejected, as opposed to something going wrong.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(
            self.code,
            Code::Unschedulable | Code::UnschedulableAndUnresolvable | Code::Pending
        )
    }
}

impl PartialEq for Status {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.plugin == other.plugin && self.reasons().eq(other.reasons())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_codes() {
        assert_eq!(Status::SUCCESS.message(), "");
        assert!(Status::default().is_success());
        let fixed = Status::fixed(Code::Unschedulable, "a");
        let same = Status::new(Code::Unschedulable, ["a"]);
        assert_eq!(fixed, same);
        assert_ne!(fixed, same.clone().with_plugin("P"));
        assert_eq!(Status::new(Code::Unschedulable, ["a", "b"]).message(), "a, b");
        for (code, rejected) in [
            (Code::Success, false),
            (Code::Error, false),
            (Code::Unschedulable, true),
            (Code::UnschedulableAndUnresolvable, true),
            (Code::Wait, false),
            (Code::Skip, false),
            (Code::Pending, true),
        ] {
            assert_eq!(Status::new(code, ["r"]).is_rejected(), rejected, "{}", code.as_str());
        }
    }
}
