//! What the authorizers keep of roles, bindings, pods and volumes, from the server's own caches.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use apiserver::{
    cacher::{CachedObject, Cacher, Followed, Follower},
    server::Routes,
};
use async_trait::async_trait;
use auth_node::{Graph, Progress};
use auth_rbac::RbacStore;
use k8s_api::{
    Object,
    core::v1::{PersistentVolume, Pod},
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    resource::v1::ResourceSlice,
    storage::v1::VolumeAttachment,
};
use tokio_util::sync::CancellationToken;

use crate::{OptionError, stored::store_of};

/// How long a decision waits for what the caches know already.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells an index of one kind's objects.
struct Feed<T, I> {
    index: Arc<I>,
    upsert: fn(&I, &T),
    /// Takes namespace and name.
    delete: fn(&I, &str, &str),
    /// The place of a selectable field without whose value an object puts nothing into the index. It never loses it again.
    needs: Option<usize>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Object, I: Send + Sync + 'static> Follower for Feed<T, I> {
    fn upsert(&mut self, object: &CachedObject) {
        let needed = self.needs.and_then(|field| object.fields.get(field));
        if needed.is_some_and(|value| value.is_empty()) {
            return;
        }
        match T::from_json(&object.json) {
            Ok(typed) => (self.upsert)(&self.index, &typed),
            // What cannot be read grants nothing.
            Err(error) => {
                tracing::error!(key = %object.key, %error, "cannot decode an object that authorization depends on");
                self.delete(&object.key);
            }
        }
    }

    fn delete(&mut self, key: &str) {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        (self.delete)(&self.index, namespace, name);
    }
}

/// Where indices follow the caches.
struct Caches<'a> {
    routes: &'a Routes,
    stop: &'a CancellationToken,
}

impl Caches<'_> {
    fn follow<T: Object, I: Send + Sync + 'static>(
        &self,
        index: &Arc<I>,
        upsert: fn(&I, &T),
        delete: fn(&I, &str, &str),
    ) -> Result<Followed, OptionError> {
        self.follow_those_with::<T, I>(None, index, upsert, delete)
    }

    /// [`Caches::follow`], passing over objects that have no value in the selectable field `needs`.
    fn follow_those_with<T: Object, I: Send + Sync + 'static>(
        &self,
        needs: Option<&str>,
        index: &Arc<I>,
        upsert: fn(&I, &T),
        delete: fn(&I, &str, &str),
    ) -> Result<Followed, OptionError> {
        let store = store_of::<T>(self.routes)?;
        let fields = store.config().strategy.selectable_fields();
        let feed = Feed {
            index: index.clone(),
            upsert,
            delete,
            needs: needs.and_then(|needs| fields.iter().position(|field| field.name == needs)),
            kind: PhantomData,
        };
        Ok(store.cacher().feed(feed, self.stop.clone()))
    }
}

/// Roles and bindings.
pub(super) fn rbac(
    rbac: &Arc<RbacStore>,
    routes: &Routes,
    stop: &CancellationToken,
) -> Result<Vec<Followed>, OptionError> {
    let caches = Caches { routes, stop };
    Ok(vec![
        caches.follow::<Role, _>(rbac, RbacStore::upsert_role, RbacStore::delete_role)?,
        caches.follow::<ClusterRole, _>(rbac, RbacStore::upsert_cluster_role, |rbac, _, name| {
            rbac.delete_cluster_role(name);
        })?,
        caches.follow::<RoleBinding, _>(rbac, RbacStore::upsert_role_binding, RbacStore::delete_role_binding)?,
        caches.follow::<ClusterRoleBinding, _>(rbac, RbacStore::upsert_cluster_role_binding, |rbac, _, name| {
            rbac.delete_cluster_role_binding(name);
        })?,
    ])
}

/// What nodes reach.
pub(super) fn node(
    graph: &Arc<Graph>,
    routes: &Routes,
    stop: &CancellationToken,
) -> Result<Vec<Followed>, OptionError> {
    let caches = Caches { routes, stop };
    let followed = vec![
        caches.follow_those_with::<Pod, _>(Some("spec.nodeName"), graph, Graph::upsert_pod, Graph::delete_pod)?,
        caches
            .follow::<PersistentVolume, _>(graph, Graph::upsert_volume, |graph, _, name| graph.delete_volume(name))?,
        caches.follow::<VolumeAttachment, _>(
            graph,
            |graph, attachment| graph.upsert_attachment(&attachment.metadata.name, &attachment.spec.node_name),
            |graph, _, name| graph.delete_attachment(name),
        )?,
        caches.follow::<ResourceSlice, _>(
            graph,
            |graph, slice| graph.upsert_slice(&slice.metadata.name, slice.spec.node_name.as_deref()),
            |graph, _, name| graph.delete_slice(name),
        )?,
    ];
    let cachers = [
        cacher_of::<Pod>(routes)?,
        cacher_of::<PersistentVolume>(routes)?,
        cacher_of::<VolumeAttachment>(routes)?,
        cacher_of::<ResourceSlice>(routes)?,
    ];
    let feeds = cachers.into_iter().zip(followed.iter().cloned()).collect();
    graph.told_by(Arc::new(Feeds(feeds)));
    Ok(followed)
}

fn cacher_of<T: Object>(routes: &Routes) -> Result<Arc<Cacher>, OptionError> {
    Ok(store_of::<T>(routes)?.cacher().clone())
}

/// Caches, and how far those are who follow them.
struct Feeds(Vec<(Arc<Cacher>, Followed)>);

impl fmt::Debug for Feeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Feeds").finish_non_exhaustive()
    }
}

#[async_trait]
impl Progress for Feeds {
    async fn caught_up(&self) {
        let all = async {
            for (cacher, followed) in &self.0 {
                followed.clone().reached(cacher.changed()).await;
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("what the node authorizer knows lags behind");
        }
    }
}
