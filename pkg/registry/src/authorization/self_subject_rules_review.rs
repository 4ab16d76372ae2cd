//! What the client itself may do in a namespace.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::endpoints::Call;
use apiserver_auth::authorization::RuleResolver;
use async_trait::async_trait;
use k8s_api::authorization::v1::{NonResourceRule, ResourceRule, SelfSubjectRulesReview, SubjectRulesReviewStatus};

use crate::review::Review;

/// Asks the server's authorizers for their rules.
pub struct SelfSubjectRules(Arc<dyn RuleResolver>);

impl SelfSubjectRules {
    /// Asks this resolver.
    #[must_use]
    pub fn new(resolver: Arc<dyn RuleResolver>) -> Self {
        Self(resolver)
    }
}

impl std::fmt::Debug for SelfSubjectRules {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("SelfSubjectRules").finish()
    }
}

#[async_trait]
impl Review for SelfSubjectRules {
    type Object = SelfSubjectRulesReview;

    fn validate(&self, _call: &Call<'_>, review: &SelfSubjectRulesReview) -> Result<(), StatusError> {
        if review.spec.namespace.is_empty() {
            return Err(StatusError::bad_request("no namespace on request"));
        }
        Ok(())
    }

    async fn answer(
        &self,
        call: &Call<'_>,
        review: SelfSubjectRulesReview,
    ) -> Result<SelfSubjectRulesReview, StatusError> {
        let rules = self.0.rules_for(&call.context.user, &review.spec.namespace).await;
        let evaluation_error = rules.evaluation_error();
        let resource_rules = rules.resource_rules.into_iter().map(|rule| ResourceRule {
            verbs: rule.verbs,
            api_groups: rule.api_groups,
            resources: rule.resources,
            resource_names: rule.resource_names,
        });
        let non_resource_rules = rules.non_resource_rules.into_iter().map(|rule| NonResourceRule {
            verbs: rule.verbs,
            non_resource_urls: rule.non_resource_urls,
        });
        Ok(SelfSubjectRulesReview {
            status: SubjectRulesReviewStatus {
                resource_rules: resource_rules.collect(),
                non_resource_rules: non_resource_rules.collect(),
                incomplete: rules.incomplete,
                evaluation_error,
            },
            ..SelfSubjectRulesReview::default()
        })
    }
}
