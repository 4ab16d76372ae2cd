//! The replica sets of a deployment: which is the newest, how it is made, how they are sized and cleaned up.

use std::cmp::Ordering;
use std::sync::Arc;

use client_go::api::DeleteOptions;
use client_go::events::EventType;
use controller::workload::{SyncError, compute_hash, controller_reference, is_controlled_by};
use k8s_api::apps::v1::{ReplicaSet, ReplicaSetSpec};
use k8s_api::core::v1::PodTemplateSpec;
use k8s_api::meta::v1::ObjectMeta;

use super::conditions::{self, PROGRESSING, condition, reason};
use super::{Rollout, annotations, sizes};

/// The label that tells the pods of a deployment's replica sets apart.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";
/// The longest name of an object.
const NAME_LIMIT: usize = 253;

/// Older sets first.
pub(super) fn by_creation(a: &ReplicaSet, b: &ReplicaSet) -> Ordering {
    let (a, b) = (&a.metadata, &b.metadata);
    a.creation_timestamp
        .cmp(&b.creation_timestamp)
        .then_with(|| a.name.cmp(&b.name))
}

/// Whether two templates are the same but for the hash in their labels.
pub(super) fn same_template(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    let bare = |template: &PodTemplateSpec| {
        let mut metadata = template.metadata.clone();
        metadata.labels.remove(TEMPLATE_HASH);
        metadata
    };
    a.spec == b.spec && bare(a) == bare(b)
}

fn name(deployment: &str, hash: &str) -> String {
    let limit = NAME_LIMIT - 1 - hash.len();
    format!("{}-{hash}", &deployment[..deployment.floor_char_boundary(limit)])
}

pub(super) fn is_active(set: &ReplicaSet) -> bool {
    sizes::size(set) > 0
}

