//! Reviews that remote services answer, found by a kubeconfig file
//! (upstream: `k8s.io/apiserver/pkg/util/webhook`).

use std::{path::Path, time::Duration};

use apiserver_auth::{authentication::TokenReviewer, authorization::SubjectAccessReviewer};
use async_trait::async_trait;
use client_go::{Client, Config, Error};
use http::Method;
use k8s_api::{Kind, authentication::v1::TokenReview, authorization::v1::SubjectAccessReview};
use serde_json::Value;

use crate::OptionError;

/// How often a question is asked before it counts as unanswered.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// One service.
#[derive(Debug)]
pub(crate) struct RemoteReviews {
    client: Client,
    /// `v1` or `v1beta1`.
    version: String,
    timeout: Duration,
}

impl RemoteReviews {
    /// A service that a kubeconfig file describes; `None` for the one that a pod finds in its environment.
    pub(crate) fn new(file: Option<&Path>, version: &str, timeout: Duration) -> Result<Self, OptionError> {
        if !matches!(version, "v1" | "v1beta1") {
            return Err(OptionError(format!(
                "unsupported webhook review version {version:?}: supported versions are v1, v1beta1"
            )));
        }
        let config = Config::from_flags(file, "").map_err(OptionError::new)?;
        let config = Config {
            // Each request of a client may need a question.
            qps: -1.0,
            timeout: None,
            ..config
        };
        Ok(Self {
            client: Client::new(&config).map_err(OptionError::new)?,
            version: version.to_owned(),
            timeout,
        })
    }

    async fn ask(&self, question: &Value) -> Result<Value, String> {
        let body = question.to_string();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let request = self
                .client
                .request(Method::POST, "")
                .max_retries(0)
                .body("application/json", body.clone());
            let answer = tokio::time::timeout(self.timeout, request.send()).await;
            let error = match answer {
                Ok(Ok(response)) => {
                    return serde_json::from_slice(&response.body).map_err(|error| error.to_string());
                }
                Ok(Err(error)) => error,
                Err(_) => return Err("context deadline exceeded".to_owned()),
            };
            if attempt == ATTEMPTS || !may_pass(&error) {
                return Err(error.to_string());
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5);
        }
    }

    async fn review<T: Kind>(&self, review: &T) -> Result<T, String> {
        let mut question = review.to_value();
        set_version(&mut question, &self.version);
        let mut answer = self.ask(&question).await?;
        let expected = format!("{}/{}", T::GROUP, self.version);
        let seen = answer.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        if seen != expected {
            return Err(format!("expected webhook response of {expected}, got {seen:?}"));
        }
        set_version(&mut answer, T::VERSION);
        T::from_value(answer).map_err(|error| error.to_string())
    }
}

/// Whether the same question may be answered a moment later.
fn may_pass(error: &Error) -> bool {
    match error.status() {
        Some(status) => status.is_internal_error() || status.is_too_many_requests() || status.is_server_timeout(),
        None => matches!(error, Error::Request { .. }),
    }
}

/// Makes a review one of another version: the two differ in one member's name.
fn set_version(review: &mut Value, version: &str) {
    let Some(members) = review.as_object_mut() else { return };
    if let Some(api_version) = members.get_mut("apiVersion")
        && let Some((group, _)) = api_version.as_str().and_then(|text| text.split_once('/'))
    {
        *api_version = format!("{group}/{version}").into();
    }
    let (from, to) = if version == "v1beta1" {
        ("groups", "group")
    } else {
        ("group", "groups")
    };
    let is_access = members.get("kind").and_then(Value::as_str) == Some(SubjectAccessReview::KIND);
    if let Some(spec) = members
        .get_mut("spec")
        .and_then(Value::as_object_mut)
        .filter(|_| is_access)
        && let Some(groups) = spec.remove(from)
    {
        spec.insert(to.to_owned(), groups);
    }
}

#[async_trait]
impl TokenReviewer for RemoteReviews {
    async fn review(&self, review: &TokenReview) -> Result<TokenReview, String> {
        RemoteReviews::review(self, review).await
    }
}

#[async_trait]
impl SubjectAccessReviewer for RemoteReviews {
    async fn review(&self, review: &SubjectAccessReview) -> Result<SubjectAccessReview, String> {
        RemoteReviews::review(self, review).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::set_version;

    #[test]
    fn the_old_version_has_another_name_for_groups() {
        let new =
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"groups": ["a"]}});
        let mut review = new.clone();
        set_version(&mut review, "v1beta1");
        assert_eq!(
            review,
            json!({"apiVersion": "authorization.k8s.io/v1beta1", "kind": "SubjectAccessReview", "spec": {"group": ["a"]}})
        );
        set_version(&mut review, "v1");
        assert_eq!(review, new);
    }
}
