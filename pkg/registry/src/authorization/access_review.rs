//! Whether somebody may do something: the three kinds that ask differ in whom they are about and where.

use std::{borrow::Cow, marker::PhantomData};

use apimachinery::{
    field::ErrorList,
    status::{GroupResource, StatusError},
};
use apis_cluster::authorization as rules;
use apiserver::{endpoints::Call, request::UserInfo};
use async_trait::async_trait;
use k8s_api::{
    HasMetadata,
    authorization::v1::{
        LocalSubjectAccessReview, NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
        SubjectAccessReview, SubjectAccessReviewStatus,
    },
};

use super::{Asks, attributes::subject};
use crate::review::Review;

/// One of the kinds.
pub trait AccessReview: HasMetadata {
    /// Every fault of the question.
    fn faults(&self) -> ErrorList;

    /// Whom it is about.
    fn subject<'a>(&'a self, caller: &'a UserInfo) -> Cow<'a, UserInfo>;

    /// What is asked for; exactly one of the two in a question without faults.
    fn wanted(&self) -> (Option<&ResourceAttributes>, Option<&NonResourceAttributes>);

    /// Takes the answer.
    fn set_status(&mut self, status: SubjectAccessReviewStatus);
}

macro_rules! access_review {
    ($kind:ident, $validate:path, |$review:ident, $caller:ident| $subject:expr) => {
        impl AccessReview for $kind {
            fn faults(&self) -> ErrorList {
                $validate(self)
            }

            fn subject<'a>(&'a self, $caller: &'a UserInfo) -> Cow<'a, UserInfo> {
                let $review = self;
                $subject
            }

            fn wanted(&self) -> (Option<&ResourceAttributes>, Option<&NonResourceAttributes>) {
                let spec = &self.spec;
                (
                    spec.resource_attributes.as_deref(),
                    spec.non_resource_attributes.as_deref(),
                )
            }

            fn set_status(&mut self, status: SubjectAccessReviewStatus) {
                self.status = status;
            }
        }
    };
}

access_review!(
    SubjectAccessReview,
    rules::validate_subject_access_review,
    |review, _caller| Cow::Owned(subject(&review.spec))
);
access_review!(
    LocalSubjectAccessReview,
    rules::validate_local_subject_access_review,
    |review, _caller| Cow::Owned(subject(&review.spec))
);
access_review!(
    SelfSubjectAccessReview,
    rules::validate_self_subject_access_review,
    |_review, caller| Cow::Borrowed(caller)
);

/// Answers the reviews of one kind.
#[derive(Clone, Debug)]
pub struct AccessReviews<T> {
    asks: Asks,
    kind: PhantomData<fn() -> T>,
}

impl<T> AccessReviews<T> {
    /// Asks the server's authorizer.
    #[must_use]
    pub fn new(asks: Asks) -> Self {
        Self {
            asks,
            kind: PhantomData,
        }
    }
}

#[async_trait]
impl<T: AccessReview> Review for AccessReviews<T> {
    type Object = T;

    fn validate(&self, _call: &Call<'_>, review: &T) -> Result<(), StatusError> {
        let faults = review.faults();
        if faults.is_empty() {
            return Ok(());
        }
        // The kind is empty, as it is in upstream's answers: reviews lose it when they are decoded.
        let kind = GroupResource::new("authorization.k8s.io", "");
        Err(StatusError::invalid(kind, "", &faults))
    }

    async fn answer(&self, call: &Call<'_>, mut review: T) -> Result<T, StatusError> {
        let (resource, path) = review.wanted();
        let status = self
            .asks
            .review(&review.subject(&call.context.user), resource, path)
            .await;
        review.set_status(status);
        Ok(review)
    }
}
