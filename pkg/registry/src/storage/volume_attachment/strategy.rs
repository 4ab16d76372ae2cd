//! The rules of volume attachments.

use apimachinery::field::ErrorList;
use apis_cluster::storage::volume_attachment::{self as rules, InlineVolumeRules};
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::storage::v1::VolumeAttachment;

use crate::metadata::reset_for_status;

const INLINE: InlineVolumeRules = apis_core::core::persistent_volume::validate_inline_spec;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct VolumeAttachmentStrategy;

impl Strategy for VolumeAttachmentStrategy {
    type Object = VolumeAttachment;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut VolumeAttachment) {
        object.status = Default::default();
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &VolumeAttachment) -> ErrorList {
        rules::validate(object, INLINE)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut VolumeAttachment, old: &VolumeAttachment) {
        new.status = old.status.clone();
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &VolumeAttachment,
        old: &VolumeAttachment,
    ) -> ErrorList {
        rules::validate_update(new, old, INLINE)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of `status`.
#[derive(Clone, Copy, Debug)]
pub struct VolumeAttachmentStatusStrategy;

impl Strategy for VolumeAttachmentStatusStrategy {
    type Object = VolumeAttachment;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &VolumeAttachment) -> ErrorList {
        rules::validate(object, INLINE)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut VolumeAttachment, old: &VolumeAttachment) {
        new.spec = old.spec.clone();
        reset_for_status(&mut new.metadata, &old.metadata);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &VolumeAttachment,
        old: &VolumeAttachment,
    ) -> ErrorList {
        rules::validate_update(new, old, INLINE)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["metadata"], &["spec"]]
    }
}
