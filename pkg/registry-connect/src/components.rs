//! Component statuses: whether the store, the scheduler and the controllers on this machine say that they are well.
//!
//! Upstream counterpart: `pkg/registry/core/componentstatus`.

use std::{fmt, sync::Arc, time::Duration};

use apiserver::{
    endpoints::Lister,
    registry::{HubCodec, ObjectBox, VersionCodec},
};
use async_trait::async_trait;
use component_base::{health::HealthCheck, serving::Body};
use futures::future::join_all;
use http::{Request, header};
use http_body_util::BodyExt as _;
use k8s_api::core::v1::{ComponentCondition, ComponentStatus};

use crate::backend::{Backend, BackendError};

/// Where the others answer, on this machine.
const COMPONENTS: [(&str, u16); 2] = [("controller-manager", 10_257), ("scheduler", 10_259)];
/// How long a component may take to answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Asks when it is asked.
pub struct ComponentStatuses {
    store: Arc<dyn HealthCheck>,
}

impl fmt::Debug for ComponentStatuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ComponentStatuses").finish_non_exhaustive()
    }
}

impl ComponentStatuses {
    /// `store` says whether the store is well.
    #[must_use]
    pub fn new(store: Arc<dyn HealthCheck>) -> Arc<Self> {
        Arc::new(Self { store })
    }
}

#[async_trait]
impl Lister for ComponentStatuses {
    fn codec(&self) -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<ComponentStatus>::new(|_| {}))
    }

    async fn list(&self) -> Vec<ObjectBox> {
        let others = COMPONENTS.map(|(name, port)| async move { status(name, probe(port).await) });
        let (others, store) = tokio::join!(join_all(others), self.store.check());
        let store = store.map(|()| "ok".to_owned()).map_err(|error| Failure {
            message: String::new(),
            error: error.to_string(),
        });
        let all = others.into_iter().chain([status("etcd-0", store)]);
        all.map(|status| Box::new(status) as ObjectBox).collect()
    }
}

/// What a component that is not well says, and what keeps it from saying anything.
struct Failure {
    message: String,
    error: String,
}

fn status(name: &str, answer: Result<String, Failure>) -> ComponentStatus {
    let mut condition = ComponentCondition {
        type_: "Healthy".to_owned(),
        ..ComponentCondition::default()
    };
    match answer {
        Ok(message) => {
            "True".clone_into(&mut condition.status);
            condition.message = message;
        }
        Err(failure) => {
            "False".clone_into(&mut condition.status);
            condition.message = failure.message;
            condition.error = failure.error;
        }
    }
    let mut status = ComponentStatus::default();
    name.clone_into(&mut status.metadata.name);
    status.conditions.push(condition);
    status
}

async fn probe(port: u16) -> Result<String, Failure> {
    let backend = Backend::plain("127.0.0.1", port, true);
    let url = format!("https://127.0.0.1:{port}/healthz");
    let no_answer = |error: String| Failure {
        message: format!("Get \"{url}\": {error}"),
        error: String::new(),
    };
    let exchange = async {
        let request = Request::get("/healthz")
            .header(header::HOST, backend.authority())
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let response = backend.send(request).await.map_err(|error| match error {
            BackendError::Dial(error) => format!("dial tcp 127.0.0.1:{port}: connect: {error}"),
            BackendError::Exchange(error) => error.to_string(),
        })?;
        let code = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok((code, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(Ok((code, body))) if code.is_success() || code.is_redirection() => Ok(body),
        Ok(Ok((code, body))) => Err(Failure {
            message: body,
            error: format!("HTTP probe failed with statuscode: {}", code.as_u16()),
        }),
        Ok(Err(error)) => Err(no_answer(error)),
        Err(_) => Err(no_answer("context deadline exceeded".to_owned())),
    }
}
