//! The metrics flags and what they must satisfy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::flags::{FlagSet, Flags, StringToString};
use crate::version;

/// `--show-hidden-metrics-for-version`, `--disabled-metrics`, `--allow-metric-labels`, `--allow-metric-labels-manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsOptions {
    /// The previous minor version (`1.35`) to publish its hidden metrics still, or empty.
    pub show_hidden_metrics_for_version: String,
    /// Full names of metrics that are not published.
    pub disabled_metrics: Vec<String>,
    /// `metric,label` to the comma-separated values that the label may take.
    pub allow_metric_labels: StringToString,
    /// A file with the same mapping; the flag has precedence.
    pub allow_metric_labels_manifest: String,
}

/// What is wrong with the metrics options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsOptionsError {
    /// Another version than the previous one.
    #[error(
        "metrics.showHiddenMetricsForVersion: Invalid value: {given:?}: must be omitted or have the value '1.{}'; only the previous minor version is allowed",
        version::MINOR - 1
    )]
    ShowHidden {
        /// What was asked for.
        given: String,
    },
    /// A name that no metric can have.
    #[error(
        "metrics.disabledMetrics: Invalid value: must be fully qualified metric names matching \"^[a-zA-Z_:][a-zA-Z0-9_:]*$\", got {0:?}"
    )]
    DisabledMetric(String),
    /// A key that is not `metric,label`.
    #[error(
        "metrics.allowListMapping: Invalid value: {0:?}: must have keys with format `metricName,labelName` where metricName matches \"[a-zA-Z_:][a-zA-Z0-9_:]*\" and labelName matches \"[a-zA-Z_][a-zA-Z0-9_]*\""
    )]
    AllowListKey(String),
    /// The manifest cannot be used.
    #[error("metrics.allowListMappingManifest: Invalid value: {path:?}: {reason}")]
    Manifest {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Flag and manifest at once.
    #[error("metrics: Invalid value: cannot specify both allowListMapping and allowListMappingManifest")]
    BothAllowLists,
}

impl Flags for MetricsOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("metrics");
        flags.add(
            "show-hidden-metrics-for-version",
            &mut self.show_hidden_metrics_for_version,
            "publish the metrics that this release hides and the given one (<major>.<minor>, only the previous minor version) did not",
        );
        flags.add(
            "disabled-metrics",
            &mut self.disabled_metrics,
            "full names of metrics not to publish; wins over showing hidden ones",
        );
        flags.add(
            "allow-metric-labels",
            &mut self.allow_metric_labels,
            "values that a label may take, all others count as 'unexpected': metric1,label1='v1,v2,v3', metric1,label2='v1,v2'",
        );
        flags.add(
            "allow-metric-labels-manifest",
            &mut self.allow_metric_labels_manifest,
            "file with the mapping of --allow-metric-labels, which has precedence over it",
        );
    }
}

fn is_name(text: &str, colon: bool) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || (colon && b == b':'))
}

fn check_keys<'k>(mut keys: impl Iterator<Item = &'k String>) -> Result<(), MetricsOptionsError> {
    let valid = |key: &&String| {
        key.split_once(',')
            .is_some_and(|(metric, label)| is_name(metric, true) && is_name(label, false))
    };
    match keys.find(|key| !valid(key)) {
        Some(key) => Err(MetricsOptionsError::AllowListKey(key.clone())),
        None => Ok(()),
    }
}

impl MetricsOptions {
    /// Checks the options and takes the manifest's mapping over when the flag gave none.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn complete(&mut self) -> Result<(), MetricsOptionsError> {
        let shown = &self.show_hidden_metrics_for_version;
        if !shown.is_empty() && *shown != format!("1.{}", version::MINOR - 1) {
            return Err(MetricsOptionsError::ShowHidden { given: shown.clone() });
        }
        if let Some(name) = self.disabled_metrics.iter().find(|name| !is_name(name, true)) {
            return Err(MetricsOptionsError::DisabledMetric(name.clone()));
        }
        check_keys(self.allow_metric_labels.keys())?;
        if self.allow_metric_labels_manifest.is_empty() {
            return Ok(());
        }
        if !self.allow_metric_labels.is_empty() {
            return Err(MetricsOptionsError::BothAllowLists);
        }
        let path = &self.allow_metric_labels_manifest;
        let invalid = |reason: String| MetricsOptionsError::Manifest {
            path: path.clone(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| invalid(format!("failed to read allow list manifest: {error}")))?;
        let mapping: BTreeMap<String, String> = crate::config::from_slice(&bytes)
            .map_err(|error| invalid(format!("failed to parse allow list manifest: {error}")))?;
        check_keys(mapping.keys())
            .map_err(|error| invalid(format!("invalid allow list mapping in manifest: {error}")))?;
        self.allow_metric_labels = StringToString(mapping);
        Ok(())
    }

    /// Metric to label to allowed values.
    pub(super) fn allowed_label_values(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut allowed = BTreeMap::<String, BTreeMap<_, _>>::new();
        for (key, values) in self.allow_metric_labels.iter() {
            if let Some((metric, label)) = key.split_once(',') {
                let values = values.trim_matches('\'').split(',').map(str::to_owned).collect();
                allowed
                    .entry(metric.to_owned())
                    .or_default()
                    .insert(label.to_owned(), values);
            }
        }
        allowed
    }
}
