//! What `kubectl describe` says about an object: one file a kind, and a [`generic`] answer for every other.
//!
//! Related objects and events come through [`Cluster`], which the command implements.

mod autoscaler;
mod class;
mod configmap;
mod cronjob;
mod daemonset;
mod deployment;
mod disruptionbudget;
mod endpoints;
mod events;
mod fields;
mod generic;
mod ingress;
mod job;
mod limitrange;
mod metadata;
mod namespace;
mod networkaddress;
mod networkpolicy;
mod node;
mod pod;
mod rbac;
mod replicaset;
mod replicationcontroller;
mod resourcequota;
mod secret;
mod service;
mod serviceaccount;
mod signingrequest;
mod statefulset;
mod text;
mod values;
mod volume;
mod workload;

#[cfg(test)]
mod testing;

use async_trait::async_trait;
use cli_runtime::Result;
use serde_json::Value;

use events::Events;
use text::Text;

/// Where related objects are found.
#[async_trait(?Send)]
pub trait Cluster {
    /// The objects of a kind; an empty namespace stands for all of them.
    ///
    /// # Errors
    /// The server does not serve the kind, or cannot be asked.
    async fn list(&self, wanted: &Related<'_>) -> Result<Vec<Value>>;

    /// One object.
    ///
    /// # Errors
    /// The server does not have it, or cannot be asked.
    async fn get(&self, wanted: &Named<'_>) -> Result<Value>;
}

/// Which related object is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Named<'n> {
    /// Such as `v1`.
    pub api_version: &'n str,
    /// Such as `Service`.
    pub kind: &'n str,
    /// Where it lives; empty for what lives in no namespace.
    pub namespace: &'n str,
    /// Its name.
    pub name: &'n str,
}

/// Which related objects are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Related<'r> {
    /// Such as `apps/v1`.
    pub api_version: &'r str,
    /// Such as `ReplicaSet`.
    pub kind: &'r str,
    /// Where they live; empty for everywhere.
    pub namespace: &'r str,
    /// A label selector; empty for all.
    pub labels: &'r str,
    /// A field selector; empty for all.
    pub fields: &'r str,
}

/// What to describe, and how.
pub struct Subject<'s> {
    /// The object's group; empty for the core group.
    pub group: &'s str,
    /// The object's kind.
    pub kind: &'s str,
    /// The object as the server holds it.
    pub object: &'s Value,
    /// Whether events are shown.
    pub show_events: bool,
    /// Where related objects are found.
    pub cluster: &'s dyn Cluster,
}

/// The description.
///
/// # Errors
/// What the description cannot do without cannot be fetched.
pub async fn describe(subject: &Subject<'_>) -> Result<String> {
    let mut text = Text::default();
    let out = &mut text;
    match (subject.group, subject.kind) {
        ("", "ConfigMap") => configmap::describe(subject, out).await?,
        ("", "Endpoints") => endpoints::describe(subject, out).await,
        ("", "LimitRange") => limitrange::describe(subject.object, out),
        ("", "Namespace") => namespace::describe(subject, out).await?,
        ("", "Node") => node::describe(subject, out).await?,
        ("", "PersistentVolume") => volume::persistent::describe(subject, out).await,
        ("", "PersistentVolumeClaim") => volume::claim::describe(subject, out).await?,
        ("", "Pod") => pod::describe(subject, out).await,
        ("", "ReplicationController") => replicationcontroller::describe(subject, out).await?,
        ("", "ResourceQuota") => resourcequota::describe(subject.object, out),
        ("", "Secret") => secret::describe(subject.object, out),
        ("", "Service") => service::describe(subject, out).await,
        ("", "ServiceAccount") => serviceaccount::describe(subject, out).await,
        ("apps", "DaemonSet") => daemonset::describe(subject, out).await?,
        ("apps", "Deployment") => deployment::describe(subject, out).await?,
        ("apps", "ReplicaSet") => replicaset::describe(subject, out).await?,
        ("apps", "StatefulSet") => statefulset::describe(subject, out).await?,
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::describe(subject, out).await,
        ("batch", "CronJob") => cronjob::describe(subject, out).await,
        ("batch", "Job") => job::describe(subject, out).await,
        ("certificates.k8s.io", "CertificateSigningRequest") => signingrequest::describe(subject, out).await?,
        ("discovery.k8s.io", "EndpointSlice") => endpoints::describe_slice(subject, out).await,
        ("networking.k8s.io", "IPAddress") => networkaddress::describe_address(subject, out).await,
        ("networking.k8s.io", "Ingress") => ingress::describe(subject, out).await,
        ("networking.k8s.io", "IngressClass") => ingress::describe_class(subject, out).await,
        ("networking.k8s.io", "NetworkPolicy") => networkpolicy::describe(subject.object, out),
        ("networking.k8s.io", "ServiceCIDR") => networkaddress::describe_range(subject, out).await,
        ("policy", "PodDisruptionBudget") => disruptionbudget::describe(subject, out).await,
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") => rbac::describe_role(subject.object, out),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding" | "RoleBinding") => {
            rbac::describe_binding(subject.object, out);
        }
        ("scheduling.k8s.io", "PriorityClass") => class::describe_priority(subject, out).await,
        ("storage.k8s.io", "CSINode") => class::describe_drivers(subject, out).await,
        ("storage.k8s.io", "StorageClass") => class::describe_storage(subject, out).await,
        ("storage.k8s.io", "VolumeAttributesClass") => class::describe_attributes(subject, out).await,
        _ => generic::describe(subject, out).await,
    }
    Ok(text.aligned())
}

/// What is said of a template of pods, its cells separated by tabs.
#[must_use]
pub fn pod_template(template: &Value) -> String {
    let mut text = Text::default();
    pod::template(template, &mut text);
    text.raw()
}

impl Subject<'_> {
    /// The events about the object, none if they cannot be had; `None` if they are not wanted.
    async fn events(&self) -> Option<Events> {
        if !self.show_events {
            return None;
        }
        // A description without its events is better than none.
        let found = events::about(self.cluster, self.object, self.kind).await;
        Some(found.unwrap_or_default())
    }
}
