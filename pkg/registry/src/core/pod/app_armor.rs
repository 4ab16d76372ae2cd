//! AppArmor profiles in annotations, which become fields of containers when a pod is created.

use apimachinery::field::Path;
use apis_pod::pod::{
    APP_ARMOR_ANNOTATION_PREFIX, app_armor_profile_of_annotation, for_each_container, for_each_container_mut,
    validation::validate_app_armor,
};
use k8s_api::core::v1::{AppArmorProfile, Pod, PodSpec};

fn pod_profile(spec: &PodSpec) -> Option<AppArmorProfile> {
    let context = spec.security_context.as_deref()?;
    context.app_armor_profile.as_deref().cloned()
}

fn is_windows(spec: &PodSpec) -> bool {
    spec.os.as_ref().is_some_and(|os| os.name == "windows")
}

/// The profile of an annotation that is valid.
fn profile_of(annotation: &str) -> Option<AppArmorProfile> {
    let profile = app_armor_profile_of_annotation(annotation)?;
    validate_app_armor(Some(&profile), &Path::NIL)
        .is_empty()
        .then_some(profile)
}

/// Writes profiles of annotations into containers without one, unless it is the pod's anyway.
pub(super) fn take_over_annotations(pod: &mut Pod) {
    if is_windows(&pod.spec) {
        return;
    }
    let of_pod = pod_profile(&pod.spec);
    let annotations = &pod.metadata.annotations;
    for_each_container_mut(&mut pod.spec, |container, _| {
        let context = container.security_context.as_deref();
        if context.is_some_and(|context| context.app_armor_profile.is_some()) {
            return;
        }
        let annotation = annotations.get(&format!("{APP_ARMOR_ANNOTATION_PREFIX}{}", container.name));
        let Some(profile) = annotation.and_then(|annotation| profile_of(annotation)) else {
            return;
        };
        if of_pod.as_ref() != Some(&profile) {
            let context = container.security_context.get_or_insert_default();
            context.app_armor_profile = Some(Box::new(profile));
        }
    });
}

/// Warnings about annotations that no field of the pod makes up for.
pub(super) fn warnings(pod: &Pod) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_windows(&pod.spec) {
        return warnings;
    }
    let of_pod = pod_profile(&pod.spec);
    let annotations_path = Path::new("metadata.annotations");
    for_each_container(&pod.spec, &Path::new("spec"), |container, _, _| {
        let key = format!("{APP_ARMOR_ANNOTATION_PREFIX}{}", container.name);
        let Some(annotation) = pod.metadata.annotations.get(&key) else {
            return;
        };
        let profile = profile_of(annotation);
        if profile.is_none() || profile != of_pod {
            warnings.push(format!(
                r#"{}: deprecated since v1.30; use the "appArmorProfile" field instead"#,
                annotations_path.key(&key)
            ));
        }
    });
    warnings
}
