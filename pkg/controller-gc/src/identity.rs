//! [`Identity`]: everything that names an object.

use std::fmt;
use std::sync::Arc;

use client_go::cache::ObjectKey;
use k8s_api::meta::v1::{ObjectMeta, OwnerReference};

/// An object's UID; cheap to clone.
pub(crate) type Uid = Arc<str>;

/// A kind in a version; one allocation for all objects of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeMeta {
    /// Kind.
    pub(crate) kind: Arc<str>,
    /// `group/version`.
    pub(crate) api_version: Arc<str>,
}

/// Everything that names an object. The order is that of alternatives: kinds before namespaces before names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity {
    /// Kind and version.
    pub(crate) type_meta: TypeMeta,
    /// Namespace and name.
    pub(crate) key: ObjectKey,
    /// UID.
    pub(crate) uid: Uid,
}

impl Identity {
    /// The identity of an object of a known kind.
    pub(crate) fn of(type_meta: &TypeMeta, metadata: &ObjectMeta) -> Self {
        Self {
            type_meta: type_meta.clone(),
            key: ObjectKey::new(&metadata.namespace, &metadata.name),
            uid: metadata.uid.as_str().into(),
        }
    }

    /// The identity that an owner reference claims for an owner in `namespace`.
    pub(crate) fn claimed(reference: &OwnerReference, namespace: &str) -> Self {
        Self {
            type_meta: TypeMeta {
                kind: reference.kind.as_str().into(),
                api_version: reference.api_version.as_str().into(),
            },
            key: ObjectKey::new(namespace, &reference.name),
            uid: reference.uid.as_str().into(),
        }
    }

    /// The namespace; empty for cluster-scoped objects.
    pub(crate) fn namespace(&self) -> &str {
        self.key.namespace()
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        self.key.name()
    }

    /// Whether a reference names this object in every part but the namespace.
    pub(crate) fn matches(&self, reference: &OwnerReference) -> bool {
        *self.uid == *reference.uid
            && self.name() == reference.name
            && *self.type_meta.kind == *reference.kind
            && *self.type_meta.api_version == *reference.api_version
    }

    /// The same without a namespace.
    pub(crate) fn cluster_scoped(mut self) -> Self {
        self.key = ObjectKey::new("", self.name());
        self
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TypeMeta { kind, api_version } = &self.type_meta;
        write!(
            formatter,
            "[{api_version}/{kind}, namespace: {}, name: {}, uid: {}]",
            self.namespace(),
            self.name(),
            self.uid
        )
    }
}
