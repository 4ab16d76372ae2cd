//! Feature gates: which behaviours of v1.36 are switched on.
//!
//! [`FeatureGates`] is a value: the binary makes it from the flag or the configuration file, and hands it down; nothing
//! is global. Code asks [`FeatureGates::enabled`] by [`Feature`]; names are for flags and files.
//!
//! Invariant: whatever is set is consistent with the emulated version, with locks, and with the gates' dependencies.
//! Counterpart upstream: `k8s.io/component-base/featuregate` and the `features` packages that fill it.

mod table;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::LazyLock;

pub use table::Feature;

use crate::flags::{FlagValue, parse_bool};
use crate::metrics::{MetricOpts, MetricsRegistry, Stability};
use crate::version;

/// How mature a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not there yet in the emulated version.
    PreAlpha,
    /// Off by default, may change or vanish.
    Alpha,
    /// Settled in the main, usually on by default.
    Beta,
    /// Generally available.
    Ga,
    /// On its way out.
    Deprecated,
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::PreAlpha => "PRE-ALPHA",
            Self::Alpha => "ALPHA",
            Self::Beta => "BETA",
            Self::Ga => "",
            Self::Deprecated => "DEPRECATED",
        })
    }
}

/// What holds for a gate at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureSpec {
    /// Its maturity.
    pub stage: Stage,
    /// Whether it is on when nobody sets it.
    pub default: bool,
    /// Whether it can no longer be set to anything else.
    pub locked: bool,
}

/// Why gates could not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeatureGateError {
    /// `Name` without `=value`.
    #[error("missing bool value for {0}")]
    MissingValue(String),
    /// The value is not a boolean.
    #[error("invalid value of {gate}={value}, err: {reason}")]
    InvalidValue {
        /// The gate.
        gate: String,
        /// What it was to be set to.
        value: String,
        /// The parser's words.
        reason: String,
    },
    /// There is no such gate.
    #[error("unrecognized feature gate: {0}")]
    Unrecognized(String),
    /// The gate is locked to the other value.
    #[error("cannot set feature gate {gate} to {value}, feature is locked to {}", !.value)]
    Locked {
        /// The gate.
        gate: String,
        /// What it was to be set to.
        value: bool,
    },
    /// The emulated version does not have the feature yet.
    #[error(
        "cannot set feature gate {gate} to {value}, feature is PreAlpha at emulated version 1.{emulation}, min compatibility version 1.{}",
        .emulation.saturating_sub(1)
    )]
    NotYet {
        /// The gate.
        gate: String,
        /// What it was to be set to.
        value: bool,
        /// The minor version that is emulated.
        emulation: u32,
    },
    /// A gate is on whose foundations are off.
    #[error("{gate} is enabled, but depends on features that are disabled: [{}]", .missing.join(" "))]
    Dependency {
        /// The gate that is on.
        gate: String,
        /// What it needs and does not have.
        missing: Vec<String>,
    },
    /// Several of these at once.
    #[error("[{}]", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Several(Vec<FeatureGateError>),
}

const ALL_ALPHA: &str = "AllAlpha";
const ALL_BETA: &str = "AllBeta";

/// The state of every gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGates {
    emulation: u32,
    /// In the order of the table.
    enabled: Box<[bool]>,
    /// What was set by name, `AllAlpha` and `AllBeta` included.
    set: BTreeMap<String, bool>,
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self::new(version::MINOR)
    }
}

impl FeatureGates {
    /// Every gate at its default in v1.`emulation`.
    #[must_use]
    pub fn new(emulation: u32) -> Self {
        let enabled = table::GATES
            .iter()
            .map(|(_, stages)| spec_at(stages, emulation).default)
            .collect();
        Self {
            emulation,
            enabled,
            set: BTreeMap::new(),
        }
    }

    /// The minor version whose stages and defaults apply.
    #[must_use]
    pub fn emulation(&self) -> u32 {
        self.emulation
    }

    /// Takes the stages and defaults of another minor version; what was set stays set.
    ///
    /// # Errors
    /// Something that was set cannot be set in that version. The gates are unchanged then.
    pub fn emulate(&mut self, emulation: u32) -> Result<(), FeatureGateError> {
        *self = Self::resolve(emulation, self.set.clone())?;
        Ok(())
    }

