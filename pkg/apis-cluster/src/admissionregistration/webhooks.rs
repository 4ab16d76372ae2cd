//! What validating and mutating webhooks have in common: defaults, rules, and what an update bears.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::{
    admissionregistration::v1::{
        MatchCondition, MutatingWebhook, RuleWithOperations, ValidatingWebhook, WebhookClientConfig,
    },
    meta::v1::{LabelSelector, ObjectMeta},
};

use super::{FAILURE_POLICIES, MATCH_POLICIES, REINVOCATION_POLICIES, rules};
use crate::common::{self, webhook};

const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
const NO_SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const SIDE_EFFECTS: [&str; 4] = ["None", "NoneOnDryRun", "Some", "Unknown"];

/// A webhook of either kind.
pub(super) struct Webhook<'a> {
    name: &'a String,
    rules: &'a [RuleWithOperations],
    failure_policy: Option<&'a str>,
    match_policy: Option<&'a str>,
    side_effects: Option<&'a str>,
    timeout_seconds: Option<i32>,
    namespace_selector: Option<&'a LabelSelector>,
    object_selector: Option<&'a LabelSelector>,
    reinvocation_policy: Option<&'a str>,
    client_config: &'a WebhookClientConfig,
    match_conditions: &'a [MatchCondition],
    review_versions: &'a [String],
}

macro_rules! view {
    ($ty:ident, |$hook:ident| $reinvocation:expr) => {
        impl<'a> From<&'a $ty> for Webhook<'a> {
            fn from($hook: &'a $ty) -> Self {
                Self {
                    name: &$hook.name,
                    rules: &$hook.rules,
                    failure_policy: $hook.failure_policy.as_deref(),
                    match_policy: $hook.match_policy.as_deref(),
                    side_effects: $hook.side_effects.as_deref(),
                    timeout_seconds: $hook.timeout_seconds,
                    namespace_selector: $hook.namespace_selector.as_deref(),
                    object_selector: $hook.object_selector.as_deref(),
                    reinvocation_policy: $reinvocation,
                    client_config: &$hook.client_config,
                    match_conditions: &$hook.match_conditions,
                    review_versions: &$hook.admission_review_versions,
                }
            }
        }
    };
}

view!(ValidatingWebhook, |hook| None);
view!(MutatingWebhook, |hook| hook.reinvocation_policy.as_deref());

/// Sets what both kinds default.
macro_rules! set_webhook_defaults {
    ($hook:expr) => {{
        let hook = $hook;
        hook.failure_policy.get_or_insert_with(|| "Fail".into());
        hook.match_policy.get_or_insert_with(|| "Equivalent".into());
        hook.namespace_selector.get_or_insert_default();
        hook.object_selector.get_or_insert_default();
        hook.timeout_seconds.get_or_insert(10);
        for rule in &mut hook.rules {
            rule.scope.get_or_insert_with(|| "*".into());
        }
        if let Some(service) = &mut hook.client_config.service {
            service.port.get_or_insert(443);
        }
    }};
}
pub(super) use set_webhook_defaults;

/// What is asked of webhooks; an update asks only what the stored object fulfils.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a rule of its own that is off or on"
)]
pub(super) struct Options {
    ignore_match_conditions: bool,
    no_side_effects: bool,
    recognized_version: bool,
    unique_names: bool,
    allow_invalid_label_values: bool,
}

impl Options {
    pub(super) const CREATE: Self = Self {
        ignore_match_conditions: false,
        no_side_effects: true,
        recognized_version: true,
        unique_names: true,
        allow_invalid_label_values: false,
    };

    pub(super) fn for_update(new: &[Webhook<'_>], old: &[Webhook<'_>]) -> Self {
        let mut names = HashSet::new();
        let pairs = || new.iter().zip(old);
        Self {
            ignore_match_conditions: new.len() == old.len()
                && pairs().all(|(new, old)| new.match_conditions == old.match_conditions),
            no_side_effects: old.iter().all(|hook| {
                hook.side_effects
                    .is_some_and(|effects| NO_SIDE_EFFECTS.contains(&effects))
            }),
            recognized_version: old
                .iter()
                .all(|hook| hook.review_versions.is_empty() || hook.review_versions.iter().any(|v| is_recognized(v))),
            unique_names: old.iter().all(|hook| names.insert(hook.name)),
            allow_invalid_label_values: old.iter().any(has_invalid_selector),
        }
    }
}

