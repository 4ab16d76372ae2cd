//! `OwnerReferencesPermissionEnforcement`: who sets an owner may delete the object, and who blocks the
//! owner's deletion may do so.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Permissions, Plugin},
    registry::AnyObject,
};
use apiserver_auth::authorization::{Attributes as Question, Authorization};
use async_trait::async_trait;
use k8s_api::{meta::v1::OwnerReference, scheme};

/// Knows the resources behind kinds.
pub trait KindMapper: Send + Sync + Debug + 'static {
    /// The plural name of a kind's resource, and whether its objects have namespaces.
    fn resource(&self, group: &str, version: &str, kind: &str) -> Option<(String, bool)>;
}

/// The built-in kinds.
#[derive(Debug)]
pub struct BuiltinKinds;

impl KindMapper for BuiltinKinds {
    fn resource(&self, group: &str, version: &str, kind: &str) -> Option<(String, bool)> {
        let info = scheme::resource_of_kind(group, version, kind)?;
        Some((info.plural.to_owned(), info.namespaced))
    }
}

/// The plugin `OwnerReferencesPermissionEnforcement`.
#[derive(Debug)]
pub struct OwnerReferencesPermissionEnforcement {
    permissions: Permissions,
    kinds: Arc<dyn KindMapper>,
}

/// The references that block their owner's deletion and did not before.
fn newly_blocking<'n>(new: &'n [OwnerReference], old: &[OwnerReference]) -> Vec<&'n OwnerReference> {
    let blocks = |reference: &&OwnerReference| reference.block_owner_deletion == Some(true);
    new.iter()
        .filter(blocks)
        .filter(|reference| {
            let before = old.iter().find(|before| before.uid == reference.uid);
            before.is_none_or(|before| !blocks(&before))
        })
        .collect()
}

/// Reason and error, as Go prints them.
fn why(answer: &Authorization) -> String {
    let error = answer.error.as_deref().unwrap_or("<nil>");
    format!("{}, {error}", answer.reason)
}

impl OwnerReferencesPermissionEnforcement {
    /// A plugin that asks these permissions.
    #[must_use]
    pub fn new(permissions: Permissions, kinds: Arc<dyn KindMapper>) -> Self {
        Self { permissions, kinds }
    }

    /// Who may not delete the object has no say in what deletes it.
    async fn check_delete(&self, attributes: &Attributes<'_>, object: &dyn AnyObject) -> Result<(), StatusError> {
        let resource = attributes.resource;
        let question = Question {
            subresource: attributes.subresource,
            namespace: attributes.namespace,
            name: attributes.name,
            ..Question::resource(
                attributes.user(),
                "delete",
                &resource.group,
                &resource.version,
                &resource.name,
            )
        };
        let answer = self.permissions.ask(&question).await;
        if answer.is_allowed() {
            return Ok(());
        }
        let why = why(&answer);
        let reason = format!("cannot set an ownerRef on a resource you can't delete: {why}");
        Err(attributes.forbidden(Some(object), reason))
    }

    async fn may_finalize_anything(&self, attributes: &Attributes<'_>) -> bool {
        let question = Question {
            subresource: "finalizers",
            name: "*",
            ..Question::resource(attributes.user(), "update", "*", "*", "*")
        };
        self.permissions.ask(&question).await.is_allowed()
    }

    async fn check_blocking(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn AnyObject,
        reference: &OwnerReference,
    ) -> Result<(), StatusError> {
        let (api_version, kind) = (&reference.api_version, &reference.kind);
        let (group, version) = scheme::split_api_version(api_version);
        let Some((resource, namespaced)) = self.kinds.resource(group, version, kind) else {
            let reason = format!(
                "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion {api_version} \
                 Kind {kind}: no matches for kind {kind:?} in version {api_version:?}"
            );
            return Err(attributes.forbidden(Some(object), reason));
        };
        let question = Question {
            subresource: "finalizers",
            name: &reference.name,
            namespace: if namespaced { attributes.namespace } else { "" },
            ..Question::resource(attributes.user(), "update", group, version, &resource)
        };
        let answer = self.permissions.ask(&question).await;
        if answer.is_allowed() {
            return Ok(());
        }
        let why = why(&answer);
        let reason = format!(
            "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: {why}"
        );
        Err(attributes.forbidden(Some(object), reason))
    }
}

#[async_trait]
impl Plugin for OwnerReferencesPermissionEnforcement {
    fn name(&self) -> &'static str {
        "OwnerReferencesPermissionEnforcement"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        // Kubelets write the statuses of their pods.
        if attributes.is("", "pods") && attributes.subresource == "status" {
            return Ok(());
        }
        let Some(object) = object else { return Ok(()) };
        let new = &object.metadata().owner_references;
        let old = attributes.old.map_or(&[][..], |old| &old.metadata().owner_references);
        if new == old {
            return Ok(());
        }
        if attributes.operation != Operation::Create {
            self.check_delete(attributes, object).await?;
        }
        let blocking = newly_blocking(new, old);
        if blocking.is_empty() || self.may_finalize_anything(attributes).await {
            return Ok(());
        }
        for reference in blocking {
            self.check_blocking(attributes, object, reference).await?;
        }
        Ok(())
    }
}
