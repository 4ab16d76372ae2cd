//! Which checks make up which level of which version.

use k8s_api::{core::v1::PodSpec, meta::v1::ObjectMeta};

use crate::{
    checks::{CHECKS, Check, CheckPod, Violation},
    level::{Level, LevelVersion, Version},
};

/// What the checks of a level found, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict(Vec<Violation>);

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong, in short.
    #[must_use]
    pub fn reason(&self) -> String {
        let reasons: Vec<&str> = self.0.iter().map(|violation| violation.reason).collect();
        reasons.join(", ")
    }

    /// What is wrong and with which part of the pod.
    #[must_use]
    pub fn detail(&self) -> String {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|violation| match violation.detail.as_str() {
                "" => violation.reason.to_owned(),
                detail => format!("{} ({detail})", violation.reason),
            })
            .collect();
        parts.join(", ")
    }
}

/// The checks of both levels, by minor version.
#[derive(Debug)]
pub struct Evaluator {
    baseline: Vec<Vec<CheckPod>>,
    restricted: Vec<Vec<CheckPod>>,
    newest: u32,
}

impl Evaluator {
    /// An evaluator that knows no version behind `emulated`.
    #[must_use]
    pub fn new(emulated: u32) -> Self {
        let versions = CHECKS.iter().flat_map(|check| check.versions);
        let newest = versions.map(|version| version.minimum).max().unwrap_or_default();
        let newest = newest.min(emulated);
        let levels = |level| (0..=newest).map(|minor| line_up(level, minor)).collect();
        Self {
            baseline: levels(Level::Baseline),
            restricted: levels(Level::Restricted),
            newest,
        }
    }

    /// Looks at a pod, or at what a workload makes pods of.
    #[must_use]
    pub fn evaluate(&self, mode: LevelVersion, metadata: &ObjectMeta, spec: &PodSpec) -> Verdict {
        let levels = match mode.level {
            Level::Privileged => return Verdict::default(),
            Level::Baseline => &self.baseline,
            Level::Restricted => &self.restricted,
        };
        let minor = match mode.version {
            Version::Latest => self.newest,
            Version::Minor(minor) => minor.min(self.newest),
        };
        let checks = levels.get(minor as usize).map_or(&[][..], Vec::as_slice);
        Verdict(checks.iter().filter_map(|check| check(metadata, spec)).collect())
    }
}

/// The checks of a level at a version: baseline before restricted, by name, without what a stricter check replaces.
fn line_up(level: Level, minor: u32) -> Vec<CheckPod> {
    let mut checks: Vec<&Check> = CHECKS.iter().filter(|check| check.level <= level).collect();
    checks.sort_by_key(|check| (check.level, check.id));
    let at = |check: &Check| check.versions.iter().rev().find(|version| version.minimum <= minor);
    let replaced: Vec<&str> = checks
        .iter()
        .filter_map(|check| at(check))
        .flat_map(|version| version.replaces)
        .copied()
        .collect();
    checks
        .into_iter()
        .filter(|check| !replaced.contains(&check.id))
        .filter_map(at)
        .map(|version| version.check)
        .collect()
}
