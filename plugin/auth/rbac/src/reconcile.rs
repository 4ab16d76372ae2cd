//! Bringing the bootstrap policy into the store at start (upstream: `component-helpers/auth/rbac/reconciliation`).
//!
//! What is missing is added; what administrators added stays. Objects annotated
//! `rbac.authorization.kubernetes.io/autoupdate: "false"` are left alone.

use async_trait::async_trait;
use k8s_api::{
    Map,
    meta::v1::ObjectMeta,
    rbac::v1::{AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

use crate::rules::covers;

const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// How often an object may appear or vanish while it is looked at.
const ATTEMPTS: usize = 4;

/// What is to be done to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Reconciled<T> {
    /// Nothing.
    Unchanged,
    /// It opted out.
    Protected,
    /// Write this.
    Update(T),
    /// Delete the existing one and create this: what a binding refers to cannot be changed.
    Recreate(T),
}

/// What the two kinds of roles have in common.
pub trait RoleObject: Clone + PartialEq {
    /// Metadata.
    fn meta(&mut self) -> &mut ObjectMeta;
    /// The rules.
    fn rules(&mut self) -> &mut Vec<PolicyRule>;
    /// The aggregation; `None` for kinds that have none.
    fn aggregation(&mut self) -> Option<&mut Option<Box<AggregationRule>>>;
}

/// What the two kinds of bindings have in common.
pub trait BindingObject: Clone + PartialEq {
    /// Metadata.
    fn meta(&mut self) -> &mut ObjectMeta;
    /// The role.
    fn role(&self) -> &RoleRef;
    /// Whom it is bound to.
    fn subjects(&mut self) -> &mut Vec<Subject>;
}

impl RoleObject for ClusterRole {
    fn meta(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn rules(&mut self) -> &mut Vec<PolicyRule> {
        &mut self.rules
    }

    fn aggregation(&mut self) -> Option<&mut Option<Box<AggregationRule>>> {
        Some(&mut self.aggregation_rule)
    }
}

impl RoleObject for Role {
    fn meta(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn rules(&mut self) -> &mut Vec<PolicyRule> {
        &mut self.rules
    }

    fn aggregation(&mut self) -> Option<&mut Option<Box<AggregationRule>>> {
        None
    }
}

macro_rules! binding_object {
    ($kind:ident) => {
        impl BindingObject for $kind {
            fn meta(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }

            fn role(&self) -> &RoleRef {
                &self.role_ref
            }

            fn subjects(&mut self) -> &mut Vec<Subject> {
                &mut self.subjects
            }
        }
    };
}

binding_object!(RoleBinding);
binding_object!(ClusterRoleBinding);

/// Adds what is missing; what is there stays as it is.
fn add_missing(existing: &mut Map<String>, expected: &Map<String>) {
    for (key, value) in expected.iter() {
        if !existing.contains_key(key) {
            existing.insert(key.clone(), value.clone());
        }
    }
}

fn merge_metadata(existing: &mut ObjectMeta, expected: &ObjectMeta) {
    add_missing(&mut existing.annotations, &expected.annotations);
    add_missing(&mut existing.labels, &expected.labels);
}

fn is_protected(metadata: &ObjectMeta) -> bool {
    metadata
        .annotations
        .get(AUTO_UPDATE)
        .is_some_and(|value| value == "false")
}

/// What is to be done to an existing role so that it contains the expected one.
#[must_use]
pub fn reconcile_role<T: RoleObject>(existing: &T, expected: &T) -> Reconciled<T> {
    let (mut wanted, mut expected) = (existing.clone(), expected.clone());
    if is_protected(wanted.meta()) {
        return Reconciled::Protected;
    }
    merge_metadata(wanted.meta(), expected.meta());
    let missing = covers(wanted.rules(), expected.rules());
    wanted.rules().extend(missing);
    if let (Some(own), Some(other)) = (wanted.aggregation(), expected.aggregation()) {
        match other {
            None => *own = None,
            Some(other) => {
                let selectors = &mut own.get_or_insert_default().cluster_role_selectors;
                for selector in &other.cluster_role_selectors {
                    if !selectors.contains(selector) {
                        selectors.push(selector.clone());
                    }
                }
            }
        }
    }
    if wanted == *existing {
        Reconciled::Unchanged
    } else {
        Reconciled::Update(wanted)
    }
}

/// What is to be done to an existing binding so that it contains the expected one.
#[must_use]
pub fn reconcile_binding<T: BindingObject>(existing: &T, expected: &T) -> Reconciled<T> {
    let (mut wanted, mut expected) = (existing.clone(), expected.clone());
    if is_protected(wanted.meta()) {
        return Reconciled::Protected;
    }
    if wanted.role() != expected.role() {
        return Reconciled::Recreate(expected);
    }
    merge_metadata(wanted.meta(), expected.meta());
    for subject in std::mem::take(expected.subjects()) {
        if !wanted.subjects().contains(&subject) {
            wanted.subjects().push(subject);
        }
    }
    if wanted == *existing {
        Reconciled::Unchanged
    } else {
        Reconciled::Update(wanted)
    }
}

/// Why an object could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// Somebody created it meanwhile.
    #[error("the object already exists")]
    AlreadyExists,
    /// Somebody deleted it meanwhile.
    #[error("the object does not exist")]
    NotFound,
    /// Somebody changed it meanwhile.
    #[error("the object was changed")]
    Conflict,
    /// Anything else.
    #[error("{0}")]
    Other(String),
    /// It kept changing.
    #[error("exceeded maximum attempts")]
    Attempts,
}

/// Reads and writes objects of one kind.
#[async_trait]
pub trait BootstrapClient<T: Send + Sync>: Send + Sync {
    /// The object of the same name.
    ///
    /// # Errors
    /// It cannot be read.
    async fn get(&self, like: &T) -> Result<Option<T>, BootstrapError>;
    /// Creates an object.
    ///
    /// # Errors
    /// [`BootstrapError::AlreadyExists`], or it cannot be written.
    async fn create(&self, object: &T) -> Result<(), BootstrapError>;
    /// Replaces an object, at its resource version.
    ///
    /// # Errors
    /// [`BootstrapError::NotFound`], [`BootstrapError::Conflict`], or it cannot be written.
    async fn update(&self, object: &T) -> Result<(), BootstrapError>;
    /// Deletes this very object (by its identifier).
    ///
    /// # Errors
    /// [`BootstrapError::NotFound`], [`BootstrapError::Conflict`], or it cannot be deleted.
    async fn delete(&self, object: &T) -> Result<(), BootstrapError>;
}

/// Brings one object into the store; `reconcile` is [`reconcile_role`] or [`reconcile_binding`].
///
/// # Errors
/// It cannot be read or written, or changes faster than it is looked at.
pub async fn ensure<T: Send + Sync>(
    client: &dyn BootstrapClient<T>,
    expected: &T,
    reconcile: fn(&T, &T) -> Reconciled<T>,
) -> Result<(), BootstrapError> {
    for _ in 0..ATTEMPTS {
        let outcome = match client.get(expected).await? {
            None => client.create(expected).await,
            Some(existing) => match reconcile(&existing, expected) {
                Reconciled::Unchanged | Reconciled::Protected => Ok(()),
                Reconciled::Update(object) => client.update(&object).await,
                Reconciled::Recreate(object) => match client.delete(&existing).await {
                    Ok(()) | Err(BootstrapError::NotFound) => client.create(&object).await,
                    Err(error) => Err(error),
                },
            },
        };
        match outcome {
            Err(BootstrapError::AlreadyExists | BootstrapError::NotFound | BootstrapError::Conflict) => {}
            outcome => return outcome,
        }
    }
    Err(BootstrapError::Attempts)
}
