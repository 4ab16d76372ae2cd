//! Extenders: webhooks that filter and score nodes, have a say in preemption, and bind pods.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use client_go::Client;
use client_go::config::{Config, TlsConfig};
use client_go::transport::TransportError;
use http::Method;
use k8s_api::Kind as _;
use scheduler_framework::config::{self, ExtenderTlsConfig};
use scheduler_framework::node_status::NodeStatuses;
use scheduler_framework::{Code, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status};
use scheduler_plugins::default_preemption::Candidate;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scheduler::Scheduler;

/// How long a call may take if the configuration does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The highest score of an extender.
const MAX_PRIORITY: i64 = 10;

/// Why an extender cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExtenderError {
    /// Its connection's settings.
    #[error("extender {url:?}: {source}")]
    Transport {
        /// Where it is.
        url: String,
        /// Why.
        source: TransportError,
    },
    /// A certificate, key or authority that is not base64.
    #[error("extender {url:?}: tlsConfig: {error}")]
    Data {
        /// Where it is.
        url: String,
        /// Why.
        error: String,
    },
}

/// An extender.
pub struct Extender {
    config: config::Extender,
    client: Client,
    path: String,
    timeout: Duration,
}

/// What Filter answers. Names are Go's, as the interface has none of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct FilterResult {
    nodes: Option<NodeNames>,
    node_names: Option<Vec<String>>,
    failed_nodes: Option<BTreeMap<String, String>>,
    failed_and_unresolvable_nodes: Option<BTreeMap<String, String>>,
    error: String,
}

