//! Requests without credentials.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{Outcome, Request, RequestAuthenticator, Response};
use crate::user::UserInfo;

/// Makes requests without credentials those of `system:anonymous`.
#[derive(Clone, Debug, Default)]
pub struct Anonymous {
    paths: HashSet<String>,
}

impl Anonymous {
    /// For these paths only; for all if there are none.
    #[must_use]
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        Self {
            paths: paths.into_iter().collect(),
        }
    }
}

#[async_trait]
impl RequestAuthenticator for Anonymous {
    async fn authenticate(&self, request: &Request<'_>) -> Outcome {
        if !self.paths.is_empty() && !self.paths.contains(request.path) {
            return Ok(None);
        }
        let mut response = Response {
            audiences: request.audiences.to_vec(),
            ..Response::default()
        };
        response.user = UserInfo::anonymous().into();
        Ok(Some(response.into()))
    }
}
