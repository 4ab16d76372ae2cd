//! Deletes old certificate requests (upstream: `pkg/controller/certificates/cleaner`).

use std::time::Duration;

use apis_cluster::certificates::pem;
use client_go::Client;
use client_go::api::DeleteOptions;
use client_go::cache::Lister;
use controller::{Built, CacheSync, Clock, Controller, ControllerContext};
use k8s_api::certificates::v1::CertificateSigningRequest;
use k8s_api::primitives::Time;
use tokio_util::sync::CancellationToken;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::requests::has_condition;

/// How often requests are looked at.
const PERIOD: Duration = Duration::from_secs(3600);
/// How long requests stay that have been dealt with.
const SETTLED: Duration = Duration::from_secs(3600);
/// How long requests stay that nobody deals with.
const PENDING: Duration = Duration::from_secs(24 * 3600);

struct Cleaner {
    client: Client,
    clock: Clock,
    requests: Lister<CertificateSigningRequest>,
}

/// Builds `certificatesigningrequest-cleaner-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("certificate-controller").await?;
    let requests = context.informers.informer::<CertificateSigningRequest>();
    let caches = CacheSync::new().and(&requests);
    let cleaner = Cleaner {
        client,
        clock: context.clock.clone(),
        requests: requests.lister(),
    };
    Ok(Some(Controller::new(move |stop: CancellationToken| async move {
        if !caches.wait(&stop).await {
            return;
        }
        let mut timer = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = timer.tick() => cleaner.look().await,
            }
        }
    })))
}

impl Cleaner {
    async fn look(&self) {
        let now = self.clock.now();
        for request in self.requests.list().iter().filter(|request| is_old(request, now)) {
            let name = &request.metadata.name;
            let api = self.client.cluster::<CertificateSigningRequest>();
            match api.delete(name, &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => {
                    tracing::error!(csr = name, %error, "Error while attempting to clean CSR");
                }
                _ => tracing::info!(csr = name, "Cleaned CSR"),
            }
        }
    }
}

/// Whether a request has been dealt with long ago, nobody deals with it, or its certificate is over.
fn is_old(request: &CertificateSigningRequest, now: Time) -> bool {
    let older = |time: Option<Time>, than: Duration| time.is_some_and(|time| !time.is_zero() && now.since(time) > than);
    let issued = !request.status.certificate.is_empty();
    let condition_older = |type_: &str, than: Duration| {
        let conditions = request
            .status
            .conditions
            .iter()
            .filter(|condition| condition.type_ == type_);
        conditions
            .into_iter()
            .any(|condition| older(condition.last_update_time, than))
    };
    let unhandled = request.status.conditions.is_empty() && older(request.metadata.creation_timestamp, PENDING);
    unhandled
        || condition_older("Denied", SETTLED)
        || condition_older("Failed", SETTLED)
        || condition_older("Approved", if issued { SETTLED } else { PENDING })
        || (has_condition(request, "Approved") && is_expired(&request.status.certificate, now))
}

fn is_expired(certificate: &[u8], now: Time) -> bool {
    let Some((block, _)) = pem::decode(certificate) else {
        return false;
    };
    X509Certificate::from_der(&block.data)
        .is_ok_and(|(_, certificate)| now.unix_seconds() > certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use k8s_api::Kind as _;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn requests_go_when_their_time_is_over() {
        let now = Time::from_unix(1_000_000, 0);
        let ago = |hours: i64| Time::from_unix(1_000_000 - hours * 3600 - 60, 0).to_string();
        let condition =
            |type_: &str, hours: i64| json!([{"type": type_, "status": "True", "lastUpdateTime": ago(hours)}]);
        let certificate = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem();
        let certificate = k8s_api::primitives::ByteString::from(certificate.into_bytes()).to_base64();
        for (created, conditions, certificate, wanted) in [
            (23, json!([]), None, false),
            (24, json!([]), None, true),
            (99, condition("Denied", 0), None, false),
            (99, condition("Denied", 1), None, true),
            (99, condition("Failed", 1), None, true),
            (99, condition("Approved", 23), None, false),
            (99, condition("Approved", 24), None, true),
            (99, condition("Approved", 0), Some(&certificate), false),
            (99, condition("Approved", 1), Some(&certificate), true),
        ] {
            let mut value = json!({
                "metadata": {"name": "r", "creationTimestamp": ago(created)},
                "spec": {"request": "", "signerName": "s"},
                "status": {"conditions": conditions},
            });
            value["status"]["certificate"] = certificate.map_or(Value::Null, |text| text.as_str().into());
            let request = CertificateSigningRequest::from_value(value).unwrap();
            assert_eq!(
                is_old(&request, now),
                wanted,
                "created {created} h ago, {:?}",
                request.status.conditions
            );
        }
    }
}
