//! What `kubectl describe` says about an object: one file a kind, and a [`generic`] answer for every other.
//!
//! Related objects and events come through [`Cluster`], which the command implements.

mod configmap;
mod cronjob;
mod daemonset;
mod deployment;
mod events;
mod generic;
mod job;
mod metadata;
mod namespace;
mod pod;
mod replicaset;
mod secret;
mod service;
mod serviceaccount;
mod statefulset;
mod text;
mod values;
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
    match (subject.group, subject.kind) {
        ("", "ConfigMap") => configmap::describe(subject, &mut text).await?,
        ("", "Pod") => pod::describe(subject, &mut text).await,
        ("", "Service") => service::describe(subject, &mut text).await,
        ("apps", "Deployment") => deployment::describe(subject, &mut text).await?,
        ("apps", "ReplicaSet") => replicaset::describe(subject, &mut text).await?,
        ("apps", "StatefulSet") => statefulset::describe(subject, &mut text).await?,
        ("batch", "Job") => job::describe(subject, &mut text).await,
        ("batch", "CronJob") => cronjob::describe(subject, &mut text).await,
        ("apps", "DaemonSet") => daemonset::describe(subject, &mut text).await?,
        ("", "Namespace") => namespace::describe(subject, &mut text).await?,
        ("", "Secret") => secret::describe(subject.object, &mut text),
        ("", "ServiceAccount") => serviceaccount::describe(subject, &mut text).await,
        _ => generic::describe(subject, &mut text).await,
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
    /// The events about the object; `None` if they are not wanted, or cannot be had.
    async fn events(&self) -> Option<Events> {
        if !self.show_events {
            return None;
        }
        // A description without its events is better than none.
        events::about(self.cluster, self.object, self.kind).await.ok()
    }
}
