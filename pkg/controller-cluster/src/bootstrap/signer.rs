//! Signs the kubeconfig in ConfigMap `kube-public/cluster-info` with every bootstrap token that may
//! (upstream: `bootstrapsigner.go`). A machine that joins trusts it for knowing the token.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_go::cache::{Event, InformerOptions, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::Map;
use k8s_api::core::v1::{ConfigMap, Secret};
use k8s_api::primitives::Time;

use super::{signing_token, token_secrets};

const NAMESPACE: &str = "kube-public";
const CONFIG_MAP: &str = "cluster-info";
const KUBECONFIG: &str = "kubeconfig";
const SIGNATURE_PREFIX: &str = "jws-kubeconfig-";

struct Signer {
    client: Client,
    clock: Clock,
    config_maps: Lister<ConfigMap>,
    secrets: Lister<Secret>,
}

/// Builds `bootstrap-signer-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("bootstrap-signer").await?;
    let options = InformerOptions {
        field_selector: format!("metadata.name={CONFIG_MAP}"),
        ..InformerOptions::default()
    };
    let api = context.informers.client().namespaced::<ConfigMap>(NAMESPACE);
    let config_maps = context.informers.informer_with(api, options);
    let secrets = token_secrets(&context);
    // There is one thing to do, whatever happened.
    let queue = context.queue::<ObjectKey>("bootstrap_signer_queue");
    let keys = queue.clone();
    config_maps.add_handler(move |event: Event<ConfigMap>| {
        if !matches!(event, Event::Deleted { .. }) {
            keys.add(ObjectKey::new(NAMESPACE, CONFIG_MAP));
        }
    });
    let keys = queue.clone();
    secrets.add_handler(move |_: Event<Secret>| keys.add(ObjectKey::new(NAMESPACE, CONFIG_MAP)));
    let caches = CacheSync::new().and(&config_maps).and(&secrets);
    let this = Arc::new(Signer {
        client,
        clock: context.clock.clone(),
        config_maps: config_maps.lister(),
        secrets: secrets.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(
                caches,
                queue,
                1,
                Retries::new("Error signing cluster-info"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl Signer {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(present) = self.config_maps.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let Some(data) = signed(&present.data, &self.secrets.list(), self.clock.now()) else {
            return Ok(Outcome::Done);
        };
        if data == present.data {
            return Ok(Outcome::Done);
        }
        let mut config_map = (*present).clone();
        config_map.data = data;
        match self.client.namespaced::<ConfigMap>(NAMESPACE).update(&config_map).await {
            Err(error) if !error.is_conflict() && !error.is_not_found() => Err(error),
            _ => Ok(Outcome::Done),
        }
    }
}

/// The data with the signatures that it should have; `None` if there is nothing to sign.
pub(super) fn signed(data: &Map<String>, secrets: &[Arc<Secret>], now: Time) -> Option<Map<String>> {
    let content = data.get(KUBECONFIG)?;
    let mut signed = data.clone();
    signed.retain(|key, _| !key.starts_with(SIGNATURE_PREFIX));
    for (id, token) in secrets.iter().filter_map(|secret| signing_token(secret, now)) {
        signed.insert(
            format!("{SIGNATURE_PREFIX}{id}"),
            detached_signature(content, id, token),
        );
    }
    Some(signed)
}

/// A JWS whose payload is left out: who checks it has it.
pub(super) fn detached_signature(content: &str, id: &str, token: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{id}"}}"#));
    let payload = URL_SAFE_NO_PAD.encode(content);
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    let signature = hmac::sign(&key, format!("{header}.{payload}").as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}
