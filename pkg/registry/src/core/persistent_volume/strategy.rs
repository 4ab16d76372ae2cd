//! The rules of persistent volumes.

use apimachinery::field::ErrorList;
use apis_core::core::persistent_volume;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::{
    core::v1::{PersistentVolume, PersistentVolumeStatus},
    primitives::Time,
};

// The name without its path is an accident that clients rely on.
const FIELDS: &[SelectableField] = &[SelectableField::new("name", &["metadata", "name"])];

/// The rules of persistent volumes.
#[derive(Clone, Copy, Debug)]
pub struct PersistentVolumeStrategy;

impl Strategy for PersistentVolumeStrategy {
    type Object = PersistentVolume;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, volume: &mut PersistentVolume) {
        volume.status = PersistentVolumeStatus {
            phase: persistent_volume::PENDING.to_owned(),
            last_phase_transition_time: Some(Time::from(context.now)),
            ..PersistentVolumeStatus::default()
        };
    }

    fn validate(&self, _context: &StrategyContext<'_>, volume: &PersistentVolume) -> ErrorList {
        persistent_volume::validate(volume)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, volume: &PersistentVolume) -> Vec<String> {
        persistent_volume::warnings(volume)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut PersistentVolume, old: &PersistentVolume) {
        new.status.clone_from(&old.status);
    }

    fn validate_update(
        &self,
        context: &StrategyContext<'_>,
        new: &PersistentVolume,
        old: &PersistentVolume,
    ) -> ErrorList {
        persistent_volume::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PersistentVolume,
        _old: &PersistentVolume,
    ) -> Vec<String> {
        persistent_volume::warnings(new)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a volume's status, which notes when the phase changed.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = PersistentVolume;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, volume: &PersistentVolume) -> ErrorList {
        persistent_volume::validate(volume)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut PersistentVolume, old: &PersistentVolume) {
        new.spec.clone_from(&old.spec);
        let before = old.status.last_phase_transition_time;
        let time = &mut new.status.last_phase_transition_time;
        if old.status.phase == new.status.phase {
            *time = time.or(before);
        } else if time.is_none() || *time == before {
            *time = Some(Time::from(context.now));
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PersistentVolume,
        old: &PersistentVolume,
    ) -> ErrorList {
        persistent_volume::validate_status_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
