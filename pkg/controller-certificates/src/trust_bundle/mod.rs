//! Publishes the authority of the API server's certificates as a `ClusterTrustBundle`, where those are served
//! (upstream: `pkg/controller/certificates/clustertrustbundlepublisher`).

use std::sync::Arc;

use aws_lc_rs::digest;
use client_go::api::{ApiObject as _, DeleteOptions, DynamicObject, GroupVersionResource};
use client_go::cache::{Event, InformerOptions, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Api, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use serde_json::json;

const SIGNER: &str = "kubernetes.io/kube-apiserver-serving";
const GROUP: &str = "certificates.k8s.io";
const RESOURCE: &str = "clustertrustbundles";
/// The newest first.
const VERSIONS: [&str; 2] = ["v1beta1", "v1alpha1"];

struct Publisher {
    api: Api<DynamicObject>,
    version: String,
    bundles: Lister<DynamicObject>,
    authority: String,
}

/// Builds `kube-apiserver-serving-clustertrustbundle-publisher-controller`; without an authority, or where trust bundles
/// are not served, there is none.
///
/// # Errors
/// The authority cannot be read, or there is no client.
pub async fn build(context: ControllerContext) -> Built {
    let Some(authority) = controller_cluster::files::root_ca(&context)? else {
        return Ok(None);
    };
    let served = async |version: &str| {
        let names = GroupVersionResource::new(GROUP, version, RESOURCE);
        let mapper = context.discovery.mapper().await.ok()?;
        mapper.resource(&names).map(|_| names)
    };
    let mut names = None;
    for version in VERSIONS {
        if names.is_none() {
            names = served(version).await;
        }
    }
    let Some(names) = names else {
        tracing::info!("no known version of ClusterTrustBundles is served, the publisher does not run");
        return Ok(None);
    };
    let client = context
        .client("kube-apiserver-serving-clustertrustbundle-publisher")
        .await?;
    let options = InformerOptions {
        field_selector: format!("spec.signerName={SIGNER}"),
        ..InformerOptions::default()
    };
    let bundles = context
        .informers
        .informer_with(client.dynamic(names.clone(), None), options);
    let queue = context.queue::<ObjectKey>("ca_cert_publisher_cluster_trust_bundles");
    let keys = queue.clone();
    bundles.add_handler(move |_: Event<DynamicObject>| keys.add(ObjectKey::from("")));
    queue.add(ObjectKey::from(""));
    let caches = CacheSync::new().and(&bundles);
    let this = Arc::new(Publisher {
        version: names.group_version(),
        api: client.dynamic(names, None),
        bundles: bundles.lister(),
        authority,
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |_: ObjectKey| {
            let this = this.clone();
            async move { this.publish().await }
        };
        context
            .run(caches, queue, 1, Retries::new("syncing failed"), stop, reconcile)
            .await;
    })))
}

/// The name of the bundle with these contents.
fn bundle_name(authority: &str) -> String {
    let hash = digest::digest(&digest::SHA256, authority.as_bytes());
    format!("{}:{}", SIGNER.replace('/', ":"), hex::encode(&hash.as_ref()[..12]))
}

impl Publisher {
    async fn publish(&self) -> Result<Outcome, Error> {
        let name = bundle_name(&self.authority);
        match self.bundles.get("", &name) {
            None => {
                let bundle = DynamicObject(json!({
                    "apiVersion": self.version, "kind": "ClusterTrustBundle", "metadata": {"name": name},
                    "spec": {"signerName": SIGNER, "trustBundle": self.authority},
                }));
                self.api.create(&bundle).await?;
            }
            Some(present) if present.0["spec"]["trustBundle"] != self.authority.as_str() => {
                let mut bundle = (*present).clone();
                bundle.0["spec"]["trustBundle"] = self.authority.as_str().into();
                self.api.update(&bundle).await?;
            }
            Some(_) => {}
        }
        for other in self.bundles.list().iter().filter(|bundle| bundle.name() != name) {
            match self.api.delete(other.name(), &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use client_go::testing::Canned;
    use controller::testing::Fixture;
    use k8s_api::core::v1::ConfigMap;
    use serde_json::json;

    use super::{build, bundle_name};

    const BUNDLES: &str = "/apis/certificates.k8s.io/v1beta1/clustertrustbundles";

    #[tokio::test]
    async fn the_authority_is_published_under_its_hash() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.crt");
        let authority = rcgen::generate_simple_self_signed(["ca".to_owned()])
            .unwrap()
            .cert
            .pem();
        std::fs::write(&file, &authority).unwrap();
        let fixture = Fixture::configured(|config| {
            config.sa_controller.root_ca_file = file.to_str().unwrap().to_owned();
        })
        .await;
        let spec = json!({"signerName": "kubernetes.io/kube-apiserver-serving", "trustBundle": "old"});
        fixture.create(
            BUNDLES,
            "",
            json!({"metadata": {"name": "kubernetes.io:kube-apiserver-serving:old"}, "spec": spec}),
        );
        fixture.server.on_request(|seen| {
            let version = json!({"version": "v1beta1", "resources": [{
                "resource": "clustertrustbundles", "scope": "Cluster", "verbs": ["list"],
                "responseKind": {"group": "certificates.k8s.io", "version": "v1beta1", "kind": "ClusterTrustBundle"},
            }]});
            let groups = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
                {"metadata": {"name": "certificates.k8s.io"}, "versions": [version]},
            ]});
            let empty = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": []});
            let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
            match seen.path.as_str() {
                "/apis" => Some(Canned {
                    headers: vec![("content-type", aggregated.to_owned())],
                    ..Canned::json(200, &groups)
                }),
                "/api" => Some(Canned {
                    headers: vec![("content-type", aggregated.to_owned())],
                    ..Canned::json(200, &empty)
                }),
                _ => None,
            }
        });
        fixture.run(build).await;
        let name = bundle_name(&authority);
        assert!(name.starts_with("kubernetes.io:kube-apiserver-serving:") && name.len() == 37 + 24);
        let names = || {
            let bundles = fixture.list::<ConfigMap>(BUNDLES, "");
            bundles
                .iter()
                .map(|bundle| bundle.metadata.name.clone())
                .collect::<Vec<_>>()
        };
        fixture
            .eventually("the old one makes way for the new", || names() == [name.clone()])
            .await;
        let bundle = fixture.get(BUNDLES, "", &name).unwrap();
        assert_eq!(bundle["spec"]["trustBundle"], authority.as_str());
    }

    #[tokio::test]
    async fn where_trust_bundles_are_not_served_there_is_no_publisher() {
        let fixture = Fixture::start().await;
        assert!(build(fixture.context.clone()).await.unwrap().is_none());
    }
}
