//! Who a pod is: its ordinal, its name, and the claims that its volumes use.

use controller::workload::history::REVISION_LABEL;
use controller::workload::pod_from_template;
use k8s_api::apps::v1::StatefulSet;
use k8s_api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume};

/// The label with the pod's own name.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// The label with the pod's ordinal.
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// The set's name and the ordinal in a pod's name; nothing and `None` for other names.
pub(super) fn parent_and_ordinal(name: &str) -> (&str, Option<i32>) {
    let Some((parent, digits)) = name.rsplit_once('-') else {
        return ("", None);
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return ("", None);
    }
    (parent, digits.parse().ok())
}

pub(super) fn ordinal(pod: &Pod) -> Option<i32> {
    parent_and_ordinal(&pod.metadata.name).1
}

pub(super) fn start_ordinal(set: &StatefulSet) -> i32 {
    set.spec.ordinals.as_ref().map_or(0, |ordinals| ordinals.start)
}

pub(super) fn replicas(set: &StatefulSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// Whether a pod is one of those that the set wants.
pub(super) fn is_in_range(set: &StatefulSet, pod: &Pod) -> bool {
    let start = start_ordinal(set);
    ordinal(pod).is_some_and(|ordinal| ordinal >= start && ordinal - start < replicas(set))
}

pub(super) fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.metadata.name)
}

pub(super) fn claim_name(set: &StatefulSet, template: &PersistentVolumeClaim, ordinal: i32) -> String {
    format!("{}-{}-{ordinal}", template.metadata.name, set.metadata.name)
}

pub(super) fn revision(pod: &Pod) -> &str {
    pod.metadata.labels.get(REVISION_LABEL).map_or("", String::as_str)
}

pub(super) fn identity_matches(set: &StatefulSet, pod: &Pod) -> bool {
    let name = &pod.metadata.name;
    ordinal(pod).is_some_and(|ordinal| *name == pod_name(set, ordinal))
        && pod.metadata.namespace == set.metadata.namespace
        && pod.metadata.labels.get(POD_NAME) == Some(name)
}

pub(super) fn storage_matches(set: &StatefulSet, pod: &Pod) -> bool {
    let Some(ordinal) = ordinal(pod) else { return false };
    set.spec.volume_claim_templates.iter().all(|template| {
        let wanted = claim_name(set, template, ordinal);
        pod.spec
            .volumes
            .iter()
            .find(|volume| volume.name == template.metadata.name)
            .and_then(|volume| volume.persistent_volume_claim.as_ref())
            .is_some_and(|source| source.claim_name == wanted)
    })
}

pub(super) fn update_identity(set: &StatefulSet, pod: &mut Pod) {
    let Some(ordinal) = ordinal(pod) else { return };
    let name = pod_name(set, ordinal);
    pod.metadata.namespace.clone_from(&set.metadata.namespace);
    pod.metadata.labels.insert(POD_NAME.to_owned(), name.clone());
    pod.metadata.labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
    pod.metadata.name = name;
}

/// The claims of an ordinal, one a template.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let selector = set.spec.selector.as_ref();
    set.spec
        .volume_claim_templates
        .iter()
        .map(|template| {
            let mut claim = template.clone();
            claim.metadata.name = claim_name(set, template, ordinal);
            claim.metadata.namespace.clone_from(&set.metadata.namespace);
            for (key, value) in selector.iter().flat_map(|selector| selector.match_labels.iter()) {
                claim.metadata.labels.insert(key.clone(), value.clone());
            }
            claim
        })
        .collect()
}

pub(super) fn update_storage(set: &StatefulSet, pod: &mut Pod) {
    let Some(ordinal) = ordinal(pod) else { return };
    let templates = &set.spec.volume_claim_templates;
    let mut volumes: Vec<Volume> = templates
        .iter()
        .map(|template| Volume {
            name: template.metadata.name.clone(),
            persistent_volume_claim: Some(Box::new(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name(set, template, ordinal),
                // The pod's mounts say whether they write.
                read_only: false,
            })),
            ..Volume::default()
        })
        .collect();
    let is_claimed = |name: &str| templates.iter().any(|template| template.metadata.name == name);
    volumes.extend(
        std::mem::take(&mut pod.spec.volumes)
            .into_iter()
            .filter(|volume| !is_claimed(&volume.name)),
    );
    pod.spec.volumes = volumes;
}

/// A pod of this ordinal, made from a revision's template.
pub(super) fn new_pod(set: &StatefulSet, template: &PodTemplateSpec, revision: &str, ordinal: i32) -> Pod {
    let mut pod = pod_from_template(template, set);
    pod.metadata.name = pod_name(set, ordinal);
    update_identity(set, &mut pod);
    pod.spec.hostname.clone_from(&pod.metadata.name);
    pod.spec.subdomain.clone_from(&set.spec.service_name);
    update_storage(set, &mut pod);
    pod.metadata
        .labels
        .insert(REVISION_LABEL.to_owned(), revision.to_owned());
    pod
}

#[cfg(test)]
mod tests {
    use super::parent_and_ordinal;

    #[test]
    fn names_have_an_ordinal_at_their_end() {
        for (name, expected) in [
            ("web-0", ("web", Some(0))),
            ("my-web-12", ("my-web", Some(12))),
            ("web", ("", None)),
            ("web-", ("", None)),
            ("web-x1", ("", None)),
            ("web-99999999999", ("web", None)),
        ] {
            assert_eq!(parent_and_ordinal(name), expected, "{name}");
        }
    }
}
