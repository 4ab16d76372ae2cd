//! Pods as a client sees them that watches.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use client_go::api::DeleteOptions;
use client_go::cache::{Event, InformerFactory};
use client_go::{Api, Client};
use cri_client::api::PodSandbox;
use cri_client::{RemoteRuntimeService, RuntimeService as _};
use k8s_api::Object;
use k8s_api::apps::v1::Deployment;
use k8s_api::core::v1::{Namespace, Pod, ServiceAccount};
use perf::latency::Latency;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::cluster::Cluster;

/// The image that every node has.
pub(crate) const IMAGE: &str = "kubernox/busybox:1";
/// What its container does.
pub(crate) const COMMAND: [&str; 2] = ["sleep", "1000000"];

const NAMESPACE: &str = "perf";
/// How long pods may take to come or to go.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the client learns of a pod.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Bound,
    Running,
    Gone,
}

/// A watching client.
pub(crate) struct Pods {
    client: Client,
    runtime: RemoteRuntimeService,
    news: Mutex<UnboundedReceiver<(String, Seen)>>,
    stop: CancellationToken,
}

/// How long it took from the creation of one pod.
pub(crate) struct OneByOne {
    /// Until the server had answered.
    pub(crate) created: Latency,
    /// Until its node was seen.
    pub(crate) bound: Latency,
    /// Until it was seen running.
    pub(crate) running: Latency,
}

/// How long it took from the creation of their Deployment.
pub(crate) struct AtOnce {
    /// Until the node of the last one was seen.
    pub(crate) bound: Duration,
    /// Until the last one was seen running.
    pub(crate) running: Duration,
    /// From its deletion until the last one was gone.
    pub(crate) gone: Duration,
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Pods {
    /// Makes a namespace and watches it.
    ///
    /// # Errors
    /// The API server refuses.
    pub(crate) async fn watch(cluster: &Cluster) -> Result<Self, Failure> {
        let (client, runtime) = (cluster.client()?, cluster.runtime().await?);
        client
            .cluster::<Namespace>()
            .create(&read(json!({"metadata": {"name": NAMESPACE}}))?)
            .await?;
        let accounts: Api<ServiceAccount> = client.namespaced(NAMESPACE);
        let until = Instant::now() + PATIENCE;
        while accounts.get_opt("default").await?.is_none() {
            if Instant::now() > until {
                return Err(late("the service account of the namespace"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (sender, news) = unbounded_channel();
        let stop = CancellationToken::new();
        let informers = InformerFactory::new(client.clone(), stop.clone());
        informers.informer::<Pod>().add_handler(move |event: Event<Pod>| {
            let pod = event.object();
            if pod.metadata.namespace != NAMESPACE {
                return;
            }
            let tell = |seen| {
                // Nobody listens any more at the end.
                let _ = sender.send((pod.metadata.name.clone(), seen));
            };
            if matches!(event, Event::Deleted { .. }) {
                tell(Seen::Gone);
                return;
            }
            if !pod.spec.node_name.is_empty() {
                tell(Seen::Bound);
            }
            if pod.status.phase == "Running" {
                tell(Seen::Running);
            }
        });
        informers.start();
        informers.wait_for_cache_sync().await;
        Ok(Self {
            client,
            runtime,
            news: Mutex::new(news),
            stop,
        })
    }

    /// Waits until so many pods were seen so.
    async fn until(&self, count: usize, wanted: Seen) -> Result<(), Failure> {
        let mut names = BTreeSet::new();
        let mut news = self.news.lock().await;
        let all = async {
            while names.len() < count {
                let Some((name, seen)) = news.recv().await else { return };
                if seen == wanted {
                    names.insert(name);
                }
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .map_err(|_| late("what is waited for of the pods"))
    }

    /// Waits until the runtime of the first node has nothing any more of the pods: the object of a pod may be gone before.
    async fn until_nothing_is_left(&self) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let sandboxes = self.runtime.list_pod_sandboxes(None).await?;
            let own = |it: &PodSandbox| it.metadata.as_ref().is_some_and(|it| it.namespace == NAMESPACE);
            if !sandboxes.iter().any(own) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(late("the end of the sandboxes"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes pods on the first node, each when nothing is left of the one before, as the raw calls are made.
    ///
    /// # Errors
    /// The API server refuses, or something does not come.
    pub(crate) async fn one_by_one(&self, rounds: usize) -> Result<OneByOne, Failure> {
        let api: Api<Pod> = self.client.namespaced(NAMESPACE);
        let (mut created, mut bound, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let name = format!("one-{round}");
            let pod = read(json!({"metadata": {"name": name}, "spec": spec(Some("kubernox-1"))}))?;
            let begun = Instant::now();
            api.create(&pod).await?;
            created.push(begun.elapsed());
            self.until(1, Seen::Bound).await?;
            bound.push(begun.elapsed());
            self.until(1, Seen::Running).await?;
            running.push(begun.elapsed());
            api.delete(&name, &DeleteOptions::default()).await?;
            self.until(1, Seen::Gone).await?;
            self.until_nothing_is_left().await?;
        }
        Ok(OneByOne {
            created: Latency::new(created),
            bound: Latency::new(bound),
            running: Latency::new(running),
        })
    }

    /// Makes a Deployment of so many pods, wherever the scheduler puts them.
    ///
    /// # Errors
    /// The API server refuses, or something does not come.
    pub(crate) async fn at_once(&self, count: usize) -> Result<AtOnce, Failure> {
        let api: Api<Deployment> = self.client.namespaced(NAMESPACE);
        let labels = json!({"app": "many"});
        let deployment = read(json!({"metadata": {"name": "many"}, "spec": {
            "replicas": count, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec(None)}}}))?;
        let begun = Instant::now();
        api.create(&deployment).await?;
        // The first ones may run before the last ones are bound, so that both are counted in one pass.
        let (mut bound, mut up) = (BTreeSet::new(), BTreeSet::new());
        let mut all_bound = Duration::ZERO;
        let mut news = self.news.lock().await;
        let all = async {
            while up.len() < count {
                match news.recv().await {
                    Some((name, Seen::Bound)) => {
                        if bound.insert(name) {
                            all_bound = begun.elapsed();
                        }
                    }
                    Some((name, Seen::Running)) => {
                        up.insert(name);
                    }
                    Some((_, Seen::Gone)) => {}
                    None => return,
                }
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .map_err(|_| late("the last of the pods"))?;
        let running = begun.elapsed();
        drop(news);
        let begun = Instant::now();
        api.delete("many", &DeleteOptions::default()).await?;
        self.until(count, Seen::Gone).await?;
        Ok(AtOnce {
            bound: all_bound,
            running,
            gone: begun.elapsed(),
        })
    }
}

fn late(what: &str) -> Failure {
    Failure::Late {
        what: what.to_owned(),
        within: PATIENCE,
    }
}

fn read<T: Object>(value: serde_json::Value) -> Result<T, Failure> {
    T::from_value(value).map_err(|error| client_go::rest::Error::Decode(error.to_string()).into())
}

/// Whose container is killed at once when it is to end.
fn spec(node: Option<&str>) -> serde_json::Value {
    let selector = node.map(|node| json!({"kubernetes.io/hostname": node}));
    json!({
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": selector,
        "containers": [{"name": "c", "image": IMAGE, "command": COMMAND}],
    })
}
