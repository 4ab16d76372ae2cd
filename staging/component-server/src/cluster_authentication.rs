//! What the API server publishes for its extensions: the authorities of client certificates, and the front proxy's.
//!
//! The config map may appear, and change, after the component has started; it is followed.

use std::sync::Arc;

use apiserver_auth::authentication::{Outcome, Request, RequestAuthenticator, RequestHeader, RequestHeaderConfig};
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use client_go::cache::{Event, InformerOptions, SharedInformer};
use client_go::{Client, Error};
use component_base::serving::{CaBundle, CertificateError, DynamicCaBundle, generate_self_signed};
use k8s_api::core::v1::ConfigMap;
use tokio_util::sync::CancellationToken;

/// The config map.
pub const CONFIG_MAP: &str = "extension-apiserver-authentication";
/// Its namespace.
pub const CONFIG_MAP_NAMESPACE: &str = "kube-system";

/// A bundle that signs nobody: its key was never kept. It stands in until the cluster says who signs.
pub(crate) fn nobody() -> Result<Arc<DynamicCaBundle>, CertificateError> {
    let pair = generate_self_signed("nobody", &[], &[])?;
    let bundle = CaBundle::from_pem("nobody", pair.cert.as_bytes())?;
    Ok(Arc::new(DynamicCaBundle::fixed(bundle)))
}

/// Believes the headers of the front proxy that the config map names, as it is at the time.
pub(crate) struct PublishedRequestHeader {
    authorities: Arc<DynamicCaBundle>,
    current: ArcSwapOption<RequestHeader>,
}

#[async_trait]
impl RequestAuthenticator for PublishedRequestHeader {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        match self.current.load_full() {
            Some(current) if current_signs(&self.authorities, request) => current.authenticate(request).await,
            _ => Ok(None),
        }
    }
}

/// Whether the proxy's authorities signed the client's certificate; others are no proxies, which is no error.
fn current_signs(authorities: &DynamicCaBundle, request: &Request<'_>) -> bool {
    !request.peer_certificates.is_empty()
        && authorities
            .current()
            .verify_client(request.peer_certificates, request.now)
            .is_ok()
}

/// What of the config map a component needs.
pub(crate) struct ClusterAuthentication {
    /// Authorities of client certificates, unless a file names them.
    pub(crate) clients: Option<Arc<DynamicCaBundle>>,
    /// The front proxy, unless flags name it.
    pub(crate) request_header: Option<Arc<PublishedRequestHeader>>,
}

impl ClusterAuthentication {
    pub(crate) fn new(clients: bool, request_header: bool) -> Result<Self, CertificateError> {
        Ok(Self {
            clients: clients.then(nobody).transpose()?,
            request_header: request_header
                .then(|| {
                    nobody().map(|authorities| {
                        Arc::new(PublishedRequestHeader {
                            authorities,
                            current: ArcSwapOption::empty(),
                        })
                    })
                })
                .transpose()?,
        })
    }

    /// The authorities that a client's certificate may come from.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = Arc<DynamicCaBundle>> {
        let proxy = self.request_header.iter().map(|header| header.authorities.clone());
        self.clients.iter().cloned().chain(proxy)
    }

    /// Reads the config map once; one that is not there yet is no error.
    pub(crate) async fn load(&self, client: &Client) -> Result<(), Error> {
        let api = client.namespaced::<ConfigMap>(CONFIG_MAP_NAMESPACE);
        match api.get_opt(CONFIG_MAP).await {
            Ok(Some(published)) => {
                self.take(&published);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                if error.is_forbidden() {
                    tracing::warn!(
                        "Unable to get configmap/{CONFIG_MAP} in {CONFIG_MAP_NAMESPACE}.  Usually fixed by 'kubectl create rolebinding -n {CONFIG_MAP_NAMESPACE} ROLEBINDING_NAME --role={CONFIG_MAP}-reader --serviceaccount=YOUR_NS:YOUR_SA'"
                    );
                }
                Err(error)
            }
        }
    }

    /// Follows the config map until cancelled.
    pub(crate) async fn follow(self: Arc<Self>, client: Client, cancelled: CancellationToken) {
        let options = InformerOptions {
            field_selector: format!("metadata.name={CONFIG_MAP}"),
            ..InformerOptions::default()
        };
        let informer = SharedInformer::new(client.namespaced::<ConfigMap>(CONFIG_MAP_NAMESPACE), options);
        informer.add_handler(move |event: Event<ConfigMap>| match event {
            Event::Added { object, .. } | Event::Updated { new: object, .. } => self.take(&object),
            // Without the config map what it said last stays good.
            Event::Deleted { .. } => {}
        });
        informer.run(cancelled).await;
    }

    fn take(&self, published: &ConfigMap) {
        if let Some(clients) = &self.clients {
            replace(clients, published, "client-ca-file");
        }
        let Some(header) = &self.request_header else { return };
        if !replace(&header.authorities, published, "requestheader-client-ca-file") {
            header.current.store(None);
            return;
        }
        let list = |key: &str| -> Vec<String> {
            let text = published.data.get(key).map_or("[]", String::as_str);
            serde_json::from_str(text).unwrap_or_else(|error| {
                tracing::error!(key, %error, "the config map {CONFIG_MAP} holds no list of strings");
                Vec::new()
            })
        };
        let config = RequestHeaderConfig {
            username_headers: list("requestheader-username-headers"),
            uid_headers: list("requestheader-uid-headers"),
            group_headers: list("requestheader-group-headers"),
            extra_header_prefixes: list("requestheader-extra-headers-prefix"),
            allowed_names: list("requestheader-allowed-names"),
        };
        let current = RequestHeader::new(config, header.authorities.clone());
        header.current.store(Some(Arc::new(current)));
    }
}

/// Puts the bundle under `key` in place; false if there is none that can be used.
fn replace(bundle: &DynamicCaBundle, published: &ConfigMap, key: &str) -> bool {
    let Some(pem) = published.data.get(key).filter(|pem| !pem.is_empty()) else {
        return false;
    };
    match CaBundle::from_pem(key, pem.as_bytes()) {
        Ok(authorities) => {
            if bundle.replace(authorities) {
                tracing::info!(key, "Loaded authorities from the config map {CONFIG_MAP}");
            }
            true
        }
        Err(error) => {
            tracing::error!(key, %error, "keeping the previous authorities");
            false
        }
    }
}
