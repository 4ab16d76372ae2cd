//! The CSINode of the node: which drivers it has (none so far), and that in-tree volumes are left to them.

use std::time::Duration;

use client_go::{Client, Error};
use k8s_api::core::v1::Node;
use k8s_api::meta::v1::OwnerReference;
use k8s_api::storage::v1::CSINode;

const MIGRATED: &str = "storage.alpha.kubernetes.io/migrated-plugins";
const PLUGINS: &str = "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume";

/// Makes the CSINode if it is not there; tries again until it is.
pub(crate) async fn ensure(client: &Client, node: &Node) {
    let mut pause = Duration::from_millis(100);
    while let Err(error) = try_ensure(client, node).await {
        tracing::error!(%error, "Failed to initialize CSINode");
        tokio::time::sleep(pause).await;
        pause = (pause * 6).min(Duration::from_secs(30));
    }
}

async fn try_ensure(client: &Client, node: &Node) -> Result<(), Error> {
    let api = client.cluster::<CSINode>();
    let name = &node.metadata.name;
    if let Some(found) = api.get_opt(name).await? {
        if found
            .metadata
            .annotations
            .get(MIGRATED)
            .is_some_and(|plugins| plugins == PLUGINS)
        {
            return Ok(());
        }
        let mut wanted = found;
        wanted.metadata.annotations.insert(MIGRATED, PLUGINS.to_owned());
        return api.update(&wanted).await.map(drop);
    }
    let mut made = CSINode::default();
    made.metadata.name.clone_from(name);
    made.metadata.annotations.insert(MIGRATED, PLUGINS.to_owned());
    made.metadata.owner_references = vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: name.clone(),
        uid: node.metadata.uid.clone(),
        ..Default::default()
    }];
    match api.create(&made).await {
        Err(error) if error.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
}
