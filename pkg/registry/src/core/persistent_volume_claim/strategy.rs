//! The rules of claims.

use std::borrow::Cow;

use apimachinery::field::ErrorList;
use apis_core::core::persistent_volume_claim::{
    self as claims, Options, drop_disabled_fields, enforce_data_source_compatibility, normalize_data_sources,
};
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};

// The name without its path is an accident that clients rely on.
const FIELDS: &[SelectableField] = &[SelectableField::new("name", &["metadata", "name"])];

/// A claim whose two data sources say the same, as older servers did not store it.
fn normalized(claim: &PersistentVolumeClaim) -> Cow<'_, PersistentVolumeClaim> {
    if claim.spec.data_source.is_some() == claim.spec.data_source_ref.is_some() {
        return Cow::Borrowed(claim);
    }
    let mut claim = claim.clone();
    normalize_data_sources(&mut claim.spec);
    Cow::Owned(claim)
}

/// The rules of claims.
#[derive(Clone, Copy, Debug)]
pub struct PersistentVolumeClaimStrategy;

impl Strategy for PersistentVolumeClaimStrategy {
    type Object = PersistentVolumeClaim;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, claim: &mut PersistentVolumeClaim) {
        claim.status = PersistentVolumeClaimStatus {
            phase: claims::PENDING.to_owned(),
            ..PersistentVolumeClaimStatus::default()
        };
        let spec = &mut claim.spec;
        drop_disabled_fields(spec, None, context.gates);
        enforce_data_source_compatibility(spec, None);
        normalize_data_sources(spec);
    }

    fn validate(&self, _context: &StrategyContext<'_>, claim: &PersistentVolumeClaim) -> ErrorList {
        claims::validate(claim, Options::default())
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, claim: &PersistentVolumeClaim) -> Vec<String> {
        claims::warnings(claim)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut PersistentVolumeClaim,
        old: &PersistentVolumeClaim,
    ) {
        new.status.clone_from(&old.status);
        let spec = &mut new.spec;
        drop_disabled_fields(spec, Some(&old.spec), context.gates);
        enforce_data_source_compatibility(spec, Some(&old.spec));
        normalize_data_sources(spec);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PersistentVolumeClaim,
        old: &PersistentVolumeClaim,
    ) -> ErrorList {
        claims::validate_update(new, &normalized(old))
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PersistentVolumeClaim,
        _old: &PersistentVolumeClaim,
    ) -> Vec<String> {
        claims::warnings(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a claim's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = PersistentVolumeClaim;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, claim: &PersistentVolumeClaim) -> ErrorList {
        claims::validate(claim, Options::default())
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut PersistentVolumeClaim,
        old: &PersistentVolumeClaim,
    ) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PersistentVolumeClaim,
        old: &PersistentVolumeClaim,
    ) -> ErrorList {
        claims::validate_status_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
