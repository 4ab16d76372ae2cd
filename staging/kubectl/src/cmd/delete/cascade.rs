//! `--cascade`.

use client_go::api::Propagation;
use component_base::flags::FlagValue;

use cli_runtime::Result;

use crate::frame::Context;

/// What becomes of the objects that the deleted one owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cascade {
    /// They are deleted after it.
    #[default]
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
    /// The old way to say `background`.
    True,
    /// The old way to say `orphan`.
    False,
}

impl Cascade {
    /// What the server is told.
    pub(crate) fn propagation(self) -> Propagation {
        match self {
            Self::Background | Self::True => Propagation::Background,
            Self::Foreground => Propagation::Foreground,
            Self::Orphan | Self::False => Propagation::Orphan,
        }
    }

    /// Says how to write what was written the old way.
    pub(crate) fn warn(self, context: &Context) -> Result<()> {
        let (old, new) = match self {
            Self::True => ("true", "background"),
            Self::False => ("false", "orphan"),
            _ => return Ok(()),
        };
        Ok(context.streams.err.print(format!(
            "warning: --cascade={old} is deprecated (boolean value) and can be replaced with --cascade={new}.\n"
        ))?)
    }
}

impl FlagValue for Cascade {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = match text {
            "background" => Self::Background,
            "foreground" => Self::Foreground,
            "orphan" => Self::Orphan,
            "true" | "True" | "TRUE" | "t" | "T" | "1" => Self::True,
            "false" | "False" | "FALSE" | "f" | "F" | "0" => Self::False,
            _ => {
                return Err(format!(
                    "invalid cascade value ({text}). Must be \"background\", \"foreground\", or \"orphan\""
                ));
            }
        };
        Ok(())
    }

    fn to_text(&self) -> String {
        match self {
            Self::Background | Self::True => "background",
            Self::Foreground => "foreground",
            Self::Orphan | Self::False => "orphan",
        }
        .to_owned()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }

    fn implied(&self) -> Option<&'static str> {
        Some("background")
    }
}
