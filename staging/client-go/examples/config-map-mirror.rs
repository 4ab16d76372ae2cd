//! A small controller: mirrors ConfigMaps that carry a label into a ConfigMap `<name>-mirror` of the same namespace.
//!
//! It shows how the parts go together: configuration, leader election, a filtered informer with an index, a work queue, a
//! reconcile function that reads the cache and writes through the API, events, and an end in good order on Ctrl-C.

use std::sync::Arc;

use client_go::cache::{Event, InformerFactory, InformerOptions, Lister, ObjectKey};
use client_go::config::{Config, LoadingRules, Overrides};
use client_go::events::{EventApi, EventBroadcaster, EventRecorder, EventType};
use client_go::leader_election::{LeaderElectionConfig, LeaderElector, LeaseLock, default_identity};
use client_go::workqueue::{Outcome, WorkQueue, run_workers};
use client_go::{Api, Client, Error};
use k8s_api::core::v1::ConfigMap;
use k8s_api::meta::v1::OwnerReference;
use tokio_util::sync::CancellationToken;

const LABEL: &str = "example.com/mirror=true";
const NAME: &str = "config-map-mirror";

struct Mirror {
    client: Client,
    sources: Lister<ConfigMap>,
    recorder: EventRecorder,
}

impl Mirror {
    /// Makes the mirror like its source. A source that is gone takes its mirror along by the owner reference.
    async fn reconcile(&self, key: ObjectKey) -> Result<Outcome, Error> {
        let Some(source) = self.sources.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        let api: Api<ConfigMap> = self.client.namespaced(key.namespace());
        let name = format!("{}-mirror", key.name());
        match api.get_opt(&name).await? {
            Some(present) if present.data == source.data => {}
            Some(mut present) => {
                present.data = source.data.clone();
                api.update(&present).await?;
                self.recorder
                    .event(&*source, EventType::Normal, "Mirrored", format!("Updated {name}"));
            }
            None => {
                api.create(&mirror_of(&source, name.clone())).await?;
                self.recorder
                    .event(&*source, EventType::Normal, "Mirrored", format!("Created {name}"));
            }
        }
        Ok(Outcome::Done)
    }
}

fn mirror_of(source: &ConfigMap, name: String) -> ConfigMap {
    let mut mirror = ConfigMap {
        data: source.data.clone(),
        ..ConfigMap::default()
    };
    mirror.metadata.name = name;
    mirror.metadata.namespace.clone_from(&source.metadata.namespace);
    mirror.metadata.owner_references = vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: source.metadata.name.clone(),
        uid: source.metadata.uid.clone(),
        controller: Some(true),
        ..OwnerReference::default()
    }];
    mirror
}

async fn work(client: Client, recorder: EventRecorder, stop: CancellationToken) {
    let factory = InformerFactory::new(client.clone(), stop.child_token());
    let options = InformerOptions {
        label_selector: LABEL.to_owned(),
        ..InformerOptions::default()
    };
    let informer = factory.informer_with(client.all::<ConfigMap>(), options);
    let queue = WorkQueue::new(NAME, None);
    let keys = queue.clone();
    informer.add_handler(move |event: Event<ConfigMap>| keys.add(ObjectKey::of(&**event.object())));
    factory.start();
    if !factory.wait_for_cache_sync().await {
        return;
    }
    let mirror = Arc::new(Mirror {
        client,
        sources: informer.lister(),
        recorder,
    });
    let reconcile = move |key: ObjectKey| {
        let mirror = mirror.clone();
        async move { mirror.reconcile(key).await }
    };
    run_workers(queue, 2, stop, reconcile).await;
    factory.shutdown().await;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let kubeconfig = LoadingRules::from_environment().load()?;
    let config = match kubeconfig.client_config(&Overrides::default()) {
        Err(error) if error.is_empty_config() => client_go::config::in_cluster::config()?,
        outcome => outcome?,
    };
    let client = Client::new(&Config {
        qps: 20.0,
        burst: 30,
        ..config.with_user_agent(NAME)
    })?;

    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        // Without a signal handler the program ends at once, which is as good.
        let _ = tokio::signal::ctrl_c().await;
        interrupted.cancel();
    });

    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    let events = EventBroadcaster::new(client.clone(), EventApi::Events, "example.com/config-map-mirror", &host);
    let recorder = events.recorder();
    let telling = tokio::spawn(events.run(stop.clone()));

    let lock = LeaseLock::new(&client, "default", NAME);
    let elector = LeaderElector::new(lock, LeaderElectionConfig::new(default_identity(&host)))?;
    let outcome = elector
        .run(stop.clone(), |leading| work(client, recorder, leading))
        .await;
    stop.cancel();
    telling.await?;
    Ok(outcome?)
}
