//! Annotations that once were, or still are, part of a pod's API.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::{
    Map,
    core::v1::{Pod, PodSpec, SeccompProfile, Toleration},
    meta::v1::ObjectMeta,
    primitives::quote,
};
use serde_json::Value;

use super::{
    super::{
        APP_ARMOR_ANNOTATION_PREFIX, DELETION_COST_ANNOTATION, MIRROR_ANNOTATION, PodValidationOptions,
        SECCOMP_CONTAINER_ANNOTATION_PREFIX, SECCOMP_POD_ANNOTATION, any_container, for_each_container, is_windows,
    },
    tolerations::validate_tolerations,
};
use crate::rules::descending_path;

const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const RUNTIME_DEFAULT: &str = "runtime/default";
const DOCKER_DEFAULT: &str = "docker/default";
const UNCONFINED: &str = "unconfined";
const LOCALHOST: &str = "localhost/";

/// The cost of deleting a pod; 0 without one.
///
/// # Errors
/// If it is not a number of 32 bits in its canonical form.
pub(crate) fn deletion_cost(text: Option<&str>) -> Result<i32, ()> {
    let Some(text) = text else {
        return Ok(0);
    };
    let canonical = matches!(text.as_bytes(), [b'0'] | [b'-' | b'1'..=b'9', ..]);
    text.parse().ok().filter(|_| canonical).ok_or(())
}

/// Checks the annotations that mean something to a pod.
pub fn validate_annotations(
    annotations: &Map<String>,
    spec: &PodSpec,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(value) = annotations.get(MIRROR_ANNOTATION).filter(|_| spec.node_name.is_empty()) {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(Error::invalid(&path.key(MIRROR_ANNOTATION), value, detail));
    }
    if let Some(text) = annotations.get(TOLERATIONS).filter(|text| !text.is_empty()) {
        match parse_tolerations(text) {
            Ok(tolerations) => {
                errors.append(validate_tolerations(&tolerations, options, &path.child(TOLERATIONS)));
            }
            Err(error) => errors.push(Error::invalid(path, TOLERATIONS, error)),
        }
    }
    let cost = annotations.get(DELETION_COST_ANNOTATION).map(String::as_str);
    if !options.allow_invalid_deletion_cost && deletion_cost(cost).is_err() {
        let path = path.key(DELETION_COST_ANNOTATION);
        errors.push(Error::invalid(
            &path,
            cost.unwrap_or_default(),
            "must be a 32bit integer",
        ));
    }
    if let Some(profile) = annotations.get(SECCOMP_POD_ANNOTATION) {
        errors.append(validate_seccomp(profile, &path.child(SECCOMP_POD_ANNOTATION)));
    }
    for (key, profile) in annotations {
        if key.starts_with(SECCOMP_CONTAINER_ANNOTATION_PREFIX) {
            errors.append(validate_seccomp(profile, &path.child(key)));
        }
    }
    for (key, profile) in annotations {
        let Some(container) = key.strip_prefix(APP_ARMOR_ANNOTATION_PREFIX) else {
            continue;
        };
        let path = path.key(key);
        if !any_container(spec, |own| own.name == container) {
            errors.push(Error::invalid(&path, container, "container not found"));
        }
        let known = matches!(profile.as_str(), "" | RUNTIME_DEFAULT | UNCONFINED) || profile.starts_with(LOCALHOST);
        if !known {
            let detail = format!("invalid AppArmor profile name: {}", quote(profile));
            errors.push(Error::invalid(&path, profile, detail));
        }
    }
    errors
}

/// Tolerations under the names of their members in any case.
fn parse_tolerations(text: &str) -> Result<Vec<Toleration>, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "invalid tolerations".to_owned())?;
    let Value::Array(items) = value else {
        return Err("json: cannot unmarshal into Go value of type []core.Toleration".into());
    };
    let text = |item: &Value, name: &str| {
        let members = item.as_object().into_iter().flatten();
        let mut found = members
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone());
        found.next_back().unwrap_or_default()
    };
    let string = |item: &Value, name: &str| text(item, name).as_str().unwrap_or_default().to_owned();
    let tolerations = items.iter().map(|item| Toleration {
        key: string(item, "key"),
        operator: string(item, "operator"),
        value: string(item, "value"),
        effect: string(item, "effect"),
        toleration_seconds: text(item, "tolerationSeconds").as_i64(),
    });
    Ok(tolerations.collect())
}

