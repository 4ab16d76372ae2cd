//! [`Collector`]: looks at what the graph finds doubtful, and deletes, orphans or lets go.

use std::sync::Arc;
use std::time::Duration;

use client_go::Client;
use client_go::api::Propagation;
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{ItemExponentialFailure, Outcome, RateLimiter as _, WorkQueue};
use controller::{CacheSync, ControllerContext, Retries};
use k8s_api::core::v1::ObjectReference;
use k8s_api::meta::v1::{ObjectMeta, OwnerReference};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::graph::{Change, DELETE_DEPENDENTS, Effects, Graph, Item, ORPHAN_DEPENDENTS};
use crate::identity::{Identity, Uid};
use crate::server::{Server, ServerError, reference_json};

/// What came of a look at an object.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// All is done that can be done now.
    Done,
    /// The answer may be another one later: the kind is not known yet, or no watch has seen the object.
    Later,
}

/// Owner references by what their owners are.
#[derive(Default)]
struct Owners {
    /// They exist and stay.
    solid: Vec<OwnerReference>,
    /// They do not exist.
    dangling: Vec<OwnerReference>,
    /// They wait for this dependent's deletion.
    waiting: Vec<OwnerReference>,
}

pub(crate) struct Collector {
    pub(crate) server: Server,
    graph: Mutex<Graph>,
    recorder: EventRecorder,
    attempt_to_delete: WorkQueue<Uid>,
    attempt_to_orphan: WorkQueue<Uid>,
    /// Pauses of what is to be looked at later and is no error.
    quiet: ItemExponentialFailure<Uid>,
}

impl Collector {
    pub(crate) fn new(
        client: Client,
        recorder: EventRecorder,
        attempt_to_delete: WorkQueue<Uid>,
        attempt_to_orphan: WorkQueue<Uid>,
    ) -> Self {
        Self {
            server: Server::new(client),
            graph: Mutex::default(),
            recorder,
            attempt_to_delete,
            attempt_to_orphan,
            quiet: ItemExponentialFailure::new(Duration::from_millis(5), Duration::from_secs(1000)),
        }
    }

    /// Takes a change into the graph, and queues what follows from it.
    pub(crate) fn apply(&self, change: &Change) {
        let Effects {
            delete,
            delete_later,
            orphan,
            invalid,
        } = self.graph.lock().apply(change);
        delete.into_iter().for_each(|uid| self.attempt_to_delete.add(uid));
        delete_later
            .into_iter()
            .for_each(|uid| self.attempt_to_delete.add_rate_limited(uid));
        orphan.into_iter().for_each(|uid| self.attempt_to_orphan.add(uid));
        for (dependent, reference) in invalid {
            self.report(&dependent, &reference);
        }
    }

    fn report(&self, dependent: &Identity, reference: &OwnerReference) {
        let regarding = ObjectReference {
            kind: dependent.type_meta.kind.to_string(),
            api_version: dependent.type_meta.api_version.to_string(),
            namespace: dependent.namespace().to_owned(),
            name: dependent.name().to_owned(),
            uid: dependent.uid.to_string(),
            ..ObjectReference::default()
        };
        let namespace = dependent.namespace();
        let owner = Identity::claimed(reference, namespace);
        let note = format!("ownerRef {owner} does not exist in namespace {namespace:?}");
        let reason = "OwnerRefInvalidNamespace";
        self.recorder
            .event_for(regarding, None, EventType::Warning, reason, "", note);
    }

    /// Works on both queues until `stop`.
    pub(crate) async fn run(self: &Arc<Self>, context: &ControllerContext, workers: usize, stop: CancellationToken) {
        let this = self.clone();
        let deleting = context.run(
            CacheSync::new(),
            self.attempt_to_delete.clone(),
            workers,
            Retries::new("error syncing item"),
            stop.clone(),
            move |uid: Uid| {
                let this = this.clone();
                async move { this.attempt_to_delete(&uid).await }
            },
        );
        let this = self.clone();
        let orphaning = context.run_workers(
            self.attempt_to_orphan.clone(),
            workers,
            Retries::new("error syncing item"),
            stop,
            move |uid: Uid| {
                let this = this.clone();
                async move { this.orphan_dependents(&uid).await.map(|()| Outcome::Done) }
            },
        );
        futures::future::join(deleting, orphaning).await;
    }