    /// Whether the feature is on. It costs a look into an array.
    #[must_use]
    pub fn enabled(&self, feature: Feature) -> bool {
        self.enabled[feature as usize]
    }

    /// The gate's stage, default and lock in the emulated version; `None` when there is no such gate.
    #[must_use]
    pub fn spec(&self, gate: &str) -> Option<FeatureSpec> {
        row(gate).map(|index| spec_at(table::GATES[index].1, self.emulation))
    }

    /// Sets gates by name, on top of those that were set before.
    ///
    /// # Errors
    /// Every gate that is unknown, locked or not there yet, or whose dependencies are off. Nothing changes then.
    pub fn set_from_map<'m>(
        &mut self,
        gates: impl IntoIterator<Item = (&'m String, &'m bool)>,
    ) -> Result<(), FeatureGateError> {
        let mut set = self.set.clone();
        set.extend(gates.into_iter().map(|(gate, on)| (gate.clone(), *on)));
        *self = Self::resolve(self.emulation, set)?;
        Ok(())
    }

    /// Sets gates from `A=true,B=false`.
    ///
    /// # Errors
    /// As [`FeatureGates::set_from_map`], and what does not parse.
    pub fn set_from_text(&mut self, text: &str) -> Result<(), FeatureGateError> {
        let mut gates = BTreeMap::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (gate, value) = match pair.split_once('=') {
                Some((gate, value)) => (gate.trim(), value.trim()),
                None => return Err(FeatureGateError::MissingValue(pair.trim().to_owned())),
            };
            let on = parse_bool(value).map_err(|reason| FeatureGateError::InvalidValue {
                gate: gate.to_owned(),
                value: value.to_owned(),
                reason,
            })?;
            gates.insert(gate.to_owned(), on);
        }
        self.set_from_map(&gates)
    }

    fn resolve(emulation: u32, set: BTreeMap<String, bool>) -> Result<Self, FeatureGateError> {
        let mut gates = Self::new(emulation);
        let mut explicit = vec![false; gates.enabled.len()];
        let mut errors = Vec::new();
        for (gate, &value) in set.iter().filter(|(gate, _)| !is_group(gate)) {
            let Some(index) = row(gate) else {
                errors.push(FeatureGateError::Unrecognized(gate.clone()));
                continue;
            };
            let spec = spec_at(table::GATES[index].1, emulation);
            if spec.locked && spec.default != value {
                errors.push(FeatureGateError::Locked {
                    gate: gate.clone(),
                    value,
                });
            } else if spec.stage == Stage::PreAlpha {
                errors.push(FeatureGateError::NotYet {
                    gate: gate.clone(),
                    value,
                    emulation,
                });
            } else {
                gates.enabled[index] = value;
                explicit[index] = true;
            }
        }
        for (group, stage) in [(ALL_ALPHA, Stage::Alpha), (ALL_BETA, Stage::Beta)] {
            let Some(&value) = set.get(group) else { continue };
            for (index, (_, stages)) in table::GATES.iter().enumerate() {
                if !explicit[index] && spec_at(stages, emulation).stage == stage {
                    gates.enabled[index] = value;
                }
            }
        }
        if errors.is_empty() {
            errors.extend(gates.unmet_dependencies());
        }
        gates.set = set;
        match errors.len() {
            0 => Ok(gates),
            1 => Err(errors.remove(0)),
            _ => Err(FeatureGateError::Several(errors)),
        }
    }

    fn unmet_dependencies(&self) -> impl Iterator<Item = FeatureGateError> {
        table::GATES
            .iter()
            .zip(&self.enabled)
            .filter(|(_, on)| **on)
            .filter_map(|((gate, stages), _)| {
                let (_, needs) = stages.split_once(" < ")?;
                let missing: Vec<_> = needs
                    .split(' ')
                    .filter(|need| !row(need).is_some_and(|index| self.enabled[index]))
                    .map(str::to_owned)
                    .collect();
                (!missing.is_empty()).then(|| FeatureGateError::Dependency {
                    gate: (*gate).to_owned(),
                    missing,
                })
            })
    }

    /// Whether the gate was set by name rather than left to defaults and groups.
    #[must_use]
    pub fn explicitly_set(&self, feature: Feature) -> bool {
        self.set.contains_key(feature.name())
    }

    /// Whether all alpha features were switched on or off together.
    #[must_use]
    pub fn alpha_set(&self) -> bool {
        self.set.contains_key(ALL_ALPHA)
    }

    /// `Name=true|false (BETA - default=true)` for every alpha and beta gate, as the flag's help lists them.
    #[must_use]
    pub fn known(&self) -> Vec<String> {
        let groups = [(ALL_ALPHA, Stage::Alpha, false), (ALL_BETA, Stage::Beta, false)].into_iter();
        let mut lines: Vec<_> = groups
            .chain(table::GATES.iter().map(|(gate, stages)| {
                let spec = spec_at(stages, self.emulation);
                (*gate, spec.stage, spec.default)
            }))
            .filter(|(_, stage, _)| matches!(stage, Stage::Alpha | Stage::Beta))
            .map(|(gate, stage, default)| format!("{gate}=true|false ({stage} - default={default})"))
            .collect();
        lines.sort_unstable();
        lines
    }

    /// Logs what was set, with a warning for gates that are about to go.
    pub fn log(&self) {
        for (gate, value) in &self.set {
            match self.spec(gate).map(|spec| spec.stage) {
                Some(Stage::Deprecated) => tracing::info!(
                    featureGate = gate,
                    value,
                    "Warning: setting deprecated feature gate. It will be removed in a future release."
                ),
                Some(Stage::Ga) => tracing::info!(
                    featureGate = gate,
                    value,
                    "Warning: setting GA feature gate. It will be removed in a future release."
                ),
                _ => tracing::info!(v = 1, featureGate = gate, value, "feature gate set"),
            }
        }
    }

    /// Publishes `kubernetes_feature_enabled` for every gate that exists in the emulated version.
    pub fn register_metrics(&self, registry: &MetricsRegistry) {
        let family = registry.gauge_vec(
            MetricOpts::new(
                "kubernetes_feature_enabled",
                "Whether a feature is enabled (1) or not (0), by its name and stage.",
            )
            .stability(Stability::Beta),
            &["name", "stage"],
        );
        for (group, stage) in [(ALL_ALPHA, "ALPHA"), (ALL_BETA, "BETA")] {
            family
                .with(&[group, stage])
                .set(i64::from(self.set.get(group).copied().unwrap_or(false)));
        }
        for ((gate, stages), on) in table::GATES.iter().zip(&self.enabled) {
            let stage = spec_at(stages, self.emulation).stage;
            if stage != Stage::PreAlpha {
                family.with(&[gate, &stage.to_string()]).set(i64::from(*on));
            }
        }
    }
}

