//! Publishes the cluster's CA bundle to every namespace, as ConfigMap `kube-root-ca.crt`
//! (upstream: `pkg/controller/certificates/rootcacertpublisher`).

use std::sync::Arc;
use std::time::Instant;

use client_go::cache::{Event, InformerOptions, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::{Family, MetricOpts};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{ConfigMap, Namespace};
use prometheus::{HistogramVec, IntCounterVec};

/// The ConfigMap's name.
pub const CONFIG_MAP: &str = "kube-root-ca.crt";
const KEY: &str = "ca.crt";
const DESCRIPTION_ANNOTATION: &str = "kubernetes.io/description";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                           endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                           guaranteed across distributions of Kubernetes clusters.";
const BUCKETS: [f64; 15] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];

struct Publisher {
    client: Client,
    config_maps: Lister<ConfigMap>,
    bundle: String,
    syncs: Family<IntCounterVec>,
    durations: Family<HistogramVec>,
}

/// Builds `root-ca-certificate-publisher-controller`. Without `--root-ca-file` it publishes the CA that the manager's own
/// client trusts.
///
/// # Errors
/// The file cannot be read or holds no certificate, or there is no client.
pub async fn build(context: ControllerContext) -> Built {
    let Some(bundle) = crate::files::root_ca(&context)? else {
        return Ok(None);
    };
    let client = context.client("root-ca-cert-publisher").await?;
    let namespaces = context.informers.informer::<Namespace>();
    // One name in each namespace: nothing else of all the config maps is kept.
    let options = InformerOptions {
        field_selector: format!("metadata.name={CONFIG_MAP}"),
        ..InformerOptions::default()
    };
    let everywhere = context.informers.client().all::<ConfigMap>();
    let config_maps = context.informers.informer_with(everywhere, options);
    let queue = context.queue::<ObjectKey>("root_ca_cert_publisher");
    let keys = queue.clone();
    config_maps.add_handler(move |event: Event<ConfigMap>| {
        if !matches!(event, Event::Added { .. }) {
            keys.add(ObjectKey::from(event.object().metadata.namespace.as_str()));
        }
    });
    let keys = queue.clone();
    namespaces.add_handler(move |event: Event<Namespace>| match &event {
        Event::Added { object, .. } => keys.add(ObjectKey::of(&**object)),
        Event::Updated { new, .. } if new.status.phase == "Active" => keys.add(ObjectKey::of(&**new)),
        Event::Updated { .. } | Event::Deleted { .. } => {}
    });
    let caches = CacheSync::new().and(&namespaces).and(&config_maps);
    let code = &["code"];
    let this = Arc::new(Publisher {
        client,
        config_maps: config_maps.lister(),
        bundle,
        syncs: context.metrics.counter_vec(
            MetricOpts::new(
                "root_ca_cert_publisher_sync_total",
                "Number of namespace syncs happened in root ca cert publisher.",
            ),
            code,
        ),
        durations: context.metrics.histogram_vec(
            MetricOpts::new(
                "root_ca_cert_publisher_sync_duration_seconds",
                "Number of namespace syncs happened in root ca cert publisher.",
            ),
            code,
            &BUCKETS,
        ),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(caches, queue, 1, Retries::new("syncing failed"), stop, reconcile)
            .await;
    })))
}

impl Publisher {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let started = Instant::now();
        let outcome = self.publish(key.name()).await;
        let code = match &outcome {
            Ok(()) => "200".to_owned(),
            Err(error) => error
                .status()
                .map_or_else(|| "500".to_owned(), |status| status.code().to_string()),
        };
        self.syncs.with(&[&code]).inc();
        self.durations.with(&[&code]).observe(started.elapsed().as_secs_f64());
        outcome.map(|()| Outcome::Done)
    }

    async fn publish(&self, namespace: &str) -> Result<(), Error> {
        let api = self.client.namespaced::<ConfigMap>(namespace);
        let Some(present) = self.config_maps.get(namespace, CONFIG_MAP) else {
            let mut wanted = ConfigMap::default();
            CONFIG_MAP.clone_into(&mut wanted.metadata.name);
            namespace.clone_into(&mut wanted.metadata.namespace);
            self.fill(&mut wanted);
            return match api.create(&wanted).await {
                // There is nothing to publish to.
                Err(error) if error.is_not_found() || controller_objects::is_namespace_terminating(&error) => Ok(()),
                outcome => outcome.map(drop),
            };
        };
        let described = present
            .metadata
            .annotations
            .get(DESCRIPTION_ANNOTATION)
            .is_some_and(|text| !text.is_empty());
        if described && present.data.len() == 1 && present.data.get(KEY) == Some(&self.bundle) {
            return Ok(());
        }
        let mut wanted = (*present).clone();
        self.fill(&mut wanted);
        api.update(&wanted).await.map(drop)
    }

    fn fill(&self, config_map: &mut ConfigMap) {
        config_map.data = [(KEY, self.bundle.clone())].into();
        config_map
            .metadata
            .annotations
            .insert(DESCRIPTION_ANNOTATION, DESCRIPTION.to_owned());
    }
}

#[cfg(test)]
mod tests;
