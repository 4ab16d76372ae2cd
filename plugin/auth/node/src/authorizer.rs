//! The decisions about kubelets' requests.

use std::sync::Arc;

use apiserver_auth::{
    authorization::{Attributes, Authorization, Authorizer, RuleResolver, Rules},
    user::UserInfo,
};
use async_trait::async_trait;
use k8s_api::{primitives::quote, rbac::v1::PolicyRule};

use crate::graph::{Graph, Kind};

const LEASE_NAMESPACE: &str = "kube-node-lease";
/// How the reason begins where the graph knows of no way from the node to the object.
const UNRELATED: &str = "no relationship found";

/// Decides about requests of kubelets, and has no opinion about others.
pub struct NodeAuthorizer {
    graph: Arc<Graph>,
    rules: Vec<PolicyRule>,
}

fn refused(reason: &str) -> Authorization {
    Authorization::no_opinion(reason)
}

fn allowed() -> Authorization {
    Authorization::allow("")
}

impl NodeAuthorizer {
    /// What the graph does not decide, `rules` do: those of the role `system:node`
    /// ([`auth_rbac::bootstrap::node_rules`]).
    #[must_use]
    pub fn new(graph: Arc<Graph>, rules: Vec<PolicyRule>) -> Self {
        Self { graph, rules }
    }

    /// The decision, for callers that need not wait.
    #[must_use]
    pub fn decide(&self, attributes: &Attributes<'_>) -> Authorization {
        let Some(node) = attributes.user.node_identity() else {
            return refused("");
        };
        if node.is_empty() {
            return Authorization::no_opinion(format!("unknown node for user {}", quote(&attributes.user.name)));
        }
        if attributes.is_resource
            && let Some(answer) = self.decide_resource(node, attributes)
        {
            return answer;
        }
        if auth_rbac::rules_allow(attributes, &self.rules) {
            allowed()
        } else {
            refused("")
        }
    }

    /// Resources that are divided among nodes; `None` for others.
    fn decide_resource(&self, node: &str, attributes: &Attributes<'_>) -> Option<Authorization> {
        Some(match (attributes.api_group, attributes.resource) {
            ("", "secrets") => self.read_namespaced(node, Kind::Secret, attributes),
            ("", "configmaps") => self.read_namespaced(node, Kind::ConfigMap, attributes),
            ("", "persistentvolumeclaims") if attributes.subresource == "status" => self.claim_status(node, attributes),
            ("", "persistentvolumeclaims") => self.get(node, Kind::PersistentVolumeClaim, attributes),
            ("", "persistentvolumes") => self.get(node, Kind::PersistentVolume, attributes),
            ("resource.k8s.io", "resourceclaims") => self.get(node, Kind::ResourceClaim, attributes),
            ("storage.k8s.io", "volumeattachments") => self.get(node, Kind::VolumeAttachment, attributes),
            ("", "serviceaccounts") => self.service_account(node, attributes),
            ("coordination.k8s.io", "leases") => lease(node, attributes),
            ("storage.k8s.io", "csinodes") => csi_node(node, attributes),
            ("resource.k8s.io", "resourceslices") => self.slice(node, attributes),
            ("", "nodes") => own_node(node, attributes),
            ("", "pods") => self.pod(node, attributes),
            // Certificates for pods are off in this version.
            ("certificates.k8s.io", "podcertificaterequests") => refused(""),
            _ => return None,
        })
    }

    fn related(&self, node: &str, kind: Kind, attributes: &Attributes<'_>) -> Authorization {
        if attributes.name.is_empty() {
            return refused("No Object name found");
        }
        if self.graph.reaches(node, kind, attributes.namespace, attributes.name) {
            return allowed();
        }
        Authorization::no_opinion(format!("{UNRELATED} between node '{node}' and this object"))
    }

    fn claim_status(&self, node: &str, attributes: &Attributes<'_>) -> Authorization {
        if !matches!(attributes.verb, "update" | "patch") {
            return refused("can only get/update/patch this type");
        }
        self.related(node, Kind::PersistentVolumeClaim, attributes)
    }

    fn get(&self, node: &str, kind: Kind, attributes: &Attributes<'_>) -> Authorization {
        if attributes.verb != "get" {
            return refused("can only get individual resources of this type");
        }
        if !attributes.subresource.is_empty() {
            return refused("cannot get subresource");
        }
        self.related(node, kind, attributes)
    }

    fn read_namespaced(&self, node: &str, kind: Kind, attributes: &Attributes<'_>) -> Authorization {
        if !attributes.is_read_only() {
            return refused("can only read resources of this type");
        }
        if !attributes.subresource.is_empty() {
            return refused("cannot read subresource");
        }
        if attributes.namespace.is_empty() {
            return refused("can only read namespaced object of this type");
        }
        self.related(node, kind, attributes)
    }

