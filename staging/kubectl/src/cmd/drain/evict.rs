//! Getting pods off a node, and waiting until they are gone (upstream: `drain/drain.go`).

use std::time::Duration;

use client_go::Api;
use client_go::api::DeleteOptions;
use component_base::GoDuration;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::{DeleteOptions as ApiDeleteOptions, ObjectMeta};
use k8s_api::policy::v1::Eviction;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use cli_runtime::resource::{get, text_at};
use cli_runtime::{CommandError, RestMapping, Result, message};

use super::filters::is_stuck;
use super::{DrainOptions, Failure};
use crate::frame::Context;

/// How long to wait before an eviction that was refused is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is looked for a pod that is to go.
const INTERVAL: Duration = Duration::from_secs(1);
/// The cause of a refusal in a namespace that is about to go.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// `namespace/name`.
pub(super) fn full_name(pod: &Value) -> String {
    format!("{}/{}", namespace(pod), name(pod))
}

fn name(pod: &Value) -> &str {
    text_at(pod, &["metadata", "name"])
}

fn namespace(pod: &Value) -> &str {
    text_at(pod, &["metadata", "namespace"])
}

/// What an attempt to evict came to.
enum Attempt {
    /// The pod is about to go.
    Going,
    /// There is no such pod any more.
    Gone,
    /// It was refused; what is said of that before the next attempt.
    Again(String),
    /// It will not succeed.
    Failed(CommandError),
}

/// The process's way to the pods, and how long it has.
struct Pods<'c> {
    context: &'c Context,
    mapping: &'c RestMapping,
    deadline: Option<Instant>,
}

