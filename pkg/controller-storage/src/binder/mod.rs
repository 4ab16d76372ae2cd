//! Binds claims to volumes, has volumes made where a class says by whom, and does with released volumes what their policy
//! says (upstream: `pkg/controller/volume/persistentvolume`).
//!
//! A binding takes four writes: the volume refers to the claim, the volume is `Bound`, the claim names the volume, the
//! claim is `Bound`. Each is idempotent, and whatever was written last is seen by the next step ([`book`]), so that a
//! process that ends in between goes on where it was.

mod book;
mod claim;
mod host_path;
mod matching;
mod operations;
mod provision;
mod reclaim;
mod recycler;
#[cfg(test)]
mod tests;
mod volume;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::EventRecorder;
use client_go::workqueue::{Outcome, WorkQueue};
use client_go::{Client, Error};
use controller::{BuildError, Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_api::storage::v1::StorageClass;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::claims::{claim_key, class_of_claim, class_of_volume};
use book::Book;
use operations::Operations;
use recycler::Recyclers;

/// The index of volumes by the claim that they refer to.
const OF_CLAIM: &str = "claim";
/// The index of volumes by class.
const OF_CLASS: &str = "class";
/// The index of claims that wait, by class.
const PENDING: &str = "pending";
/// The index of claims and volumes that wait for something to be done.
const UNSETTLED: &str = "unsettled";

/// Why a claim or volume is not what it should be yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BinderError {
    /// The server says no.
    #[error(transparent)]
    Api(#[from] Error),
    /// Something about the objects is wrong.
    #[error("{0}")]
    Invalid(String),
}

impl BinderError {
    /// Tells of itself. That another wrote in between happens often, and is over with the next try.
    fn told(self, words: &str, key: &ObjectKey) -> Self {
        match &self {
            Self::Api(error) if error.is_conflict() => tracing::info!(v = 3, ?key, %error, "{words}"),
            error => tracing::error!(?key, %error, "{words}"),
        }
        self
    }
}

struct Binder {
    client: Client,
    recorder: EventRecorder,
    volumes: Book<PersistentVolume>,
    claims: Book<PersistentVolumeClaim>,
    classes: Lister<StorageClass>,
    pods: Lister<Pod>,
    claim_queue: WorkQueue<ObjectKey>,
    operations: Operations,
    recyclers: Recyclers,
    dynamic_provisioning: bool,
    host_path_provisioning: bool,
}

/// Builds `persistentvolume-binder-controller`.
///
/// # Errors
/// A recycler's template is none, or there is no client.
pub async fn build(context: ControllerContext) -> Built {
    let config = &context.config.persistent_volume_binder_controller;
    let recyclers = Recyclers::load(&config.volume.recycler).map_err(BuildError::Configuration)?;
    let client = context.client("persistent-volume-binder").await?;
    let volumes = context.informers.informer::<PersistentVolume>();
    volumes.add_index(OF_CLAIM, |volume| {
        volume.spec.claim_ref.iter().map(|claim| claim_key(claim)).collect()
    });
    volumes.add_index(OF_CLASS, |volume| vec![class_of_volume(volume).to_owned()]);
    volumes.add_index(UNSETTLED, |volume| {
        let settled = matches!(volume.status.phase.as_str(), "Available" | "Bound");
        (!settled).then(String::new).into_iter().collect()
    });
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    claims.add_index(PENDING, |claim| {
        let waits = claim.status.phase != "Bound";
        waits.then(|| class_of_claim(claim).to_owned()).into_iter().collect()
    });
    claims.add_index(UNSETTLED, |claim| {
        let waits = claim.status.phase != "Bound";
        waits.then(String::new).into_iter().collect()
    });
    let classes = context.informers.informer::<StorageClass>();
    let pods = crate::pods(&context);
    let claim_queue = context.queue::<ObjectKey>("claims");
    let volume_queue = context.queue::<ObjectKey>("volumes");
    let (claim_keys, volume_keys, waiting) = (claim_queue.clone(), volume_queue.clone(), claims.lister());
    volumes.add_handler(move |event: Event<PersistentVolume>| {
        on_volume(&event, &volume_keys, &claim_keys, &waiting);
    });
    let (claim_keys, volume_keys) = (claim_queue.clone(), volume_queue.clone());
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| match event {
        Event::Deleted { object, .. } if object.spec.volume_name.is_empty() => {}
        Event::Deleted { object, .. } => volume_keys.add(ObjectKey::from(object.spec.volume_name.as_str())),
        event => claim_keys.add(ObjectKey::of(&**event.object())),
    });
    let caches = || CacheSync::new().and(&volumes).and(&claims).and(&classes).and(&pods);
    let (for_claims, for_volumes, for_resync) = (caches(), caches(), caches());
    let period = config.sync_period.to_std();
    let this = Arc::new(Binder {
        recorder: context.recorder("persistentvolume-controller", &client),
        client,
        volumes: Book::new(volumes.lister()),
        claims: Book::new(claims.lister()),
        classes: classes.lister(),
        pods: pods.lister(),
        claim_queue: claim_queue.clone(),
        operations: Operations::default(),
        recyclers,
        dynamic_provisioning: config.volume.enable_dynamic_provisioning,
        host_path_provisioning: config.volume.enable_host_path_provisioning,
    });
    Ok(Some(Controller::new(move |stop: CancellationToken| async move {
        let that = this.clone();
        let (claims, volumes) = (claim_queue.clone(), volume_queue.clone());
        let of_claims = context.run(
            for_claims,
            claim_queue,
            1,
            Retries::untold(),
            stop.clone(),
            move |key: ObjectKey| {
                let this = that.clone();
                async move {
                    this.claim(&key)
                        .await
                        .map_err(|error| error.told("Could not sync claim", &key))
                        .map(|()| Outcome::Done)
                }
            },
        );
        let that = this.clone();
        let of_volumes = context.run(
            for_volumes,
            volume_queue,
            1,
            Retries::untold(),
            stop.clone(),
            move |key: ObjectKey| {
                let this = that.clone();
                async move {
                    this.volume(&key)
                        .await
                        .map_err(|error| error.told("Could not sync volume", &key))
                        .map(|()| Outcome::Done)
                }
            },
        );
        let resync = async {
            if !for_resync.wait(&stop).await {
                return;
            }
            let mut timer = tokio::time::interval(period.max(Duration::from_secs(1)));
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = timer.tick() => this.resync(&claims, &volumes),
                }
            }
        };
        futures::future::join3(of_claims, of_volumes, resync).await;
        this.operations.shut_down().await;
    })))
}

