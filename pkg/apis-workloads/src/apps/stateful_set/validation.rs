//! What a stateful set must be.

use std::borrow::Cow;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_core::GoValue;
use apis_pod::{
    meta::{NameRule, validate_object_meta, validate_object_meta_update},
    rules::{named, one_of},
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    apps::v1::{
        RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec, StatefulSetStatus, StatefulSetUpdateStrategy,
    },
    core::v1::{PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume},
};

use crate::{
    apps::template::{parse_selector, validate_runs_for_ever},
    common::{
        METADATA, SPEC, STATUS, at_most, claim, int_or_percent_value, int_or_string, nonnegative, not_decremented,
        require_selector,
        template::{PodValidationOptions, options_from_template, validate_template, validate_template_metadata},
        validate_at_most_100_percent, validate_int_or_percent, validate_template_labels,
    },
};

/// What is let through because it is there already.
#[derive(Clone, Copy, Debug, Default)]
struct Existing {
    service_name: bool,
    template: bool,
    volume_claim_templates: bool,
}

/// Every fault of a new stateful set.
#[must_use]
pub fn validate(stateful_set: &StatefulSet, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    let mut errors = validate_object_meta(&stateful_set.metadata, true, NameRule::Dns1123Label, &METADATA);
    errors.append(validate_spec(&stateful_set.spec, &options, Existing::default()));
    errors
}

/// Every fault of a changed stateful set.
#[must_use]
pub fn validate_update(new: &StatefulSet, old: &StatefulSet, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(Some(&old.spec.template), gates);
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let mut existing = Existing {
        service_name: true,
        template: false,
        volume_claim_templates: true,
    };
    existing.template = !validate_spec(&old.spec, &options, existing).is_empty();
    errors.append(validate_spec(&new.spec, &options, existing));
    if !only_mutable_changes(&new.spec, &old.spec) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                      'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                      'minReadySeconds' are forbidden";
        errors.push(Error::forbidden(&SPEC, detail));
    }
    errors
}

fn only_mutable_changes(new: &StatefulSetSpec, old: &StatefulSetSpec) -> bool {
    let StatefulSetSpec {
        pod_management_policy,
        selector,
        service_name,
        volume_claim_templates,
        min_ready_seconds: _,
        ordinals: _,
        persistent_volume_claim_retention_policy: _,
        replicas: _,
        revision_history_limit: _,
        template: _,
        update_strategy: _,
    } = old;
    new.pod_management_policy == *pod_management_policy
        && new.selector == *selector
        && new.service_name == *service_name
        && new.volume_claim_templates == *volume_claim_templates
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errors = ErrorList::new();
    validate_status(&new.status, &mut errors);
    errors.append(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    not_decremented(
        &STATUS,
        new.status.collision_count,
        old.status.collision_count,
        &mut errors,
    );
    errors
}

fn validate_spec(spec: &StatefulSetSpec, options: &PodValidationOptions, existing: Existing) -> ErrorList {
    let mut errors = ErrorList::new();
    validate_management_policy(&spec.pod_management_policy, &mut errors);
    validate_update_strategy(&spec.update_strategy, &SPEC.child("updateStrategy"), &mut errors);
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let path = SPEC.child("persistentVolumeClaimRetentionPolicy");
        let policies = [
            ("whenDeleted", &policy.when_deleted),
            ("whenScaled", &policy.when_scaled),
        ];
        for (name, value) in policies {
            errors.extend(one_of(&path.child(name), value, &["Retain", "Delete"]));
        }
    }
    if !existing.volume_claim_templates {
        let path = SPEC.child("volumeClaimTemplates");
        for (index, template) in spec.volume_claim_templates.iter().enumerate() {
            errors.append(claim::validate_spec(
                &template.spec,
                &path.index(index).child("spec"),
                claim::Options::default(),
            ));
        }
    }
    let numbers = [
        ("replicas", spec.replicas.map(i64::from)),
        ("minReadySeconds", Some(spec.min_ready_seconds.into())),
        (
            "ordinals.start",
            spec.ordinals.as_ref().map(|ordinals| ordinals.start.into()),
        ),
    ];
    nonnegative(&SPEC, numbers, &mut errors);
    if !existing.service_name && !spec.service_name.is_empty() {
        let messages = names::dns1123_label(&spec.service_name);
        errors.invalid_each(&SPEC.child("serviceName"), &spec.service_name, messages);
    }
    let selector = spec.selector.as_deref();
    let empty = "empty selector is invalid for statefulset";
    require_selector(selector, &SPEC.child("selector"), empty, &mut errors);
    let template_path = SPEC.child("template");
    if let Some(parsed) = parse_selector(selector, &SPEC, "", &mut errors) {
        let template = effective_template(spec);
        errors.extend(validate_template_labels(
            &parsed,
            &template.metadata.labels,
            &template_path,
        ));
        if !existing.template {
            errors.append(validate_template(&template, &template_path, options));
        }
        errors.append(validate_template_metadata(&template, &template_path, options));
    }
    validate_runs_for_ever(&spec.template, &template_path, "StatefulSet", &mut errors);
    errors
}