impl DrainOptions {
    /// Gets the pods off the node, and waits until they are gone.
    pub(super) async fn delete_or_evict(&self, context: &Context, pods: &[Value]) -> Result<(), Failure> {
        if pods.is_empty() {
            return Ok(());
        }
        let mapping = context.factory.resource("pods").await.map_err(Failure::One)?;
        let way = Pods {
            context,
            mapping: &mapping,
            deadline: (!self.timeout.is_zero()).then(|| Instant::now() + self.timeout.to_std()),
        };
        if self.disable_eviction || !mapping.subresources.iter().any(|name| name == "eviction") {
            return self.delete_all(&way, pods).await.map_err(Failure::One);
        }
        let mut evictions: FuturesUnordered<_> = pods.iter().map(|pod| self.evict(&way, pod)).collect();
        let mut errors = Vec::new();
        while let Some(outcome) = evictions.next().await {
            errors.extend(outcome.err());
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Failure::Several(errors))
        }
    }

    fn grace_period(&self) -> Option<i64> {
        (self.grace_period >= 0).then(|| self.grace_period.into())
    }

    async fn delete_all(&self, way: &Pods<'_>, pods: &[Value]) -> Result<()> {
        for pod in pods {
            let options = DeleteOptions {
                grace_period_seconds: self.grace_period(),
                dry_run: self.nodes.dry_run.is_server(),
                ..DeleteOptions::default()
            };
            let api = way.context.factory.dynamic(way.mapping, namespace(pod))?;
            match api.delete(name(pod), &options).await {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        // What only was to be deleted does not go.
        if self.nodes.dry_run.is_server() {
            return Ok(());
        }
        self.until_gone(way, pods, "deleted", "deletion failed").await
    }

    async fn evict(&self, way: &Pods<'_>, pod: &Value) -> Result<()> {
        let (own_name, own_namespace) = (name(pod), namespace(pod));
        let out = &way.context.streams.out;
        let mut active = pod.clone();
        loop {
            let suffix = if self.nodes.dry_run.is_server() {
                " (server dry run)"
            } else {
                ""
            };
            out.print(format!("evicting pod {}{suffix}\n", full_name(&active)))?;
            if way.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(message!(
                    "error when evicting pods/{own_name:?} -n {own_namespace:?}: global timeout reached: {}",
                    self.timeout
                ));
            }
            match self.attempt(way, &active).await? {
                Attempt::Going => break,
                Attempt::Gone => return Ok(()),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again(said) => {
                    way.context.streams.err.print(said)?;
                    sleep(RETRY).await;
                }
            }
            // If it cannot be had, the next attempt says why.
            if let Ok(fresh) = way.get(&active).await {
                active = fresh;
            }
        }
        if self.nodes.dry_run.is_server() {
            return Ok(());
        }
        self.until_gone(way, &[active], "evicted", "eviction failed")
            .await
            .map_err(|error| {
                message!("error when waiting for pod {own_name:?} in namespace {own_namespace:?} to terminate: {error}")
            })
    }

    async fn attempt(&self, way: &Pods<'_>, pod: &Value) -> Result<Attempt> {
        let (name, namespace) = (name(pod), namespace(pod));
        let eviction = Eviction {
            metadata: ObjectMeta {
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                ..ObjectMeta::default()
            },
            delete_options: Some(Box::new(ApiDeleteOptions {
                grace_period_seconds: self.grace_period(),
                dry_run: self
                    .nodes
                    .dry_run
                    .is_server()
                    .then(|| "All".to_owned())
                    .into_iter()
                    .collect(),
                ..ApiDeleteOptions::default()
            })),
        };
        let api: Api<Pod> = way.context.factory.client()?.namespaced(namespace);
        let evicting = api.evict(&eviction);
        let outcome = match way.deadline {
            Some(deadline) => match timeout_at(deadline, evicting).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    return Ok(Attempt::Failed(message!(
                        "error when evicting pods/{name:?} -n {namespace:?}: context deadline exceeded"
                    )));
                }
            },
            None => evicting.await,
        };
        let Err(error) = outcome else {
            return Ok(Attempt::Going);
        };
        let status = error.status().map(apimachinery::status::StatusError::status);
        let code = status.map_or(0, |status| status.code);
        let terminating = code == 403
            && status
                .and_then(|status| status.details.as_ref())
                .is_some_and(|details| details.causes.iter().any(|cause| cause.reason == NAMESPACE_TERMINATING));
        let retry = GoDuration::from_secs(5);
        Ok(match code {
            404 => Attempt::Gone,
            429 => Attempt::Again(format!(
                "error when evicting pods/{name:?} -n {namespace:?} (will retry after {retry}): {error}\n"
            )),
            // Nothing is evicted from a namespace that goes; what is terminating already goes with it.
            _ if terminating && !text_at(pod, &["metadata", "deletionTimestamp"]).is_empty() => Attempt::Going,
            _ if terminating => Attempt::Again(format!(
                "error when evicting pod {name:?} from terminating namespace {namespace:?} (will retry after {retry}): {error}\n"
            )),
            _ => Attempt::Failed(message!("error when evicting pods/{name:?} -n {namespace:?}: {error}")),
        })
    }

    /// Waits until every pod is gone, or has been terminating for too long; says what became of each.
    async fn until_gone(&self, way: &Pods<'_>, pods: &[Value], gone: &str, failed: &str) -> Result<()> {
        let mut pending: Vec<&Value> = pods.iter().collect();
        loop {
            let mut left = Vec::new();
            for pod in pending {
                match way.get(pod).await {
                    Err(error) if error.is_not_found() => self.nodes.print(way.context, gone, pod)?,
                    Err(error) => {
                        self.nodes.print(way.context, failed, pod)?;
                        return Err(error);
                    }
                    Ok(now) if text_at(&now, &["metadata", "uid"]) != text_at(pod, &["metadata", "uid"]) => {
                        self.nodes.print(way.context, gone, pod)?;
                    }
                    Ok(now) if is_stuck(&now, self.skip_terminating()) => {
                        way.context.streams.out.print(format!(
                            "pod {:?} has DeletionTimestamp older than {} seconds, skipping\n",
                            name(pod),
                            self.skip_wait_for_delete_timeout
                        ))?;
                    }
                    Ok(_) => left.push(pod),
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            pending = left;
            let next = Instant::now() + INTERVAL;
            if let Some(deadline) = way.deadline.filter(|deadline| *deadline <= next) {
                tokio::time::sleep_until(deadline).await;
                return Err(message!("context deadline exceeded"));
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

impl Pods<'_> {
    async fn get(&self, pod: &Value) -> Result<Value> {
        let client = self.context.factory.client()?;
        let mut pod = get(&client, self.mapping, namespace(pod), name(pod)).await?;
        // A list's items come without; what is printed has them.
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        Ok(pod)
    }
}
