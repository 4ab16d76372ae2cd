//! Who the client itself is.

use apimachinery::status::StatusError;
use apiserver::endpoints::Call;
use async_trait::async_trait;
use k8s_api::{
    authentication::v1::{SelfSubjectReview, SelfSubjectReviewStatus},
    meta::v1::ObjectMeta,
};

use crate::review::Review;

/// Answers with the request's user.
#[derive(Clone, Copy, Debug)]
pub struct SelfSubject;

#[async_trait]
impl Review for SelfSubject {
    type Object = SelfSubjectReview;

    fn validate(&self, _call: &Call<'_>, _review: &SelfSubjectReview) -> Result<(), StatusError> {
        Ok(())
    }

    async fn answer(&self, call: &Call<'_>, _review: SelfSubjectReview) -> Result<SelfSubjectReview, StatusError> {
        Ok(SelfSubjectReview {
            metadata: ObjectMeta {
                creation_timestamp: Some(call.context.received.into()),
                ..ObjectMeta::default()
            },
            status: SelfSubjectReviewStatus {
                user_info: super::user_info(&call.context.user),
            },
        })
    }
}
