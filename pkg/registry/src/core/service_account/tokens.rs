//! `serviceaccounts/token`.

use std::{sync::Arc, time::SystemTime};

use apimachinery::status::StatusError;
use apis_cluster::authentication::token_request;
use apiserver::{
    endpoints::{Call, Created, Creater},
    registry::{HubCodec, ObjectBox, ValidateObject, VersionCodec},
};
use apiserver_auth::serviceaccount::TokenIssuer;
use async_trait::async_trait;
use k8s_api::authentication::v1::TokenRequest;

/// Issues tokens for service accounts.
pub struct Tokens(Arc<TokenIssuer>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens of this issuer.
    #[must_use]
    pub fn new(issuer: Arc<TokenIssuer>) -> Arc<Self> {
        Arc::new(Self(issuer))
    }
}

#[async_trait]
impl Creater for Tokens {
    fn codec(&self) -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<TokenRequest>::new(token_request::set_defaults))
    }

    fn keeps_uid(&self) -> bool {
        true
    }

    async fn create(
        &self,
        call: &Call<'_>,
        name: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        _dry_run: bool,
    ) -> Result<Created, StatusError> {
        let request: &TokenRequest = object.downcast_ref().expect("the codec makes objects of its kind");
        validation.validate(request).await?;
        let context = call.context;
        let now = SystemTime::from(context.received);
        let issued = self
            .0
            .issue(&context.info.namespace, name, request.clone(), now)
            .await?;
        issued.warnings.into_iter().for_each(|warning| context.warn(warning));
        for (key, value) in issued.annotations {
            context.annotate(key, value);
        }
        Ok(Created::Object(Box::new(issued.request)))
    }
}