impl Feature {
    /// The gate's name in flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        table::GATES[self as usize].0
    }

    /// The feature of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        row(name).map(|index| Self::ALL[index])
    }
}

fn is_group(gate: &str) -> bool {
    gate == ALL_ALPHA || gate == ALL_BETA
}

/// The gate's place in the table.
fn row(gate: &str) -> Option<usize> {
    static ROWS: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let names = table::GATES.iter().map(|(name, _)| *name);
        names.zip(0..).collect()
    });
    ROWS.get(gate).copied()
}

/// Reads a row of the table for one minor version.
fn spec_at(stages: &str, emulation: u32) -> FeatureSpec {
    let mut spec = FeatureSpec {
        stage: Stage::PreAlpha,
        default: false,
        locked: false,
    };
    for entry in stages.split(' ').take_while(|entry| *entry != "<") {
        let digits = entry
            .find(|c: char| !c.is_ascii_digit())
            .expect("a stage names its kind after its version");
        let (version, kind) = entry.split_at(digits);
        if version.parse::<u32>().expect("a stage begins with a minor version") > emulation {
            break;
        }
        spec = FeatureSpec {
            stage: match kind.as_bytes()[0] {
                b'a' => Stage::Alpha,
                b'b' => Stage::Beta,
                b'g' => Stage::Ga,
                _ => Stage::Deprecated,
            },
            default: kind.as_bytes()[1] == b'+',
            locked: kind.ends_with('!'),
        };
    }
    spec
}

/// `--feature-gates`: every use adds to what was set.
impl FlagValue for FeatureGates {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        self.set_from_text(text).map_err(|error| error.to_string())
    }

    fn to_text(&self) -> String {
        self.set
            .iter()
            .map(|(gate, on)| format!("{gate}={on}"))
            .collect::<Vec<_>>()
            .join(",")
    }

    fn type_name(&self) -> &'static str {
        "mapStringBool"
    }
}
