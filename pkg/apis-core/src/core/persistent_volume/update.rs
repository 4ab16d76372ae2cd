//! How a volume may change: its source not at all, but for a secret that is added; its node affinity
//! only to newer names of the same labels.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume, PersistentVolumeSpec};

use super::{
    Options,
    show::{show_affinity, show_source},
    validation::validate_updated,
};
use crate::{go_value::optional, meta, shared::IMMUTABLE};

/// Checks an update of a volume.
#[must_use]
pub fn validate_update(volume: &PersistentVolume, old: &PersistentVolume, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_updated(volume, Options::for_update(old));
    let secret_added = adds_expand_secret(&volume.spec, &old.spec);
    if !same_source(&volume.spec, &old.spec, secret_added) {
        let (before, mut after) = (show_source(&old.spec), show_source(&volume.spec));
        if secret_added {
            let mut spec = volume.spec.clone();
            forget_expand_secret(&mut spec);
            after = show_source(&spec);
        }
        errors.push(Error::forbidden(
            &Path::new("spec.persistentvolumesource"),
            format!(
                "spec.persistentvolumesource is immutable after creation\n{}",
                before.diff(&after)
            ),
        ));
    }
    if volume.spec.volume_mode != old.spec.volume_mode {
        let mode = optional(volume.spec.volume_mode.as_deref());
        errors.push(Error::invalid(&Path::new("volumeMode"), mode, IMMUTABLE));
    }
    if !gates.enabled(Feature::MutablePVNodeAffinity) && !keeps_affinity(&volume.spec, &old.spec) {
        let shown = volume.spec.node_affinity.as_deref().map_or_else(
            || BadValue::plain("null"),
            |affinity| show_affinity(affinity).bad_value(),
        );
        errors.push(Error::invalid(
            &Path::new("nodeAffinity"),
            shown,
            format!("{IMMUTABLE}, except for updating from beta label to GA"),
        ));
    }
    if old.spec.volume_attributes_class_name.is_some() && volume.spec.volume_attributes_class_name.is_none() {
        let detail = "update from non-nil value to nil is forbidden";
        errors.push(Error::forbidden(&Path::new("spec.volumeAttributesClassName"), detail));
    }
    errors
}

fn has_expand_secret(spec: &PersistentVolumeSpec) -> Option<bool> {
    spec.csi.as_ref().map(|csi| csi.controller_expand_secret_ref.is_some())
}

fn adds_expand_secret(spec: &PersistentVolumeSpec, old: &PersistentVolumeSpec) -> bool {
    has_expand_secret(old) == Some(false) && has_expand_secret(spec) == Some(true)
}

fn forget_expand_secret(spec: &mut PersistentVolumeSpec) {
    if let Some(csi) = &mut spec.csi {
        csi.controller_expand_secret_ref = None;
    }
}

fn same_source(spec: &PersistentVolumeSpec, old: &PersistentVolumeSpec, secret_added: bool) -> bool {
    let csi = if secret_added {
        spec.csi.clone().map(|mut csi| {
            csi.controller_expand_secret_ref = None;
            csi
        }) == old.csi
    } else {
        spec.csi == old.csi
    };
    csi && spec.gce_persistent_disk == old.gce_persistent_disk
        && spec.aws_elastic_block_store == old.aws_elastic_block_store
        && spec.host_path == old.host_path
        && spec.glusterfs == old.glusterfs
        && spec.nfs == old.nfs
        && spec.rbd == old.rbd
        && spec.quobyte == old.quobyte
        && spec.iscsi == old.iscsi
        && spec.flex_volume == old.flex_volume
        && spec.cinder == old.cinder
        && spec.cephfs == old.cephfs
        && spec.fc == old.fc
        && spec.flocker == old.flocker
        && spec.azure_file == old.azure_file
        && spec.vsphere_volume == old.vsphere_volume
        && spec.azure_disk == old.azure_disk
        && spec.photon_persistent_disk == old.photon_persistent_disk
        && spec.portworx_volume == old.portworx_volume
        && spec.scale_io == old.scale_io
        && spec.local == old.local
        && spec.storageos == old.storageos
}

/// The stable name of a label that had a beta one.
fn stable_name(label: &str) -> Option<&'static str> {
    Some(match label {
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        _ => return None,
    })
}

/// Whether the affinity stays, except for labels that get their stable names. An absent one may be set.
fn keeps_affinity(spec: &PersistentVolumeSpec, old: &PersistentVolumeSpec) -> bool {
    let Some(before) = old.node_affinity.as_deref() else {
        return true;
    };
    let Some(after) = spec.node_affinity.as_deref() else {
        return false;
    };
    match (&before.required, &after.required) {
        (None, None) => true,
        (Some(before), Some(after)) => all_same(&before.node_selector_terms, &after.node_selector_terms, same_term),
        _ => false,
    }
}

fn all_same<T>(before: &[T], after: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(before, after)| same(before, after))
}

fn same_term(before: &NodeSelectorTerm, after: &NodeSelectorTerm) -> bool {
    all_same(&before.match_expressions, &after.match_expressions, same_requirement)
        && all_same(&before.match_fields, &after.match_fields, same_requirement)
}

fn same_requirement(before: &NodeSelectorRequirement, after: &NodeSelectorRequirement) -> bool {
    (before.key == after.key || stable_name(&before.key) == Some(&after.key))
        && before.operator == after.operator
        && before.values == after.values
}

/// Checks an update of a volume's status.
#[must_use]
pub fn validate_status_update(volume: &PersistentVolume, old: &PersistentVolume) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&volume.metadata, &old.metadata, &Path::new("metadata"));
    if volume.metadata.resource_version.is_empty() {
        errors.push(Error::required(&Path::new("resourceVersion"), ""));
    }
    errors
}
