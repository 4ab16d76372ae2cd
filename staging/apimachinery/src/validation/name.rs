//! What the names of a kind's objects look like.

use crate::names::{self, Messages};

/// The check of a kind's names.
///
/// Implemented by [`NameRule`] and by functions of the same form.
pub trait NameCheck {
    /// What is wrong with `name`; with `prefix`, it is a `generateName` that gets characters appended.
    fn check(&self, name: &str, prefix: bool) -> Messages;
}

/// The checks that most kinds use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS subdomain: labels with dots in between, 253 bytes.
    Dns1123Subdomain,
    /// A DNS label: 63 bytes.
    Dns1123Label,
    /// A DNS label that begins with a letter.
    Dns1035Label,
    /// Anything that can be a segment of a URL path.
    PathSegment,
}

impl NameCheck for NameRule {
    fn check(&self, name: &str, prefix: bool) -> Messages {
        let masked = |name| {
            if prefix {
                names::mask_trailing_dash(name)
            } else {
                name.into()
            }
        };
        match self {
            Self::Dns1123Subdomain => names::dns1123_subdomain(&masked(name)),
            Self::Dns1123Label => names::dns1123_label(&masked(name)),
            Self::Dns1035Label => names::dns1035_label(&masked(name)),
            Self::PathSegment if prefix => names::path_segment_prefix(name),
            Self::PathSegment => names::path_segment_name(name),
        }
    }
}

impl<F: Fn(&str, bool) -> Messages> NameCheck for F {
    fn check(&self, name: &str, prefix: bool) -> Messages {
        self(name, prefix)
    }
}