/// A volume has changed: it is looked at, and so are claims that it concerns.
fn on_volume(
    event: &Event<PersistentVolume>,
    volumes: &WorkQueue<ObjectKey>,
    claims: &WorkQueue<ObjectKey>,
    waiting: &Lister<PersistentVolumeClaim>,
) {
    let volume = event.object();
    if let Event::Deleted { .. } = event {
        // A bound claim has lost its volume.
        if let Some(reference) = &volume.spec.claim_ref {
            claims.add(ObjectKey::new(&reference.namespace, &reference.name));
        }
        return;
    }
    volumes.add(ObjectKey::of(&**volume));
    let available = |volume: &PersistentVolume| volume.status.phase == "Available";
    let came = !matches!(event, Event::Updated { old, .. } if available(old));
    if available(volume) && came {
        for claim in waiting.by_index(PENDING, class_of_volume(volume)) {
            claims.add(ObjectKey::of(&*claim));
        }
    }
}

impl Binder {
    /// What waits for something that tells nobody is looked at again: consumers, provisioners, deletions that failed.
    fn resync(&self, claims: &WorkQueue<ObjectKey>, volumes: &WorkQueue<ObjectKey>) {
        for claim in self.claims.lister().by_index(UNSETTLED, "") {
            claims.add(ObjectKey::of(&*claim));
        }
        for volume in self.volumes.lister().by_index(UNSETTLED, "") {
            volumes.add(ObjectKey::of(&*volume));
        }
    }
}
