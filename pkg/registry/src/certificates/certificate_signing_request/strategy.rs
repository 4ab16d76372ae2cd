//! The rules of certificate signing requests.

use apimachinery::field::ErrorList;
use apis_cluster::certificates::certificate_signing_request as rules;
use apiserver::registry::{SelectableField, Strategy, StrategyContext};
use k8s_api::{certificates::v1::CertificateSigningRequest, primitives::Time};

/// What selectors may name.
const FIELDS: &[SelectableField] = &[SelectableField::new("spec.signerName", &["spec", "signerName"])];

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct CertificateSigningRequestStrategy;

impl Strategy for CertificateSigningRequestStrategy {
    type Object = CertificateSigningRequest;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, object: &mut CertificateSigningRequest) {
        let (spec, user) = (&mut object.spec, context.user);
        spec.username.clone_from(&user.name);
        spec.uid.clone_from(&user.uid);
        spec.groups.clone_from(&user.groups);
        spec.extra = user
            .extra
            .iter()
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect();
        object.status = Default::default();
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CertificateSigningRequest) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) {
        new.spec = old.spec.clone();
        new.status = old.status.clone();
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"], &["status"]]
    }
}

/// The rules of `status`, through which certificates are issued.
#[derive(Clone, Copy, Debug)]
pub struct CertificateSigningRequestStatusStrategy;

impl Strategy for CertificateSigningRequestStatusStrategy {
    type Object = CertificateSigningRequest;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CertificateSigningRequest) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) {
        new.spec = old.spec.clone();
        for decision in ["Approved", "Denied"] {
            keep_conditions(new, old, decision);
        }
        set_times(new, old, context.now.into());
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) -> ErrorList {
        rules::validate_status_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"], &["status", "conditions"]]
    }
}

/// The rules of `approval`, through which the decision is made.
#[derive(Clone, Copy, Debug)]
pub struct CertificateSigningRequestApprovalStrategy;

impl Strategy for CertificateSigningRequestApprovalStrategy {
    type Object = CertificateSigningRequest;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &CertificateSigningRequest) -> ErrorList {
        rules::validate(object)
    }

    fn prepare_for_update(
        &self,
        context: &StrategyContext<'_>,
        new: &mut CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) {
        set_times(new, old, context.now.into());
        let conditions = std::mem::take(&mut new.status.conditions);
        new.spec = old.spec.clone();
        new.status = old.status.clone();
        new.status.conditions = conditions;
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &CertificateSigningRequest,
        old: &CertificateSigningRequest,
    ) -> ErrorList {
        rules::validate_approval_update(new, old)
    }

    fn selectable_fields(&self) -> &'static [SelectableField] {
        FIELDS
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"], &["status", "certificate"]]
    }
}

/// Conditions of a type come from the old object if their number stays; validation sees to the rest.
fn keep_conditions(new: &mut CertificateSigningRequest, old: &CertificateSigningRequest, type_: &str) {
    let kept: Vec<_> = old
        .status
        .conditions
        .iter()
        .filter(|condition| condition.type_ == type_)
        .collect();
    let places = new
        .status
        .conditions
        .iter_mut()
        .filter(|condition| condition.type_ == type_);
    let places: Vec<_> = places.collect();
    if places.len() == kept.len() {
        for (place, condition) in places.into_iter().zip(kept) {
            place.clone_from(condition);
        }
    }
}

/// Gives conditions the times they lack: an unchanged one has not changed since.
fn set_times(new: &mut CertificateSigningRequest, old: &CertificateSigningRequest, now: Time) {
    for condition in &mut new.status.conditions {
        condition.last_update_time.get_or_insert(now);
        if condition.last_transition_time.is_none() {
            let mut before = old.status.conditions.iter();
            let same = before.find(|other| {
                other.type_ == condition.type_
                    && other.status == condition.status
                    && other.last_transition_time.is_some()
            });
            condition.last_transition_time = same.map_or(Some(now), |other| other.last_transition_time);
        }
    }
}