/// Of a list of nodes the names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeNames {
    items: Vec<NamedNode>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NamedNode {
    metadata: NodeMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeMetadata {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostPriority {
    host: String,
    score: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BindResult {
    error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PreemptionResult {
    node_name_to_meta_victims: Option<BTreeMap<String, Option<MetaVictims>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetaVictims {
    #[serde(rename = "Pods")]
    pods: Option<Vec<MetaPod>>,
    #[serde(rename = "NumPDBViolations")]
    violations: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetaPod {
    #[serde(rename = "UID")]
    uid: String,
}

fn tls(config: &config::Extender) -> Result<TlsConfig, ExtenderError> {
    let given = config.tls_config.clone().unwrap_or_default();
    let decode = |text: &str| {
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        decoded.map_err(|error| ExtenderError::Data {
            url: config.url_prefix.clone(),
            error: error.to_string(),
        })
    };
    let ExtenderTlsConfig {
        insecure,
        server_name,
        cert_file,
        key_file,
        ca_file,
        ..
    } = given.clone();
    let ca_data = decode(&given.ca_data)?;
    Ok(TlsConfig {
        // Without authorities nothing could be checked.
        insecure: insecure || (config.enable_https && ca_file.is_empty() && ca_data.is_empty()),
        server_name,
        cert_file,
        key_file,
        ca_file,
        cert_data: decode(&given.cert_data)?,
        key_data: decode(&given.key_data)?,
        ca_data,
    })
}

impl Extender {
    /// An extender as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// See [`ExtenderError`].
    pub fn new(config: &config::Extender) -> Result<Self, ExtenderError> {
        let url = config.url_prefix.trim_end_matches('/');
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (host, path) = rest
            .split_once('/')
            .map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        let timeout = match config.http_timeout.to_std() {
            Duration::ZERO => DEFAULT_TIMEOUT,
            timeout => timeout,
        };
        let client = Client::new(&Config {
            host: format!("{scheme}://{host}"),
            tls: tls(config)?,
            qps: -1.0,
            timeout: None,
            ..Config::default()
        });
        Ok(Self {
            client: client.map_err(|source| ExtenderError::Transport {
                url: config.url_prefix.clone(),
                source,
            })?,
            config: config.clone(),
            path,
            timeout,
        })
    }

    /// Whether it filters nodes.
    #[must_use]
    pub fn filters(&self) -> bool {
        !self.config.filter_verb.is_empty()
    }

    /// Whether it scores nodes.
    #[must_use]
    pub fn prioritizes(&self) -> bool {
        !self.config.prioritize_verb.is_empty()
    }

    /// Whether a pod is its business.
    #[must_use]
    pub fn is_interested(&self, pod: &PodInfo) -> bool {
        let managed = &self.config.managed_resources;
        let spec = &pod.pod.spec;
        let manages = |name: &String| managed.iter().any(|resource| resource.name == *name);
        managed.is_empty()
            || spec.containers.iter().chain(&spec.init_containers).any(|container| {
                let resources = &container.resources;
                resources.requests.keys().chain(resources.limits.keys()).any(manages)
            })
    }

    /// Calls a verb. What is not asked for again is not sent again.
    async fn call<R: serde::de::DeserializeOwned>(&self, verb: &str, arguments: &Value) -> Result<R, String> {
        let request = self
            .client
            .request(Method::POST, format!("{}/{verb}", self.path))
            .body("application/json", arguments.to_string().into_bytes())
            .timeout(None)
            .max_retries(0)
            .unlimited();
        let sent = tokio::time::timeout(self.timeout, request.send()).await;
        let url = format!("{}/{verb}", self.config.url_prefix.trim_end_matches('/'));
        let response = match sent {
            Err(_) => {
                return Err(format!(
                    "Post \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
                ));
            }
            Ok(Err(error)) => {
                return Err(match error.status() {
                    Some(status) => format!("failed {verb} with extender at URL {url}, code {}", status.code()),
                    None => error.to_string(),
                });
            }
            Ok(Ok(response)) => response,
        };
        serde_json::from_slice(&response.body).map_err(|error| error.to_string())
    }

    fn nodes(&self, nodes: &[&NodeInfo]) -> (Value, Value) {
        if self.config.node_cache_capable {
            let names: Vec<&str> = nodes.iter().map(|node| node.name()).collect();
            return (Value::Null, json!(names));
        }
        let items: Vec<Value> = nodes.iter().map(|node| node.node.to_value()).collect();
        (json!({"metadata": {}, "items": items}), Value::Null)
    }

    fn arguments(&self, pod: &PodInfo, nodes: &[&NodeInfo]) -> Value {
        let (nodes, names) = self.nodes(nodes);
        json!({"Pod": pod.pod.to_value(), "Nodes": nodes, "NodeNames": names})
    }

    /// The nodes that it leaves, by slot; those that it rejects are noted.
    async fn filter(
        &self,
        pod: &PodInfo,
        nodes: &[&NodeInfo],
        statuses: &mut NodeStatuses,
    ) -> Result<Vec<u32>, String> {
        let result: FilterResult = self.call(&self.config.filter_verb, &self.arguments(pod, nodes)).await?;
        if !result.error.is_empty() {
            return Err(result.error);
        }
        let slot = |name: &str| nodes.iter().find(|node| node.name() == name).map(|node| node.slot);
        let names = match (result.node_names, result.nodes) {
            (Some(names), _) if self.config.node_cache_capable => names,
            (_, Some(list)) => list.items.into_iter().map(|node| node.metadata.name).collect(),
            _ => Vec::new(),
        };
        let mut left = Vec::with_capacity(names.len());
        for name in names {
            left.push(slot(&name).ok_or_else(|| {
                format!(
                    "extender {:?} claims a filtered node {name:?} which is not found in the input node list",
                    self.config.url_prefix
                )
            })?);
        }
        let unresolvable = result.failed_and_unresolvable_nodes.unwrap_or_default();
        for (name, message) in result.failed_nodes.unwrap_or_default() {
            if let Some(slot) = slot(&name).filter(|_| !unresolvable.contains_key(&name)) {
                statuses.set(slot, Status::new(Code::Unschedulable, [message]));
            }
        }
        for (name, message) in unresolvable {
            if let Some(slot) = slot(&name) {
                statuses.set(slot, Status::unresolvable(message));
            }
        }
        Ok(left)
    }

    async fn prioritize(&self, pod: &PodInfo, nodes: &[&NodeInfo]) -> Result<Vec<HostPriority>, String> {
        self.call(&self.config.prioritize_verb, &self.arguments(pod, nodes))
            .await
    }

    async fn process_preemption(
        &self,
        pod: &PodInfo,
        candidates: &[Candidate],
        snapshot: &Snapshot,
    ) -> Result<Vec<Candidate>, String> {
        let mut victims = serde_json::Map::new();
        for candidate in candidates {
            let pods: Vec<Value> = candidate
                .victims
                .iter()
                .map(|victim| {
                    if self.config.node_cache_capable {
                        json!({"UID": victim.uid()})
                    } else {
                        victim.pod.to_value()
                    }
                })
                .collect();
            let value = json!({"Pods": pods, "NumPDBViolations": candidate.violations});
            victims.insert(candidate.node.clone(), value);
        }
        let member = if self.config.node_cache_capable {
            "NodeNameToMetaVictims"
        } else {
            "NodeNameToVictims"
        };
        let arguments = json!({"Pod": pod.pod.to_value(), member: victims});
        let result: PreemptionResult = self.call(&self.config.preempt_verb, &arguments).await?;
        let mut left = Vec::new();
        for (name, meta) in result.node_name_to_meta_victims.unwrap_or_default() {
            let meta = meta.unwrap_or_default();
            let pods = meta.pods.unwrap_or_default();
            if pods.is_empty() {
                if self.config.ignorable {
                    continue;
                }
                return Err(format!("expected at least one victim pod on node {name:?}"));
            }
            let node = snapshot
                .get(&name)
                .ok_or_else(|| format!("nodeinfo not found for node name {name:?}"))?;
            let find = |uid: &String| {
                let found = node.pods.iter().find(|there| there.uid() == uid);
                found.cloned().ok_or_else(|| {
                    format!(
                        "extender: {} claims to preempt pod (UID: {uid}) on node: {name}, but the pod is not found on that node",
                        self.config.url_prefix
                    )
                })
            };
            left.push(Candidate {
                victims: pods.iter().map(|pod| find(&pod.uid)).collect::<Result<_, _>>()?,
                violations: meta.violations,
                node: name,
            });
        }
        Ok(left)
    }
}

impl Scheduler {
    /// The nodes that all extenders leave, by slot.
    ///
    /// # Errors
    /// An extender that cannot be ignored failed.
    pub(crate) fn filter_by_extenders(
        &self,
        pod: &PodInfo,
        mut found: Vec<u32>,
        snapshot: &Snapshot,
        statuses: &mut NodeStatuses,
    ) -> Result<Vec<u32>, String> {
        let interested = self
            .extenders
            .iter()
            .filter(|extender| extender.filters() && extender.is_interested(pod));
        for extender in interested {
            if found.is_empty() {
                break;
            }
            let nodes: Vec<&NodeInfo> = found.iter().filter_map(|slot| snapshot.by_slot(*slot)).collect();
            match self.runtime.block_on(extender.filter(pod, &nodes, statuses)) {
                Ok(left) => found = left,
                Err(error) if extender.config.ignorable => {
                    tracing::info!(
                        extender = extender.config.url_prefix,
                        error,
                        "Skipping extender as it returned error and has ignorable flag set"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Adds the extenders' scores. What an extender fails to score it does not score.
    pub(crate) fn add_extender_scores(&self, pod: &PodInfo, nodes: &Feasible<'_>, scores: &mut [i64]) {
        let interested: Vec<&Extender> = self
            .extenders
            .iter()
            .filter(|extender| extender.prioritizes() && extender.is_interested(pod))
            .collect();
        if interested.is_empty() {
            return;
        }
        let nodes = nodes.nodes();
        let calls = interested.iter().map(|extender| extender.prioritize(pod, nodes));
        let answers = self.runtime.block_on(futures::future::join_all(calls));
        for (extender, answer) in interested.iter().zip(answers) {
            let priorities = match answer {
                Ok(priorities) => priorities,
                Err(error) => {
                    tracing::debug!(
                        extender = extender.config.url_prefix,
                        error,
                        "Failed to run extender's priority function. No score given by this extender."
                    );
                    continue;
                }
            };
            let given: BTreeMap<&str, i64> = priorities.iter().map(|p| (p.host.as_str(), p.score)).collect();
            for (node, score) in nodes.iter().zip(scores.iter_mut()) {
                let own = given.get(node.name()).copied().unwrap_or(0);
                *score += own * extender.config.weight * (MAX_NODE_SCORE / MAX_PRIORITY);
            }
        }
    }

    /// Binds by an extender; `None` if none does.
    pub(crate) async fn bind_by_extender(&self, pod: &PodInfo, node: &str) -> Option<Status> {
        let binders = self
            .extenders
            .iter()
            .filter(|extender| !extender.config.bind_verb.is_empty());
        for extender in binders.filter(|extender| extender.is_interested(pod)) {
            let arguments = json!({
                "PodName": pod.name(), "PodNamespace": pod.namespace(), "PodUID": pod.uid(), "Node": node,
            });
            let outcome = match extender
                .call::<BindResult>(&extender.config.bind_verb, &arguments)
                .await
            {
                Ok(result) if result.error.is_empty() => Ok(()),
                Ok(result) => Err(result.error),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => return Some(Status::SUCCESS),
                Err(error) if extender.config.ignorable => {
                    tracing::info!(
                        extender = extender.config.url_prefix,
                        error,
                        "Skipping extender in bind as it returned error and has ignorable flag set"
                    );
                }
                Err(error) => return Some(Status::error(error)),
            }
        }
        None
    }

    /// The candidates that all extenders leave.
    ///
    /// # Errors
    /// An extender that cannot be ignored failed.
    pub(crate) fn preempt_by_extenders(
        &self,
        pod: &PodInfo,
        mut candidates: Vec<Candidate>,
        snapshot: &Snapshot,
    ) -> Result<Vec<Candidate>, Status> {
        let interested = self
            .extenders
            .iter()
            .filter(|extender| !extender.config.preempt_verb.is_empty());
        for extender in interested.filter(|extender| extender.is_interested(pod)) {
            if candidates.is_empty() {
                break;
            }
            match self
                .runtime
                .block_on(extender.process_preemption(pod, &candidates, snapshot))
            {
                Ok(left) => candidates = left,
                Err(error) if extender.config.ignorable => {
                    tracing::info!(
                        extender = extender.config.url_prefix,
                        error,
                        "Skipped extender as it returned error and has ignorable flag set"
                    );
                }
                Err(error) => return Err(Status::error(error)),
            }
        }
        Ok(candidates)
    }
}
