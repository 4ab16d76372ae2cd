//! What approval and signing have in common: a queue of requests without a certificate, and what their conditions say.

use std::sync::Arc;
use std::time::Duration;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::{Bucket, ItemExponentialFailure, MaxOf, Outcome, RateLimiter as _, WorkQueue};
use controller::{CacheSync, Controller, ControllerContext, Retries};
use k8s_api::certificates::v1::CertificateSigningRequest;

const WORKERS: usize = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1000);

/// Why a request is not dealt with; it comes again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// It is not well-formed.
    #[error("unable to parse csr {name:?}: {source}")]
    Parse {
        /// The request's name.
        name: String,
        /// Why.
        source: apis_cluster::certificates::certificate_signing_request::request::RequestError,
    },
    /// Its maker may not have what it asks for, as it stands: usually nobody's fault but theirs.
    #[error("recognized csr {name:?} as [{}] but subject access review was not approved", tried.join(" "))]
    NotAllowed {
        /// The request's name.
        name: String,
        /// What it was taken for.
        tried: Vec<&'static str>,
    },
    /// It cannot be signed.
    #[error("error auto signing csr: {0}")]
    Sign(#[source] crate::signing::SignError),
    /// The server says no.
    #[error("{doing}: {source}")]
    Api {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: client_go::Error,
    },
}

/// Deals with one request that has no certificate yet.
pub(crate) trait Handle: Send + Sync + 'static {
    fn handle(&self, request: &CertificateSigningRequest) -> impl Future<Output = Result<(), RequestError>> + Send;
}

struct Requests<H> {
    requests: Lister<CertificateSigningRequest>,
    handler: H,
    /// Pauses of requests that are nobody's fault but their makers'.
    quiet: ItemExponentialFailure<ObjectKey>,
}

impl<H: Handle> Requests<H> {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, RequestError> {
        let request = self.requests.get_key(key);
        let Some(request) = request.filter(|request| request.status.certificate.is_empty()) else {
            self.quiet.forget(key);
            return Ok(Outcome::Done);
        };
        match self.handler.handle(&request).await {
            Err(error @ RequestError::NotAllowed { .. }) => {
                tracing::debug!(%key, %error, "Sync certificate request failed");
                Ok(Outcome::RequeueAfter(self.quiet.when(key)))
            }
            Ok(()) => {
                self.quiet.forget(key);
                Ok(Outcome::Done)
            }
            Err(error) => Err(error),
        }
    }
}

/// A controller that has `handler` deal with every request.
pub(crate) fn controller<H: Handle>(context: ControllerContext, handler: H) -> Controller {
    let requests = context.informers.informer::<CertificateSigningRequest>();
    let item = ItemExponentialFailure::new(FIRST_PAUSE, LONGEST_PAUSE);
    let limiter = MaxOf(vec![Box::new(item), Box::new(Bucket::new(10.0, 100))]);
    let queue = WorkQueue::with_limiter("certificate", Some(&context.queue_metrics), limiter);
    let keys = queue.clone();
    requests.add_handler(move |event: Event<CertificateSigningRequest>| {
        if event.object().status.certificate.is_empty() {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new().and(&requests);
    let this = Arc::new(Requests {
        requests: requests.lister(),
        handler,
        quiet: ItemExponentialFailure::new(FIRST_PAUSE, LONGEST_PAUSE),
    });
    Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(caches, queue, WORKERS, Retries::new("Sync failed"), stop, reconcile)
            .await;
    })
}

/// Whether a request has a condition of this type.
pub(crate) fn has_condition(request: &CertificateSigningRequest, type_: &str) -> bool {
    request
        .status
        .conditions
        .iter()
        .any(|condition| condition.type_ == type_)
}

/// Whether a request has a condition of this type, and it holds.
pub(crate) fn has_true_condition(request: &CertificateSigningRequest, type_: &str) -> bool {
    let holds = |status: &str| status.is_empty() || status == "True";
    let conditions = request.status.conditions.iter();
    conditions
        .into_iter()
        .any(|condition| condition.type_ == type_ && holds(&condition.status))
}