fn validate_seccomp(profile: &str, path: &Path<'_>) -> ErrorList {
    if matches!(profile, RUNTIME_DEFAULT | DOCKER_DEFAULT | UNCONFINED) {
        return ErrorList::new();
    }
    match profile.strip_prefix(LOCALHOST) {
        Some(local) => descending_path(path, local),
        None => Error::invalid(path, profile, "must be a valid seccomp profile").into(),
    }
}

/// On update, the annotations of AppArmor and of mirroring stay as they are.
pub(super) fn validate_annotation_updates(
    new: &Pod,
    old: &Pod,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let (new_all, old_all) = (&new.metadata.annotations, &old.metadata.annotations);
    let mut refuse = |key: &str, verb: &str| {
        if key.starts_with(APP_ARMOR_ANNOTATION_PREFIX) {
            let detail = format!("may not {verb} AppArmor annotations");
            errors.push(Error::forbidden(&path.key(key), detail));
        }
        if key == MIRROR_ANNOTATION {
            let detail = format!("may not {verb} mirror pod annotation");
            errors.push(Error::forbidden(&path.key(key), detail));
        }
    };
    for (key, value) in old_all {
        if new_all.get(key) != Some(value) {
            refuse(key, "remove or update");
        }
    }
    for key in new_all.keys().filter(|key| !old_all.contains_key(key)) {
        refuse(key, "add");
    }
    errors.append(validate_annotations(new_all, &new.spec, options, path));
    errors
}

/// On creation, profiles in annotations must be those in the fields.
pub(super) fn validate_profiles_match(metadata: &ObjectMeta, spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let annotations = &metadata.annotations;
    let mut errors = ErrorList::new();
    let context = spec.security_context.as_deref();
    let pod_profile = context.and_then(|context| context.seccomp_profile.as_deref());
    if let (Some(profile), Some(annotation)) = (pod_profile, annotations.get(SECCOMP_POD_ANNOTATION)) {
        let path = path.child("securityContext.seccompProfile");
        errors.extend(validate_seccomp_match(annotation, profile, &path));
    }
    for_each_container(spec, path, |container, _, path| {
        let context = container.security_context.as_deref();
        let profile = context.and_then(|context| context.seccomp_profile.as_deref());
        let annotation = annotations.get(&format!("{SECCOMP_CONTAINER_ANNOTATION_PREFIX}{}", container.name));
        if let (Some(profile), Some(annotation)) = (profile, annotation) {
            let path = path.child("securityContext.seccompProfile");
            errors.extend(validate_seccomp_match(annotation, profile, &path));
        }
    });
    if is_windows(spec) {
        return errors;
    }
    let pod_profile = context.and_then(|context| context.app_armor_profile.as_deref());
    for_each_container(spec, path, |container, _, path| {
        let context = container.security_context.as_deref();
        let profile = context
            .and_then(|context| context.app_armor_profile.as_deref())
            .or(pod_profile);
        let annotation = annotations.get(&format!("{APP_ARMOR_ANNOTATION_PREFIX}{}", container.name));
        if let (Some(profile), Some(annotation)) = (profile, annotation) {
            let path = path.child("securityContext.appArmorProfile");
            let local = profile.localhost_profile.as_deref();
            let fault = mismatch(annotation, &profile.type_, local, &[RUNTIME_DEFAULT]);
            errors.extend(fault.map(|what| {
                let detail = format!("apparmor {what} in annotation and field must match");
                Error::forbidden(&path.child(member(what)), detail)
            }));
        }
    });
    errors
}

fn member(what: &str) -> &'static str {
    if what == "type" { "type" } else { "localhostProfile" }
}

/// `type` or `profile`, whichever differs.
fn mismatch(annotation: &str, kind: &str, local: Option<&str>, defaults: &[&str]) -> Option<&'static str> {
    match kind {
        "Unconfined" => (annotation != UNCONFINED).then_some("type"),
        "RuntimeDefault" => (!defaults.contains(&annotation)).then_some("type"),
        "Localhost" => match annotation.strip_prefix(LOCALHOST) {
            None => Some("type"),
            Some(named) => (local != Some(named)).then_some("profile"),
        },
        _ => None,
    }
}

fn validate_seccomp_match(annotation: &str, profile: &SeccompProfile, path: &Path<'_>) -> Option<Error> {
    let local = profile.localhost_profile.as_deref();
    let what = mismatch(annotation, &profile.type_, local, &[RUNTIME_DEFAULT, DOCKER_DEFAULT])?;
    let detail = format!("seccomp {what} in annotation and field must match");
    Some(Error::forbidden(&path.child(member(what)), detail))
}