    fn service_account(&self, node: &str, attributes: &Attributes<'_>) -> Authorization {
        if attributes.verb == "get" && attributes.subresource.is_empty() {
            return self.read_namespaced(node, Kind::ServiceAccount, attributes);
        }
        if attributes.verb != "create" || attributes.name.is_empty() {
            return refused("can only create tokens for individual service accounts");
        }
        if attributes.subresource != "token" {
            return refused("can only create token subresource of serviceaccount");
        }
        self.related(node, Kind::ServiceAccount, attributes)
    }

    fn slice(&self, node: &str, attributes: &Attributes<'_>) -> Authorization {
        if !attributes.subresource.is_empty() {
            return refused("cannot authorize ResourceSlice subresources");
        }
        match attributes.verb {
            // Admission checks the node of a new slice.
            "create" => allowed(),
            "get" | "update" | "patch" | "delete" => self.related(node, Kind::ResourceSlice, attributes),
            "watch" | "list" | "deletecollection" if attributes.selects_field("spec.nodeName", node) => allowed(),
            "watch" | "list" | "deletecollection" => {
                refused("can only list/watch/deletecollection resourceslices with nodeName field selector")
            }
            _ => refused(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, \
                 delete, deletecollection",
            ),
        }
    }

    fn pod(&self, node: &str, attributes: &Attributes<'_>) -> Authorization {
        match (attributes.subresource, attributes.verb) {
            ("", "get") => self.get(node, Kind::Pod, attributes),
            ("", "list" | "watch") => {
                if attributes.selects_field("spec.nodeName", node) {
                    allowed()
                } else if attributes.name.is_empty() {
                    refused("can only list/watch pods with spec.nodeName field selector")
                } else {
                    self.related(node, Kind::Pod, attributes)
                }
            }
            // Mirror pods, the status of its pods, and evicting them; admission checks whose they are.
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => allowed(),
            _ => refused(""),
        }
    }
}

fn is_object_verb(verb: &str) -> bool {
    matches!(verb, "get" | "create" | "update" | "patch" | "delete")
}

fn lease(node: &str, attributes: &Attributes<'_>) -> Authorization {
    if !is_object_verb(attributes.verb) {
        return refused("can only get, create, update, patch, or delete a node lease");
    }
    if attributes.namespace != LEASE_NAMESPACE {
        return Authorization::no_opinion(format!(
            "can only access leases in the {} system namespace",
            quote(LEASE_NAMESPACE)
        ));
    }
    // The name of a new lease is known to admission only.
    if attributes.verb != "create" && attributes.name != node {
        return refused("can only access node lease with the same name as the requesting node");
    }
    allowed()
}

fn csi_node(node: &str, attributes: &Attributes<'_>) -> Authorization {
    if !is_object_verb(attributes.verb) {
        return refused("can only get, create, update, patch, or delete a CSINode");
    }
    if !attributes.subresource.is_empty() {
        return refused("cannot authorize CSINode subresources");
    }
    if attributes.verb != "create" && attributes.name != node {
        return refused("can only access CSINode with the same name as the requesting node");
    }
    allowed()
}

fn own_node(node: &str, attributes: &Attributes<'_>) -> Authorization {
    match (attributes.subresource, attributes.verb) {
        // Admission checks which node is written.
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => allowed(),
        // By name, so that a kubelet may ask for its node before it exists.
        ("", "get" | "list" | "watch") => match attributes.name {
            name if name == node => allowed(),
            "" => Authorization::no_opinion(format!("node '{node}' cannot read all nodes, only its own Node object")),
            name => Authorization::no_opinion(format!("node '{node}' cannot read '{name}', only its own Node object")),
        },
        _ => refused(""),
    }
}

#[async_trait]
impl Authorizer for NodeAuthorizer {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        let decision = self.decide(attributes);
        if !decision.reason.starts_with(UNRELATED) {
            return decision;
        }
        // The kubelet may have been told of a pod before the graph was; refused, it would wait until it tries again.
        self.graph.caught_up().await;
        self.decide(attributes)
    }
}

#[async_trait]
impl RuleResolver for NodeAuthorizer {
    async fn rules_for(&self, user: &UserInfo, _namespace: &str) -> Rules {
        if user.node_identity().is_none() {
            return Rules::default();
        }
        Rules {
            incomplete: true,
            errors: vec!["node authorizer does not support user rule resolution".to_owned()],
            ..Rules::default()
        }
    }
}
