//! A pod that is about to be created.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::Pod;

use super::{super::PodValidationOptions, annotations, containers::validate_image_whitespace, spec::validate_pod_spec};
use crate::meta::{NameRule, validate_core_object_meta};

/// Checks metadata and spec, as far as creation and updates have it in common.
pub(super) fn validate_metadata_and_spec(pod: &Pod, options: &PodValidationOptions) -> ErrorList {
    let (metadata, spec) = (Path::new("metadata"), Path::new("spec"));
    let mut errors = validate_core_object_meta(&pod.metadata, true, NameRule::Dns1123Subdomain, &metadata);
    errors.append(annotations::validate_annotations(
        &pod.metadata.annotations,
        &pod.spec,
        options,
        &metadata.child("annotations"),
    ));
    errors.append(validate_pod_spec(&pod.spec, Some(&pod.metadata), options, &spec));
    if pod.spec.service_account_name.is_empty() {
        let volumes = spec.child("volumes");
        for (index, volume) in pod.spec.volumes.iter().enumerate() {
            let volume_path = volumes.index(index);
            let sources_path = volume_path.child("projected.sources");
            let sources = volume
                .projected
                .iter()
                .flat_map(|projected| &projected.sources)
                .enumerate();
            for (index, _) in sources.filter(|(_, source)| source.service_account_token.is_some()) {
                let source = sources_path.index(index);
                errors.push(Error::forbidden(
                    &source.child("serviceAccountToken"),
                    "must not be specified when serviceAccountName is not set",
                ));
            }
        }
    }
    for (member, containers) in [
        ("containers", &pod.spec.containers),
        ("initContainers", &pod.spec.init_containers),
    ] {
        let list = spec.child(member);
        for (index, container) in containers.iter().enumerate() {
            errors.extend(validate_image_whitespace(&container.image, &list.index(index)));
        }
    }
    errors
}

/// Checks a pod that is about to be created.
#[must_use]
pub fn validate_pod_create(pod: &Pod, options: &PodValidationOptions) -> ErrorList {
    let mut errors = validate_metadata_and_spec(pod, options);
    let path = Path::new("spec");
    if !pod.spec.ephemeral_containers.is_empty() {
        errors.push(Error::forbidden(
            &path.child("ephemeralContainers"),
            "cannot be set on create",
        ));
    }
    if !pod.spec.node_name.is_empty() && !pod.spec.scheduling_gates.is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(Error::forbidden(&path.child("nodeName"), detail));
    }
    errors.append(annotations::validate_profiles_match(&pod.metadata, &pod.spec, &path));
    errors
}