/// The template with what the controller writes over it, which therefore need not be right.
fn effective_template(spec: &StatefulSetSpec) -> Cow<'_, PodTemplateSpec> {
    let pod = &spec.template.spec;
    let claims = &spec.volume_claim_templates;
    if pod.subdomain.is_empty() && pod.hostname.is_empty() && claims.is_empty() {
        return Cow::Borrowed(&spec.template);
    }
    let mut template = spec.template.clone();
    template.spec.subdomain.clear();
    template.spec.hostname.clear();
    let mut volumes: Vec<Volume> = Vec::with_capacity(claims.len() + pod.volumes.len());
    for claim in claims {
        let name = &claim.metadata.name;
        if volumes.iter().all(|volume| volume.name != *name) {
            volumes.push(Volume {
                name: name.clone(),
                persistent_volume_claim: Some(Box::new(PersistentVolumeClaimVolumeSource {
                    claim_name: name.clone(),
                    ..Default::default()
                })),
                ..Volume::default()
            });
        }
    }
    let overwritten = volumes.len();
    for volume in std::mem::take(&mut template.spec.volumes) {
        if volumes[..overwritten].iter().all(|own| own.name != volume.name) {
            volumes.push(volume);
        }
    }
    template.spec.volumes = volumes;
    Cow::Owned(template)
}

fn validate_management_policy(policy: &str, errors: &mut ErrorList) {
    let path = SPEC.child("podManagementPolicy");
    match policy {
        "" => errors.push(Error::required(&path, "")),
        "OrderedReady" | "Parallel" => {}
        _ => {
            let detail = "must be 'OrderedReady' or 'Parallel'";
            errors.push(Error::invalid(&path, named(policy), detail));
        }
    }
}

fn validate_update_strategy(strategy: &StatefulSetUpdateStrategy, path: &Path<'_>, errors: &mut ErrorList) {
    let rolling_path = path.child("rollingUpdate");
    match (strategy.type_.as_str(), strategy.rolling_update.as_deref()) {
        ("", _) => errors.push(Error::required(path, "")),
        ("OnDelete" | "RollingUpdate", None) => {}
        ("OnDelete", Some(rolling)) => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(Error::invalid(&rolling_path, show_rolling(rolling).bad_value(), detail));
        }
        ("RollingUpdate", Some(rolling)) => validate_rolling_update(rolling, &rolling_path, errors),
        _ => {
            let detail = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(Error::invalid(path, show_strategy(strategy), detail));
        }
    }
}

fn show_rolling(rolling: &RollingUpdateStatefulSetStrategy) -> GoValue {
    let unavailable = int_or_string(rolling.max_unavailable.as_ref());
    GoValue::object([
        ("Partition", rolling.partition.unwrap_or_default().into()),
        ("MaxUnavailable", unavailable),
    ])
}

fn show_strategy(strategy: &StatefulSetUpdateStrategy) -> BadValue {
    let rolling = GoValue::pointer(strategy.rolling_update.as_deref(), show_rolling);
    GoValue::object([("Type", (&strategy.type_).into()), ("RollingUpdate", rolling)]).bad_value()
}

fn validate_rolling_update(rolling: &RollingUpdateStatefulSetStrategy, path: &Path<'_>, errors: &mut ErrorList) {
    nonnegative(path, [("partition", rolling.partition.map(i64::from))], errors);
    let Some(unavailable) = &rolling.max_unavailable else {
        return;
    };
    let path = path.child("maxUnavailable");
    errors.append(validate_int_or_percent(unavailable, &path));
    if int_or_percent_value(unavailable) == 0 {
        errors.push(Error::invalid(&path, BadValue::json(unavailable), "cannot be 0"));
    }
    errors.extend(validate_at_most_100_percent(unavailable, &path));
}

fn validate_status(status: &StatefulSetStatus, errors: &mut ErrorList) {
    let numbers = [
        ("replicas", Some(status.replicas.into())),
        ("readyReplicas", Some(status.ready_replicas.into())),
        ("currentReplicas", Some(status.current_replicas.into())),
        ("updatedReplicas", Some(status.updated_replicas.into())),
        ("availableReplicas", Some(status.available_replicas.into())),
        ("observedGeneration", Some(status.observed_generation)),
        ("collisionCount", status.collision_count.map(i64::from)),
    ];
    nonnegative(&STATUS, numbers, errors);
    let parts = [
        ("readyReplicas", status.ready_replicas),
        ("currentReplicas", status.current_replicas),
        ("updatedReplicas", status.updated_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    let detail = "cannot be greater than status.replicas";
    at_most(&STATUS, parts, status.replicas, detail, errors);
    let available = [("availableReplicas", status.available_replicas)];
    let detail = "cannot be greater than status.readyReplicas";
    at_most(&STATUS, available, status.ready_replicas, detail, errors);
}
