//! One webhook of a configuration, ready to be matched and called.

use std::time::Duration;

use apimachinery::selectors::Selector;
use k8s_api::{
    admissionregistration::v1::{MutatingWebhook, RuleWithOperations, ValidatingWebhook, WebhookClientConfig},
    meta::v1::LabelSelector,
};

use crate::review::ReviewVersion;

/// What a webhook does besides answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SideEffects {
    /// Nothing, or nothing in a dry run.
    NotOnDryRun,
    /// Something, or who knows.
    Some,
    /// It does not say.
    Unsaid,
}

/// One webhook.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Tells it from all others, whatever their names.
    pub(crate) uid: String,
    /// Name of its configuration.
    pub(crate) configuration: String,
    /// Its own name.
    pub(crate) name: String,
    /// What it is asked about.
    pub(crate) rules: Vec<RuleWithOperations>,
    /// Whether a rule also holds for the other names of a resource.
    pub(crate) equivalent: bool,
    /// Whether its failure counts as a yes.
    pub(crate) fails_open: bool,
    /// Whether it is asked again about what others have changed since.
    pub(crate) reinvoke: bool,
    /// What it does besides.
    pub(crate) side_effects: SideEffects,
    /// How long it may take; `None` for as long as the request may.
    pub(crate) timeout: Option<Duration>,
    /// Which namespaces it is about.
    pub(crate) namespaces: Result<Selector, String>,
    /// Which objects it is about.
    pub(crate) objects: Result<Selector, String>,
    /// The first version of reviews that both sides know.
    pub(crate) version: Option<ReviewVersion>,
    /// Whether it has conditions in CEL.
    pub(crate) has_conditions: bool,
    /// Where it is.
    pub(crate) client: WebhookClientConfig,
}

fn selector(selector: Option<&LabelSelector>) -> Result<Selector, String> {
    Selector::from_api(selector).map_err(|error| error.to_string())
}

/// A validating webhook is a mutating one that is never asked again.
fn as_mutating(hook: &ValidatingWebhook) -> MutatingWebhook {
    let hook = hook.clone();
    MutatingWebhook {
        admission_review_versions: hook.admission_review_versions,
        client_config: hook.client_config,
        failure_policy: hook.failure_policy,
        match_conditions: hook.match_conditions,
        match_policy: hook.match_policy,
        name: hook.name,
        namespace_selector: hook.namespace_selector,
        object_selector: hook.object_selector,
        reinvocation_policy: None,
        rules: hook.rules,
        side_effects: hook.side_effects,
        timeout_seconds: hook.timeout_seconds,
    }
}

impl Hook {
    fn new(configuration: &str, uid: String, hook: &MutatingWebhook) -> Self {
        let mut versions = hook.admission_review_versions.iter();
        Self {
            uid,
            configuration: configuration.to_owned(),
            name: hook.name.clone(),
            rules: hook.rules.clone(),
            equivalent: hook.match_policy.as_deref() == Some("Equivalent"),
            fails_open: hook.failure_policy.as_deref() == Some("Ignore"),
            reinvoke: hook.reinvocation_policy.as_deref() == Some("IfNeeded"),
            side_effects: match hook.side_effects.as_deref() {
                Some("None" | "NoneOnDryRun") => SideEffects::NotOnDryRun,
                Some(_) => SideEffects::Some,
                None => SideEffects::Unsaid,
            },
            timeout: hook
                .timeout_seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(Duration::from_secs),
            namespaces: selector(hook.namespace_selector.as_deref()),
            objects: selector(hook.object_selector.as_deref()),
            version: versions.find_map(|version| ReviewVersion::named(version)),
            has_conditions: !hook.match_conditions.is_empty(),
            client: hook.client_config.clone(),
        }
    }

    /// The webhooks of a configuration. Names need not be unique: each gets its number among its namesakes.
    fn all(configuration: &str, hooks: &[MutatingWebhook]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::with_capacity(hooks.len());
        for hook in hooks {
            let number = all.iter().filter(|other| other.name == hook.name).count();
            let uid = format!("{configuration}/{}/{number}", hook.name);
            all.push(Self::new(configuration, uid, hook));
        }
        all
    }

    pub(crate) fn mutating(configuration: &str, hooks: &[MutatingWebhook]) -> Vec<Self> {
        Self::all(configuration, hooks)
    }

    pub(crate) fn validating(configuration: &str, hooks: &[ValidatingWebhook]) -> Vec<Self> {
        let hooks: Vec<_> = hooks.iter().map(as_mutating).collect();
        Self::all(configuration, &hooks)
    }
}