    async fn attempt_to_delete(&self, uid: &Uid) -> Result<Outcome, ServerError> {
        let Some(item) = self.graph.lock().item(uid) else {
            self.quiet.forget(uid);
            return Ok(Outcome::Done);
        };
        match self.look(&item).await {
            Ok(Look::Done) | Err(ServerError::NamespacedOwner) => {
                self.quiet.forget(uid);
                Ok(Outcome::Done)
            }
            Ok(Look::Later) => Ok(Outcome::RequeueAfter(self.quiet.when(uid))),
            Err(error @ ServerError::Mapping { .. }) => {
                tracing::debug!(item = %item.identity, %error, "error syncing item");
                Ok(Outcome::RequeueAfter(self.quiet.when(uid)))
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the object and its owners, and does what they call for.
    async fn look(&self, item: &Item) -> Result<Look, ServerError> {
        // An end that has begun needs no other, unless it waits for dependents.
        if item.being_deleted && !item.deleting_dependents {
            return Ok(Look::Done);
        }
        let latest = match self.server.get(&item.identity).await {
            Ok(object) if object.metadata.uid == *item.identity.uid => object.metadata,
            Ok(_) => return Ok(self.absent(&item.identity)),
            Err(error) if error.is_not_found() => return Ok(self.absent(&item.identity)),
            Err(error) => return Err(error),
        };
        let settled = if item.observed { Look::Done } else { Look::Later };
        if item.deleting_dependents {
            self.delete_dependents(item).await?;
            return Ok(settled);
        }
        if latest.owner_references.is_empty() {
            return Ok(settled);
        }
        let owners = self.classify(item, &latest.owner_references).await?;
        if !owners.solid.is_empty() {
            self.drop_references(item, owners).await?;
            return Ok(settled);
        }
        let propagation = if !owners.waiting.is_empty() && item.has_dependents {
            if item.has_waiting_dependent {
                self.unblock(item).await?;
            }
            Propagation::Foreground
        } else if controller_objects::finalizers::has(&latest, ORPHAN_DEPENDENTS) {
            Propagation::Orphan
        } else if controller_objects::finalizers::has(&latest, DELETE_DEPENDENTS) {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        tracing::debug!(item = %item.identity, ?propagation, "Deleting item");
        self.delete(item, &latest, propagation, settled).await
    }

    async fn delete(
        &self,
        item: &Item,
        latest: &ObjectMeta,
        propagation: Propagation,
        settled: Look,
    ) -> Result<Look, ServerError> {
        match self.server.delete(&item.identity, latest, propagation).await {
            Err(error) if error.is_not_found() => Ok(self.absent(&item.identity)),
            outcome => outcome.map(|()| settled),
        }
    }

    /// The server knows no such object: the graph is told, and queues what follows.
    fn absent(&self, identity: &Identity) -> Look {
        self.apply(&Change::Absent(identity.clone()));
        Look::Done
    }

    /// An owner that waits: its dependents are looked at, or, when none holds it any more, it is let go.
    async fn delete_dependents(&self, item: &Item) -> Result<(), ServerError> {
        let blocking = self.graph.lock().blocking_dependents(&item.identity.uid);
        if blocking.is_empty() {
            return self.server.remove_finalizer(&item.identity, DELETE_DEPENDENTS).await;
        }
        for (uid, waits) in blocking {
            if !waits {
                self.attempt_to_delete.add(uid);
            }
        }
        Ok(())
    }

    async fn classify(&self, item: &Item, references: &[OwnerReference]) -> Result<Owners, ServerError> {
        let mut owners = Owners::default();
        for reference in references {
            let list = match self.owner(item, reference).await? {
                None => &mut owners.dangling,
                Some(owner) if controller_objects::finalizers::is_due(&owner, DELETE_DEPENDENTS) => &mut owners.waiting,
                Some(_) => &mut owners.solid,
            };
            list.push(reference.clone());
        }
        Ok(owners)
    }

    /// The owner that a reference names, unless it does not exist.
    async fn owner(&self, item: &Item, reference: &OwnerReference) -> Result<Option<ObjectMeta>, ServerError> {
        let namespace = item.identity.namespace();
        let in_namespace = Identity::claimed(reference, namespace);
        let in_cluster = in_namespace.clone().cluster_scoped();
        {
            let mut graph = self.graph.lock();
            if graph.absent().has(&in_cluster) || graph.absent().has(&in_namespace) {
                return Ok(None);
            }
        }
        let namespaced = self.server.is_namespaced(&reference.api_version, &reference.kind)?;
        let identity = if namespaced { in_namespace } else { in_cluster };
        match self.server.get(&identity).await {
            Ok(owner) if owner.metadata.uid == reference.uid => return Ok(Some(owner.metadata)),
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        self.graph.lock().absent().add(identity);
        Ok(None)
    }

    /// An object that stays loses the references to owners that are gone or go.
    async fn drop_references(&self, item: &Item, owners: Owners) -> Result<(), ServerError> {
        let gone: Vec<String> = (owners.dangling.into_iter().chain(owners.waiting))
            .map(|owner| owner.uid)
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.server
            .patch_references(&item.identity, deletions(&gone), |references| {
                without(references, &gone)
            })
            .await
    }

    /// An object between an owner and a dependent that both wait lets go of its owners, lest they wait for each other.
    async fn unblock(&self, item: &Item) -> Result<(), ServerError> {
        let released = |reference: &OwnerReference| OwnerReference {
            block_owner_deletion: Some(false),
            ..reference.clone()
        };
        let blocking = item
            .owners
            .iter()
            .filter(|owner| owner.block_owner_deletion == Some(true));
        let strategic = blocking.map(|owner| reference_json(&released(owner))).collect();
        self.server
            .patch_references(&item.identity, strategic, |_| {
                item.owners.iter().map(released).collect()
            })
            .await
    }

    /// Every dependent loses this owner; then the owner may go.
    async fn orphan_dependents(&self, uid: &Uid) -> Result<(), ServerError> {
        let (item, dependents) = {
            let graph = self.graph.lock();
            let Some(item) = graph.item(uid) else {
                return Ok(());
            };
            (item, graph.dependents(uid))
        };
        let gone = [uid.to_string()];
        let orphan = dependents.iter().map(|dependent| {
            self.server
                .patch_references(dependent, deletions(&gone), |references| without(references, &gone))
        });
        for outcome in futures::future::join_all(orphan).await {
            match outcome {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        self.server.remove_finalizer(&item.identity, ORPHAN_DEPENDENTS).await
    }
}

fn deletions(uids: &[String]) -> Vec<Value> {
    uids.iter().map(|uid| json!({"$patch": "delete", "uid": uid})).collect()
}

fn without(mut references: Vec<OwnerReference>, uids: &[String]) -> Vec<OwnerReference> {
    references.retain(|reference| !uids.contains(&reference.uid));
    references
}
