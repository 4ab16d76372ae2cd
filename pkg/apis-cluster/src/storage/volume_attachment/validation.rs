//! What an attachment must be; its spec never changes.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::{
    core::v1::PersistentVolumeSpec,
    storage::v1::{VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec, VolumeError},
};

use crate::{common, go};

const MAX_METADATA_SIZE: usize = 256 << 10;
const MAX_ERROR_SIZE: usize = 1024;

/// The rules of a volume that stands in the attachment itself; they belong to the core group.
pub type InlineVolumeRules = fn(&PersistentVolumeSpec, &Path<'_>) -> ErrorList;

/// Every fault of a new attachment.
#[must_use]
pub fn validate(attachment: &VolumeAttachment, inline: InlineVolumeRules) -> ErrorList {
    let mut errors = common::object_meta(&attachment.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(validate_spec(&attachment.spec, inline));
    let status = Path::new("status");
    let values = &attachment.status;
    if super::super::size(&values.attachment_metadata) > MAX_METADATA_SIZE {
        errors.push(Error::too_long(&status.child("attachmentMetadata"), MAX_METADATA_SIZE));
    }
    for (name, fault) in [
        ("attachError", &values.attach_error),
        ("detachError", &values.detach_error),
    ] {
        if let Some(fault) = fault {
            errors.append(validate_volume_error(fault, &status.child(name)));
        }
    }
    if let Some(name) = &attachment.spec.source.persistent_volume_name {
        let path = Path::new("spec.source.persistentVolumeName");
        errors.invalid_each(&path, name, names::dns1123_subdomain(name));
    }
    errors
}

/// Every fault of an update, of the status too.
#[must_use]
pub fn validate_update(new: &VolumeAttachment, old: &VolumeAttachment, inline: InlineVolumeRules) -> ErrorList {
    let mut errors = validate(new, inline);
    errors.extend(common::immutable(&Path::new("spec"), &new.spec, &old.spec, show_spec));
    errors
}

fn show_spec(spec: &VolumeAttachmentSpec) -> BadValue {
    let volume = &spec.source.persistent_volume_name;
    let inline = go::pointer(spec.source.inline_volume_spec.as_deref(), |_| "{}".into());
    let source = go::Struct::new()
        .field("PersistentVolumeName", volume)
        .raw("InlineVolumeSpec", &inline);
    go::Struct::new()
        .field("Attacher", &spec.attacher)
        .raw("Source", &source.end())
        .field("NodeName", &spec.node_name)
        .bad_value()
}

fn validate_spec(spec: &VolumeAttachmentSpec, inline: InlineVolumeRules) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = common::driver_name(&path.child("attacher"), &spec.attacher);
    errors.append(validate_source(&spec.source, inline));
    let node = &spec.node_name;
    errors.invalid_each(&path.child("nodeName"), node, names::dns1123_subdomain(node));
    errors
}

fn validate_source(source: &VolumeAttachmentSource, inline: InlineVolumeRules) -> ErrorList {
    let path = Path::new("spec.source");
    let detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (&source.inline_volume_spec, &source.persistent_volume_name) {
        (None, None) => Error::required(&path, detail).into(),
        (Some(_), Some(_)) => Error::forbidden(&path, detail).into(),
        (None, Some(name)) if name.is_empty() => {
            let detail = "must specify non empty persistentVolumeName";
            Error::required(&path.child("persistentVolumeName"), detail).into()
        }
        (None, Some(_)) => ErrorList::new(),
        (Some(spec), None) => inline(spec, &path.child("inlineVolumeSpec")),
    }
}

fn validate_volume_error(fault: &VolumeError, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if fault.message.len() > MAX_ERROR_SIZE {
        // The limit that is named is that of the metadata, as upstream has it.
        errors.push(Error::too_long(&path.child("message"), MAX_METADATA_SIZE));
    }
    if let Some(code) = fault.error_code.filter(|code| *code < 0) {
        let detail = names::inclusive_range_error(0, i32::MAX.into());
        errors.push(Error::invalid(&path.child("errorCode"), code, detail));
    }
    errors
}
