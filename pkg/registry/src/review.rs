//! Kinds that are answered and not stored.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use apiserver::{
    endpoints::{Call, Created, Creater},
    registry::{HubCodec, ObjectBox, ValidateObject, VersionCodec},
};
use async_trait::async_trait;
use k8s_api::HasMetadata;

/// A question and its answer in one object.
#[async_trait]
pub trait Review: Send + Sync + Debug + 'static {
    /// The kind.
    type Object: HasMetadata;

    /// Why the question cannot be asked, before admission judges it.
    ///
    /// # Errors
    /// What the client is told.
    fn validate(&self, call: &Call<'_>, review: &Self::Object) -> Result<(), StatusError>;

    /// Answers.
    ///
    /// # Errors
    /// What the client is told.
    async fn answer(&self, call: &Call<'_>, review: Self::Object) -> Result<Self::Object, StatusError>;
}

/// A [`Review`] as an endpoint.
#[derive(Debug)]
pub struct Reviewed<R>(R);

impl<R: Review> Reviewed<R> {
    /// The endpoint's part.
    pub fn creater(review: R) -> Arc<dyn Creater> {
        Arc::new(Self(review))
    }
}

#[async_trait]
impl<R: Review> Creater for Reviewed<R> {
    fn codec(&self) -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<R::Object>::new(|_| {}))
    }

    async fn create(
        &self,
        call: &Call<'_>,
        _name: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        _dry_run: bool,
    ) -> Result<Created, StatusError> {
        let review = object
            .into_any()
            .downcast::<R::Object>()
            .expect("the codec makes objects of its kind");
        self.0.validate(call, &review)?;
        validation.validate(review.as_ref()).await?;
        let answered = self.0.answer(call, *review).await?;
        Ok(Created::Object(Box::new(answered)))
    }
}