impl Rollout<'_> {
    /// The set with the deployment's present template; the oldest of several.
    pub(super) fn newest(&self) -> Option<Arc<ReplicaSet>> {
        let template = &self.deployment.spec.template;
        self.sets
            .iter()
            .find(|set| same_template(&set.spec.template, template))
            .cloned()
    }

    /// All other sets, older ones first.
    pub(super) fn old_sets(&self) -> Vec<Arc<ReplicaSet>> {
        let newest = self.newest();
        let is_newest = |set: &ReplicaSet| newest.as_ref().is_some_and(|n| n.metadata.uid == set.metadata.uid);
        self.sets.iter().filter(|set| !is_newest(set)).cloned().collect()
    }

    /// Puts a set's new state in place of the former one, or beside the others.
    fn keep(&mut self, set: ReplicaSet) -> Arc<ReplicaSet> {
        let set = Arc::new(set);
        match self
            .sets
            .iter_mut()
            .find(|known| known.metadata.uid == set.metadata.uid)
        {
            Some(known) => *known = set.clone(),
            None => {
                self.sets.push(set.clone());
                self.sets.sort_by(|a, b| by_creation(a, b));
            }
        }
        set
    }

    async fn update(&mut self, set: &ReplicaSet) -> Result<Arc<ReplicaSet>, SyncError> {
        let api = self.controller.client.namespaced(set.metadata.namespace.clone());
        let updated = api.update(set).await?;
        Ok(self.keep(updated))
    }

    /// Brings the revision of the newest set and of the deployment up to date, and returns the newest set; makes it, if
    /// there is none and `create` says so.
    pub(super) async fn sync_revision(&mut self, create: bool) -> Result<Option<Arc<ReplicaSet>>, SyncError> {
        let old = self.old_sets();
        let next = old
            .iter()
            .filter_map(|set| annotations::revision(&set.metadata))
            .max()
            .unwrap_or(0)
            + 1;
        let Some(newest) = self.newest() else {
            return if create {
                self.create(&old, next).await
            } else {
                Ok(None)
            };
        };
        let mut changed = ReplicaSet::clone(&newest);
        let seconds = self.deployment.spec.min_ready_seconds;
        if annotations::set_on_newest(&self.deployment, &mut changed, next) || changed.spec.min_ready_seconds != seconds
        {
            changed.spec.min_ready_seconds = seconds;
            return self.update(&changed).await.map(Some);
        }
        let revision = newest.metadata.annotations.get(annotations::REVISION).cloned();
        let mut write = annotations::set_deployment_revision(&mut self.deployment, &revision.unwrap_or_default());
        if self.has_deadline() && conditions::get(&self.deployment.status, PROGRESSING).is_none() {
            let message = format!("Found new replica set {:?}", newest.metadata.name);
            self.set_progressing("True", reason::FOUND, message);
            write = true;
        }
        if write {
            self.write_status().await?;
        }
        Ok(Some(newest))
    }

    pub(super) fn set_progressing(&mut self, status: &str, reason: &str, message: String) {
        let now = self.controller.clock.now();
        let wanted = condition(PROGRESSING, status, reason, message, now);
        conditions::set(&mut self.deployment.status, wanted);
    }

    fn new_set(&self, old: &[Arc<ReplicaSet>], next: i64) -> ReplicaSet {
        let deployment = &self.deployment;
        let mut template = deployment.spec.template.clone();
        let hash = compute_hash(&template, deployment.status.collision_count);
        template.metadata.labels.insert(TEMPLATE_HASH.to_owned(), hash.clone());
        let mut selector = deployment.spec.selector.clone().unwrap_or_default();
        selector.match_labels.insert(TEMPLATE_HASH.to_owned(), hash.clone());
        let mut set = ReplicaSet {
            metadata: ObjectMeta {
                name: name(&deployment.metadata.name, &hash),
                namespace: deployment.metadata.namespace.clone(),
                owner_references: vec![controller_reference(deployment)],
                labels: template.metadata.labels.clone(),
                ..ObjectMeta::default()
            },
            spec: ReplicaSetSpec {
                replicas: Some(0),
                min_ready_seconds: deployment.spec.min_ready_seconds,
                selector: Some(selector),
                template,
            },
            ..ReplicaSet::default()
        };
        let present = old.iter().map(|set| sizes::size(set)).sum();
        set.spec.replicas = Some(sizes::newest_size(deployment, present, 0));
        annotations::set_on_newest(deployment, &mut set, next);
        let (desired, max) = self.noted_sizes();
        annotations::set_sizes(&mut set, desired, max);
        set
    }

    /// What sets note of the deployment's size.
    fn noted_sizes(&self) -> (i32, i32) {
        let desired = self.replicas();
        (desired, desired.saturating_add(sizes::max_surge(&self.deployment)))
    }

    async fn create(&mut self, old: &[Arc<ReplicaSet>], next: i64) -> Result<Option<Arc<ReplicaSet>>, SyncError> {
        let set = self.new_set(old, next);
        let api = self
            .controller
            .client
            .namespaced::<ReplicaSet>(set.metadata.namespace.clone());
        let (created, is_new) = match api.create(&set).await {
            Ok(created) => (created, true),
            Err(error) if error.is_already_exists() => (self.resolve_collision(&set, error).await?, false),
            Err(error) if controller_objects::is_namespace_terminating(&error) => return Err(error.into()),
            Err(error) => {
                self.report_failed_creation(&set.metadata.name, &error).await;
                return Err(error.into());
            }
        };
        let created = self.keep(created);
        let size = sizes::size(&created);
        if is_new && size > 0 {
            self.tell_scaled("up", &created.metadata.name, 0, size);
        }
        let mut write = annotations::set_deployment_revision(&mut self.deployment, &next.to_string());
        if is_new && self.has_deadline() {
            let message = format!("Created new replica set {:?}", created.metadata.name);
            self.set_progressing("True", reason::CREATED, message);
            write = true;
        }
        if write {
            self.write_status().await?;
        }
        Ok(Some(created))
    }

    /// A set of the name exists: it is the one that was to be made, or another whose template has the same hash; then the
    /// next try gets another name.
    async fn resolve_collision(
        &mut self,
        wanted: &ReplicaSet,
        error: client_go::Error,
    ) -> Result<ReplicaSet, SyncError> {
        let api = self
            .controller
            .client
            .namespaced::<ReplicaSet>(wanted.metadata.namespace.clone());
        let present = api.get(&wanted.metadata.name).await?;
        if is_controlled_by(&present.metadata, &self.deployment.metadata)
            && same_template(&present.spec.template, &self.deployment.spec.template)
        {
            return Ok(present);
        }
        let collisions = self.deployment.status.collision_count.unwrap_or(0) + 1;
        self.deployment.status.collision_count = Some(collisions);
        tracing::debug!(
            deployment = self.deployment.metadata.name,
            collisions,
            "Found a hash collision"
        );
        self.write_status().await?;
        Err(error.into())
    }

    async fn report_failed_creation(&mut self, name: &str, error: &client_go::Error) {
        let message = format!("Failed to create new replica set {name:?}: {error}");
        if self.has_deadline() {
            self.set_progressing("False", reason::CREATE_ERROR, message.clone());
            // The failure itself is what matters, and is returned.
            if let Err(error) = self.write_status().await {
                tracing::debug!(%error, "the failure could not be written into the status");
            }
        }
        self.controller
            .recorder
            .event(&self.deployment, EventType::Warning, reason::CREATE_ERROR, message);
    }

    fn tell_scaled(&self, direction: &str, name: &str, from: i32, to: i32) {
        let note = format!("Scaled {direction} replica set {name} from {from} to {to}");
        self.controller
            .recorder
            .event(&self.deployment, EventType::Normal, "ScalingReplicaSet", note);
    }

    /// Gives a set another size. Tells whether that was to be done; `note_sizes` writes the deployment's size even if the
    /// set's own stays.
    pub(super) async fn scale(&mut self, set: &ReplicaSet, to: i32, note_sizes: bool) -> Result<bool, SyncError> {
        let from = sizes::size(set);
        if from == to && !note_sizes {
            return Ok(false);
        }
        let mut changed = set.clone();
        changed.spec.replicas = Some(to);
        let (desired, max) = self.noted_sizes();
        let noted = annotations::set_sizes(&mut changed, desired, max);
        if from == to && !noted {
            return Ok(false);
        }
        self.update(&changed).await?;
        if from != to {
            let direction = if from < to { "up" } else { "down" };
            self.tell_scaled(direction, &set.metadata.name, from, to);
        }
        Ok(from != to)
    }

    /// Deletes the oldest sets without pods beyond the limit of the history.
    pub(super) async fn clean_up(&mut self) -> Result<(), SyncError> {
        let Some(limit) = self
            .deployment
            .spec
            .revision_history_limit
            .filter(|limit| *limit != i32::MAX)
        else {
            return Ok(());
        };
        let mut old = self.old_sets();
        old.retain(|set| set.metadata.deletion_timestamp.is_none());
        let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        old.sort_by(|a, b| {
            let revisions = (annotations::revision(&a.metadata), annotations::revision(&b.metadata));
            match revisions {
                (Some(a_revision), Some(b_revision)) if a_revision != b_revision => a_revision.cmp(&b_revision),
                _ => by_creation(a, b),
            }
        });
        for set in &old[..excess] {
            let settled = set.metadata.generation <= set.status.observed_generation;
            if set.status.replicas != 0 || sizes::size(set) != 0 || !settled {
                continue;
            }
            let api = self
                .controller
                .client
                .namespaced::<ReplicaSet>(set.metadata.namespace.clone());
            match api.delete(&set.metadata.name, &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}
