//! Groups of options that components put together: each a plain struct with upstream's defaults, its flags, its checks.

mod debugging;
mod leader_election;
mod secure_serving;

#[cfg(test)]
mod tests;

pub use debugging::DebuggingConfiguration;
pub use leader_election::{ClientConnectionConfiguration, LeaderElectionConfiguration, LeaderElectionError};
pub use secure_serving::{SecureServingError, SecureServingOptions};

use crate::feature_gates::FeatureGates;
use crate::flags::{ColonMultimap, FlagSet, Flags};

/// `--feature-gates` as a plain list, `A=true,B=false`.
impl Flags for FeatureGates {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let usage = format!(
            "feature gates to switch, as a list of key=value pairs. The gates are:\n{}",
            self.known().join("\n")
        );
        flags.section("generic").add("feature-gates", self, usage);
    }
}

/// `--feature-gates`, `--emulated-version` and `--min-compatibility-version` of the control plane: lists by component,
/// `kube:A=true,B=false`, where what names no component belongs to `kube`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentVersionOptions {
    /// The gates by component.
    pub feature_gates: ColonMultimap,
    /// The emulated versions: `kube=1.35`.
    pub emulated_version: Vec<String>,
    /// The versions to stay compatible with: `kube=1.34`.
    pub min_compatibility_version: Vec<String>,
}

/// The component that this project's binaries are.
const KUBE: &str = "kube";

/// Why gates and versions cannot be had together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComponentVersionError {
    /// A gate is refused.
    #[error(transparent)]
    Gates(#[from] crate::feature_gates::FeatureGateError),
    /// Another component than ours.
    #[error("component not registered: {0}")]
    Component(String),
    /// Not `[component=]1.N`.
    #[error("could not parse {0:?} as version")]
    Version(String),
    /// A version that this binary cannot emulate.
    #[error("emulation version {given} is not between [1.{oldest}, 1.{newest}]")]
    Emulation {
        /// What was asked for.
        given: String,
        /// The oldest minor that can be emulated.
        oldest: u32,
        /// This binary's own minor.
        newest: u32,
    },
    /// A version that cannot go with the emulated one.
    #[error("minCompatibilityVersion version {given} is not between [1.{oldest}, 1.{newest}]")]
    MinCompatibility {
        /// What was asked for.
        given: String,
        /// The oldest minor that may be named.
        oldest: u32,
        /// The newest minor that may be named.
        newest: u32,
    },
}

/// The gates and versions that hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveVersion {
    /// The gates, at the emulated version.
    pub gates: FeatureGates,
    /// The emulated minor version.
    pub emulation: u32,
    /// The oldest minor version that the server stays compatible with.
    pub min_compatibility: u32,
}

impl Flags for ComponentVersionOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let known = FeatureGates::default().known().join("\n");
        flags.section("generic");
        flags.add(
            "feature-gates",
            &mut self.feature_gates,
            format!("feature gates to switch, as a list of [component:]key=value pairs; the component is kube if none is named. The gates are:\n{known}"),
        );
        flags.add(
            "emulated-version",
            &mut self.emulated_version,
            "versions whose features and API to emulate, as a list of component=major.minor",
        );
        flags.add(
            "min-compatibility-version",
            &mut self.min_compatibility_version,
            "the oldest versions that the other servers of the control plane may have, as a list of component=major.minor",
        );
    }
}

impl ComponentVersionOptions {
    /// Resolves the options.
    ///
    /// # Errors
    /// A component, version or gate is refused.
    pub fn complete(&self) -> Result<EffectiveVersion, ComponentVersionError> {
        /// How many releases back may be emulated.
        const EMULATED_RELEASES: u32 = 3;
        let own = crate::version::MINOR;
        let emulation = match minor_of(&self.emulated_version)? {
            None => own,
            Some((given, minor)) if !(own - EMULATED_RELEASES..=own).contains(&minor) => {
                return Err(ComponentVersionError::Emulation {
                    given,
                    oldest: own - EMULATED_RELEASES,
                    newest: own,
                });
            }
            Some((_, minor)) => minor,
        };
        let oldest = own - EMULATED_RELEASES;
        let min_compatibility = match minor_of(&self.min_compatibility_version)? {
            None => emulation.saturating_sub(1).max(oldest),
            Some((given, minor)) if !(oldest..=emulation).contains(&minor) => {
                return Err(ComponentVersionError::MinCompatibility {
                    given,
                    oldest,
                    newest: emulation,
                });
            }
            Some((_, minor)) => minor,
        };
        let mut gates = FeatureGates::new(emulation);
        let mut text = Vec::new();
        for (component, pairs) in self.feature_gates.iter() {
            if !component.is_empty() && component != KUBE {
                return Err(ComponentVersionError::Component(component.clone()));
            }
            text.extend(pairs.iter().map(String::as_str));
        }
        gates.set_from_text(&text.join(","))?;
        Ok(EffectiveVersion {
            gates,
            emulation,
            min_compatibility,
        })
    }
}

/// The minor version given for our component, with the text it was given as.
fn minor_of(list: &[String]) -> Result<Option<(String, u32)>, ComponentVersionError> {
    let mut found = None;
    for entry in list {
        let version = match entry.split_once('=') {
            Some((KUBE, version)) => version,
            Some((component, _)) => return Err(ComponentVersionError::Component(component.to_owned())),
            None => entry.as_str(),
        };
        let bad = || ComponentVersionError::Version(version.to_owned());
        let minor = version
            .strip_prefix('v')
            .unwrap_or(version)
            .strip_prefix("1.")
            .and_then(|minor| minor.parse().ok())
            .ok_or_else(bad)?;
        found = Some((version.to_owned(), minor));
    }
    Ok(found)
}
