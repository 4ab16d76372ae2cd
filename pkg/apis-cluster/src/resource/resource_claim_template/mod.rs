//! `ResourceClaimTemplate`: the claim that each pod of a workload gets.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::meta::{self, NameRule};
use k8s_api::{meta::v1::ObjectMeta, resource::v1::ResourceClaimTemplate};

use super::{claim_spec, show};
use crate::common;

/// One device where nothing else is asked for.
pub fn set_defaults(template: &mut ResourceClaimTemplate) {
    super::set_claim_defaults(&mut template.spec.spec);
}

/// Every fault of a new template.
#[must_use]
pub fn validate(template: &ResourceClaimTemplate) -> ErrorList {
    let mut errors = common::object_meta(&template.metadata, true, NameRule::Dns1123Subdomain);
    let path = Path::new("spec");
    errors.append(validate_template_metadata(
        &template.spec.metadata,
        &path.child("metadata"),
    ));
    errors.append(claim_spec::validate(&template.spec.spec, &path.child("spec")));
    errors
}

/// Every fault of an update; the spec stays.
#[must_use]
pub fn validate_update(new: &ResourceClaimTemplate, old: &ResourceClaimTemplate) -> ErrorList {
    let mut errors = validate(new);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors.extend(common::immutable(
        &Path::new("spec"),
        &new.spec,
        &old.spec,
        show::template_spec,
    ));
    errors
}

/// A template gives its claims labels and annotations, and nothing else.
fn validate_template_metadata(metadata: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let mut errors = meta::validate_annotations(&metadata.annotations, &path.child("annotations"));
    errors.append(meta::validate_labels(&metadata.labels, &path.child("labels")));
    for (name, present) in [
        ("name", !metadata.name.is_empty()),
        ("generateName", !metadata.generate_name.is_empty()),
        ("namespace", !metadata.namespace.is_empty()),
        ("selfLink", !metadata.self_link.is_empty()),
        ("uID", !metadata.uid.is_empty()),
        ("resourceVersion", !metadata.resource_version.is_empty()),
        ("generation", metadata.generation != 0),
        ("creationTimestamp", metadata.creation_timestamp.is_some()),
        ("deletionTimestamp", metadata.deletion_timestamp.is_some()),
        (
            "deletionGracePeriodSeconds",
            metadata.deletion_grace_period_seconds.is_some(),
        ),
        ("ownerReferences", !metadata.owner_references.is_empty()),
        ("finalizers", !metadata.finalizers.is_empty()),
        ("managedFields", !metadata.managed_fields.is_empty()),
    ] {
        if present {
            errors.push(Error::forbidden(&path.child(name), "cannot be set"));
        }
    }
    errors
}
