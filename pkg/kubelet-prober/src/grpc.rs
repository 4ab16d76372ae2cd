//! The gRPC health protocol (`grpc.health.v1.Health`), as far as probes need it.

use std::time::Duration;

use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::prober::Outcome;

/// How long a refused connection is let be.
const RECONNECT: Duration = Duration::from_millis(200);

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    pub(crate) service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub(crate) status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// Asks a server for the health of a service.
pub(crate) async fn check(host: &str, port: i32, service: &str, timeout: Duration) -> Outcome {
    let address = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let seconds = format!("{}s", timeout.as_secs());
    let endpoint = match endpoint(&address) {
        Ok(endpoint) => endpoint,
        Err(error) => return Outcome::Failure(format!("error: failed to connect service at {address:?}: {error}")),
    };
    // A refused connection is tried again for as long as the probe may take.
    let connected = async {
        loop {
            match endpoint.connect().await {
                Ok(channel) => return channel,
                Err(_) => tokio::time::sleep(RECONNECT).await,
            }
        }
    };
    let Ok(channel) = tokio::time::timeout(timeout, connected).await else {
        let why = "context deadline exceeded";
        return Outcome::Failure(format!(
            "timeout: failed to connect service {address:?} within {seconds}: {why}"
        ));
    };
    let mut client = tonic::client::Grpc::new(channel);
    let call = async {
        client
            .ready()
            .await
            .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        let request = Request::new(HealthCheckRequest {
            service: service.to_owned(),
        });
        let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
        client
            .unary(
                request,
                PathAndQuery::from_static("/grpc.health.v1.Health/Check"),
                codec,
            )
            .await
    };
    let status = match tokio::time::timeout(timeout, call).await {
        Err(_) => return Outcome::Failure(format!("timeout: health rpc did not complete within {seconds}")),
        Ok(Err(status)) if status.code() == Code::Unimplemented => {
            return Outcome::Failure(format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
                status.message()
            ));
        }
        Ok(Err(status)) => {
            let error = cri_client::Error::status(status.code(), status.message());
            return Outcome::Failure(format!("error: health rpc probe failed: {error}"));
        }
        Ok(Ok(response)) => response.into_inner().status,
    };
    match ServingStatus::try_from(status) {
        Ok(ServingStatus::Serving) => Outcome::Success("service healthy".to_owned()),
        other => {
            let name = match other {
                Ok(ServingStatus::NotServing) => "NOT_SERVING".to_owned(),
                Ok(ServingStatus::ServiceUnknown) => "SERVICE_UNKNOWN".to_owned(),
                Ok(_) => "UNKNOWN".to_owned(),
                Err(_) => status.to_string(),
            };
            Outcome::Failure(format!("service unhealthy (responded with {name:?})"))
        }
    }
}

fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let version = env!("CARGO_PKG_VERSION")
        .rsplit_once('.')
        .map_or("", |(minor, _)| minor);
    Endpoint::from_shared(format!("http://{address}"))?.user_agent(format!("kube-probe/{version}"))
}
