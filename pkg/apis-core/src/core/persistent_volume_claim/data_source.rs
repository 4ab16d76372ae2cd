//! The two ways in which a claim says what its volume is to be filled from.

use k8s_api::core::v1::{PersistentVolumeClaimSpec, TypedLocalObjectReference, TypedObjectReference};

/// Forgets a `dataSource` that is neither a claim nor a snapshot, as servers did that knew nothing
/// else, unless `old` has a source already or `dataSourceRef` says that the client means it.
pub fn enforce_data_source_compatibility(
    spec: &mut PersistentVolumeClaimSpec,
    old: Option<&PersistentVolumeClaimSpec>,
) {
    let in_use = old.is_some_and(|old| old.data_source.is_some() || old.data_source_ref.is_some());
    if in_use || spec.data_source_ref.is_some() {
        return;
    }
    let known = |source: &TypedLocalObjectReference| {
        matches!(
            (source.api_group.as_deref().unwrap_or(""), source.kind.as_str()),
            ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
        )
    };
    if !spec.data_source.as_deref().is_some_and(known) {
        spec.data_source = None;
    }
}

/// Makes `dataSource` and `dataSourceRef` say the same where only one of them says anything.
pub fn normalize_data_sources(spec: &mut PersistentVolumeClaimSpec) {
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(source), None) => {
            spec.data_source_ref = Some(Box::new(TypedObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
                namespace: None,
            }));
        }
        (None, Some(source)) if source.namespace.as_ref().is_none_or(String::is_empty) => {
            spec.data_source = Some(Box::new(TypedLocalObjectReference {
                api_group: source.api_group.clone(),
                kind: source.kind.clone(),
                name: source.name.clone(),
            }));
        }
        _ => {}
    }
}
