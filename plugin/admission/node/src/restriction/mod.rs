//! `NodeRestriction`: a kubelet writes only what belongs to its own node.
//!
//! Authorization lets nodes write pods, nodes, leases and so on; which of them is decided here. One file
//! a group of resources.

mod labels;
mod nodes;
mod objects;
mod pods;
mod tokens;

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Permissions, Plugin},
    registry::{AnyObject, ObjectBox},
    request::{UserInfo, names},
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod},
    storage::v1::CSIDriver,
};

/// What the plugin looks up.
#[derive(Clone, Debug)]
pub struct NodeObjects {
    /// Nodes.
    pub nodes: Arc<dyn Lookup<Node>>,
    /// Pods.
    pub pods: Arc<dyn Lookup<Pod>>,
    /// Claims for volumes.
    pub claims: Arc<dyn Lookup<PersistentVolumeClaim>>,
    /// Volumes.
    pub volumes: Arc<dyn Lookup<PersistentVolume>>,
    /// CSI drivers.
    pub drivers: Arc<dyn Lookup<CSIDriver>>,
}

/// The plugin `NodeRestriction`.
#[derive(Debug)]
pub struct NodeRestriction {
    objects: NodeObjects,
    permissions: Permissions,
    expansion_recovery: bool,
    audience_restriction: bool,
    insecure_requests: bool,
    pod_certificates: bool,
}

/// The node that a user is; `Some("")` for one of the nodes' group without a node's name.
fn node_of(user: &UserInfo) -> Option<&str> {
    let node = user.name.strip_prefix(names::NODE_USER_PREFIX)?;
    user.in_group(names::NODES_GROUP).then_some(node)
}

/// What is written, and by which node.
#[derive(Clone, Copy)]
struct Write<'a> {
    attributes: &'a Attributes<'a>,
    node: &'a str,
    object: Option<&'a dyn AnyObject>,
}

impl<'a> Write<'a> {
    fn refuse(&self, reason: impl std::fmt::Display) -> StatusError {
        self.attributes.forbidden(self.object, reason)
    }

    /// The object as a `T`.
    fn object_as<T: 'static>(&self) -> Result<&'a T, StatusError> {
        let object = self.object.and_then(|object| object.downcast_ref());
        object.ok_or_else(|| self.refuse("unexpected type"))
    }

    /// The object before as a `T`.
    fn old_as<T: 'static>(&self) -> Result<&'a T, StatusError> {
        let old = self.attributes.old.and_then(|old| old.downcast_ref());
        old.ok_or_else(|| self.refuse("unexpected type"))
    }
}

impl NodeRestriction {
    /// A plugin that looks objects up there.
    #[must_use]
    pub fn new(gates: &FeatureGates, objects: NodeObjects, permissions: Permissions) -> Self {
        Self {
            objects,
            permissions,
            expansion_recovery: gates.enabled(Feature::RecoverVolumeExpansionFailure),
            audience_restriction: gates.enabled(Feature::ServiceAccountNodeAudienceRestriction),
            insecure_requests: gates.enabled(Feature::AllowInsecureKubeletCertificateSigningRequests),
            pod_certificates: gates.enabled(Feature::PodCertificateRequest),
        }
    }

    async fn judge(&self, write: &Write<'_>) -> Result<(), StatusError> {
        let attributes = write.attributes;
        match (attributes.resource.group.as_str(), attributes.resource.name.as_str()) {
            ("", "pods") => self.judge_pod(write),
            ("", "nodes") => nodes::judge(write),
            ("", "persistentvolumeclaims") => self.judge_claim(write),
            ("", "serviceaccounts") => self.judge_token(write).await,
            ("coordination.k8s.io", "leases") => objects::judge_lease(write),
            ("storage.k8s.io", "csinodes") => objects::judge_csi_node(write),
            ("resource.k8s.io", "resourceslices") => objects::judge_slice(write),
            ("certificates.k8s.io", "certificatesigningrequests") if !self.insecure_requests => {
                objects::judge_signing_request(write)
            }
            ("certificates.k8s.io", "podcertificaterequests") if !self.pod_certificates => {
                Err(write.refuse("PodCertificateRequest feature gate is disabled"))
            }
            _ => Ok(()),
        }
    }
}

/// The resources that are looked at.
const RESOURCES: [(&str, &str); 9] = [
    ("", "pods"),
    ("", "nodes"),
    ("", "persistentvolumeclaims"),
    ("", "serviceaccounts"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("certificates.k8s.io", "podcertificaterequests"),
    ("coordination.k8s.io", "leases"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "csinodes"),
];

#[async_trait]
impl Plugin for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        RESOURCES.contains(&(group, resource))
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let Some(node) = node_of(attributes.user()) else {
            return Ok(());
        };
        let object: Option<&dyn AnyObject> = object.map(|object| &**object);
        if node.is_empty() {
            let reason = format!("could not determine node from user {:?}", attributes.user().name);
            return Err(attributes.forbidden(object, reason));
        }
        self.judge(&Write {
            attributes,
            node,
            object,
        })
        .await
    }
}