fn is_recognized(version: &str) -> bool {
    REVIEW_VERSIONS.contains(&version)
}

fn has_invalid_selector(hook: &Webhook<'_>) -> bool {
    let selectors = [hook.namespace_selector, hook.object_selector];
    let mut selectors = selectors.into_iter().flatten();
    selectors.any(|selector| !common::label_selector(selector, false, &Path::NIL).is_empty())
}

/// Every fault of a configuration.
pub(super) fn validate(metadata: &ObjectMeta, hooks: &[Webhook<'_>], options: Options) -> ErrorList {
    let mut errors = common::object_meta(metadata, false, NameRule::Dns1123Subdomain);
    let list = Path::new("webhooks");
    let mut seen = HashSet::new();
    for (at, hook) in hooks.iter().enumerate() {
        let path = list.index(at);
        errors.append(validate_hook(hook, options, &path));
        let versions = path.child("admissionReviewVersions");
        errors.append(validate_versions(
            hook.review_versions,
            options.recognized_version,
            &versions,
        ));
        if options.unique_names && !hook.name.is_empty() && !seen.insert(hook.name) {
            errors.push(Error::duplicate(&path.child("name"), hook.name));
        }
    }
    errors
}

fn validate_versions(versions: &[String], recognized: bool, path: &Path<'_>) -> ErrorList {
    let accepted = REVIEW_VERSIONS.join(", ");
    let mut errors = ErrorList::new();
    if versions.is_empty() {
        errors.push(Error::required(path, format!("must specify one of {accepted}")));
        return errors;
    }
    let mut seen = HashSet::new();
    for (at, version) in versions.iter().enumerate() {
        let path = path.index(at);
        if seen.insert(version) {
            errors.invalid_each(&path, version, names::dns1035_label(version));
        } else {
            errors.push(Error::invalid(&path, version, "duplicate version"));
        }
    }
    if recognized && !versions.iter().any(|version| is_recognized(version)) {
        let detail = format!("must include at least one of {accepted}");
        errors.push(Error::invalid(path, BadValue::json(&versions), detail));
    }
    errors
}

fn validate_hook(hook: &Webhook<'_>, options: Options, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.extend(common::fully_qualified_name(&path.child("name"), hook.name));
    let list = path.child("rules");
    for (at, rule) in hook.rules.iter().enumerate() {
        errors.append(rules::validate(rule, &list.index(at)));
    }
    for (name, value, supported) in [
        ("failurePolicy", hook.failure_policy, &FAILURE_POLICIES),
        ("matchPolicy", hook.match_policy, &MATCH_POLICIES),
    ] {
        errors.extend(value.and_then(|value| common::one_of(&path.child(name), value, supported)));
    }
    let effects: &[&str] = if options.no_side_effects {
        &NO_SIDE_EFFECTS
    } else {
        &SIDE_EFFECTS
    };
    let side_effects = path.child("sideEffects");
    match hook.side_effects {
        None => {
            let detail = format!("must specify one of {}", effects.join(", "));
            errors.push(Error::required(&side_effects, detail));
        }
        Some(value) => errors.extend(common::one_of(&side_effects, value, effects)),
    }
    if let Some(seconds) = hook.timeout_seconds.filter(|seconds| !(1..=30).contains(seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.push(Error::invalid(&path.child("timeoutSeconds"), seconds, detail));
    }
    for (name, selector) in [
        ("namespaceSelector", hook.namespace_selector),
        ("objectSelector", hook.object_selector),
    ] {
        if let Some(selector) = selector {
            let path = path.child(name);
            errors.append(common::label_selector(
                selector,
                options.allow_invalid_label_values,
                &path,
            ));
        }
    }
    if let Some(policy) = hook.reinvocation_policy {
        errors.extend(common::one_of(
            &path.child("reinvocationPolicy"),
            policy,
            &REINVOCATION_POLICIES,
        ));
    }
    let config = hook.client_config;
    let service = config.service.as_deref().map(|service| webhook::Service {
        namespace: &service.namespace,
        name: &service.name,
        path: service.path.as_deref(),
        port: service.port,
    });
    let client = path.child("clientConfig");
    errors.append(webhook::validate_client_config(&client, config.url.as_deref(), service));
    if !options.ignore_match_conditions {
        errors.append(rules::validate_match_conditions(
            hook.match_conditions,
            &path.child("matchConditions"),
        ));
    }
    errors
}
