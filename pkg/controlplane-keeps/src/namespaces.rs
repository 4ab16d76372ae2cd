//! The namespaces that a cluster always has.

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use k8s_api::{Map, core::v1::Namespace, meta::v1::ObjectMeta};

/// Their names.
const SYSTEM: [&str; 4] = ["kube-system", "kube-public", "kube-node-lease", "default"];

/// Makes those that are not there.
pub(crate) async fn ensure(namespaces: &Local<Namespace>) -> Result<(), StatusError> {
    let wanted = SYSTEM.map(|name| Namespace {
        metadata: ObjectMeta {
            name: name.to_owned(),
            labels: Map::from([("kubernetes.io/metadata.name", name.to_owned())]),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    });
    let made = futures::future::try_join_all(wanted.iter().map(|namespace| namespaces.ensure(namespace)));
    for (created, namespace) in made.await?.into_iter().zip(SYSTEM) {
        if created {
            tracing::info!(namespace, "created a system namespace");
        }
    }
    Ok(())
}
