//! Revisions: the templates that an owner has had, as ControllerRevisions (upstream: `pkg/controller/history`).

use std::cmp::Ordering;
use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::api::{DeleteOptions, Patch};
use client_go::cache::Lister;
use client_go::{Client, Error};
use k8s_api::apps::v1::ControllerRevision;
use k8s_api::core::v1::{PodTemplate, PodTemplateSpec};
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::RawExtension;
use k8s_api::{HasMetadata, Kind as _, Map};
use serde_json::{Value, json};

use super::hash::{fnv32a, safe_encode};
use super::owners::{controller_of, controller_reference, is_controlled_by, owned_or_orphans};

/// The label of revisions with the hash of their data.
pub const HASH_LABEL: &str = "controller.kubernetes.io/hash";
/// The label of pods with the name or hash of the revision that they were made from.
pub const REVISION_LABEL: &str = "controller-revision-hash";
/// The longest part of the owner's name in a revision's.
const PREFIX: usize = 223;

/// A template as the data of a revision: a strategic merge patch of its owner.
#[must_use]
pub fn template_data(template: &PodTemplateSpec) -> Value {
    let carrier = PodTemplate {
        template: template.clone(),
        ..PodTemplate::default()
    };
    let mut template = carrier.to_value()["template"].take();
    template["$patch"] = "replace".into();
    json!({"spec": {"template": template}})
}

/// The template that a revision holds.
#[must_use]
pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut data = revision.data.as_ref()?.to_value().ok()?;
    let mut template = data["spec"]["template"].take();
    template.as_object_mut()?.remove("$patch");
    let carrier = PodTemplate::from_value(json!({"template": template})).ok()?;
    Some(carrier.template)
}

/// Whether two revisions hold the same template, whatever it is written like.
#[must_use]
pub fn same_data(a: &ControllerRevision, b: &ControllerRevision) -> bool {
    match (template_of(a), template_of(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.data == b.data,
    }
}

/// Older revisions first.
#[must_use]
pub fn order(a: &ControllerRevision, b: &ControllerRevision) -> Ordering {
    let created = |revision: &ControllerRevision| revision.metadata.creation_timestamp;
    a.revision
        .cmp(&b.revision)
        .then_with(|| created(a).cmp(&created(b)))
        .then_with(|| a.metadata.name.cmp(&b.metadata.name))
}

/// The number of the next revision after these, which are in order.
#[must_use]
pub fn next_number(revisions: &[Arc<ControllerRevision>]) -> i64 {
    revisions.last().map_or(1, |last| last.revision + 1)
}

fn hash(data: &str, collisions: i32) -> String {
    safe_encode(&fnv32a(&[data.as_bytes(), collisions.to_string().as_bytes()]).to_string())
}

fn name(owner: &str, hash: &str) -> String {
    let prefix = &owner[..owner.floor_char_boundary(PREFIX)];
    format!("{prefix}-{hash}")
}

/// A revision of `owner` with this data; `collisions` tells templates apart whose hashes are the same.
#[must_use]
pub fn new_revision<O: HasMetadata>(
    owner: &O,
    labels: &Map<String>,
    data: &Value,
    number: i64,
    collisions: i32,
) -> ControllerRevision {
    let text = data.to_string();
    let hash = hash(&text, collisions);
    let mut labels = labels.clone();
    labels.insert(HASH_LABEL.to_owned(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            name: name(owner.name(), &hash),
            namespace: owner.namespace().to_owned(),
            labels,
            owner_references: vec![controller_reference(owner)],
            ..ObjectMeta::default()
        },
        data: RawExtension::from_json(text).ok(),
        revision: number,
    }
}

/// Reads and writes revisions.
#[derive(Clone)]
pub struct History {
    client: Client,
    revisions: Lister<ControllerRevision>,
}

impl History {
    /// Reads from `revisions`, which are indexed by their controller; writes as `client`.
    #[must_use]
    pub fn new(client: Client, revisions: Lister<ControllerRevision>) -> Self {
        Self { client, revisions }
    }

    /// The revisions that `owner` controls and those that nobody does, as far as the selector matches; older ones first.
    #[must_use]
    pub fn list<O: HasMetadata>(&self, owner: &O, selector: &Selector) -> Vec<Arc<ControllerRevision>> {
        let mut found = owned_or_orphans(&self.revisions, owner.metadata());
        found.retain(|revision| selector.matches(&revision.metadata.labels));
        found.sort_by(|a, b| order(a, b));
        found
    }

    /// Makes a revision. Where another of its name holds other data, `collisions` is raised until the name is free.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create<O: HasMetadata>(
        &self,
        owner: &O,
        revision: &ControllerRevision,
        collisions: &mut i32,
    ) -> Result<ControllerRevision, Error> {
        let api = self
            .client
            .namespaced::<ControllerRevision>(owner.namespace().to_owned());
        let data = revision.data.as_ref().map_or("", RawExtension::as_str);
        loop {
            let mut candidate = revision.clone();
            let hash = hash(data, *collisions);
            candidate.metadata.name = name(owner.name(), &hash);
            candidate.metadata.labels.insert(HASH_LABEL.to_owned(), hash);
            match api.create(&candidate).await {
                Err(error) if error.is_already_exists() => {}
                outcome => return outcome,
            }
            let present = api.get(&candidate.metadata.name).await?;
            if same_data(&present, revision) {
                return Ok(present);
            }
            *collisions += 1;
        }
    }

    /// Gives a revision another number.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn renumber(&self, revision: &ControllerRevision, number: i64) -> Result<ControllerRevision, Error> {
        let api = self
            .client
            .namespaced::<ControllerRevision>(revision.metadata.namespace.clone());
        let patch = Patch::Strategic(json!({
            "metadata": {"uid": revision.metadata.uid, "resourceVersion": revision.metadata.resource_version},
            "revision": number,
        }));
        api.patch(&revision.metadata.name, &patch).await
    }

    /// Makes `owner` the controller of a revision that has none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn adopt<O: HasMetadata>(
        &self,
        owner: &O,
        revision: &ControllerRevision,
    ) -> Result<ControllerRevision, Error> {
        let api = self
            .client
            .namespaced::<ControllerRevision>(revision.metadata.namespace.clone());
        let patch = Patch::Strategic(json!({
            "metadata": {"uid": revision.metadata.uid, "ownerReferences": [controller_reference(owner)]},
        }));
        api.patch(&revision.metadata.name, &patch).await
    }

    /// Deletes the oldest revisions beyond `limit` of those that are not in use.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn truncate(
        &self,
        revisions: &[Arc<ControllerRevision>],
        in_use: impl Fn(&ControllerRevision) -> bool,
        limit: usize,
    ) -> Result<(), Error> {
        let unused: Vec<_> = revisions.iter().filter(|revision| !in_use(revision)).collect();
        for revision in &unused[..unused.len().saturating_sub(limit)] {
            let api = self
                .client
                .namespaced::<ControllerRevision>(revision.metadata.namespace.clone());
            match api.delete(&revision.metadata.name, &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether nobody controls the revision.
#[must_use]
pub fn is_orphan(revision: &ControllerRevision) -> bool {
    controller_of(&revision.metadata).is_none()
}

/// Whether `owner` controls the revision.
#[must_use]
pub fn is_owned<O: HasMetadata>(revision: &ControllerRevision, owner: &O) -> bool {
    is_controlled_by(&revision.metadata, owner.metadata())
}
