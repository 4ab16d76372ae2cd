//! Authorization by a remote service (upstream: `plugin/pkg/authorizer/webhook`).
//!
//! The connection, its retries and its time limit are the [`SubjectAccessReviewer`]'s; here are the
//! question, the cache of answers, and what a failure means.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use apimachinery::selectors::Operator;
use async_trait::async_trait;
use k8s_api::{
    authorization::v1::{
        FieldSelectorAttributes, LabelSelectorAttributes, NonResourceAttributes, ResourceAttributes,
        SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
    },
    meta::v1::{FieldSelectorRequirement, LabelSelectorRequirement},
    object::Kind,
};
use parking_lot::Mutex;
use smol_str::SmolStr;

use super::{Attributes, Authorization, Authorizer, Decision, RuleResolver, Rules};
use crate::user::UserInfo;

/// Most answers that are remembered.
const CACHE_SIZE: usize = 8192;
/// Requests whose attributes are longer than this are not remembered.
const CACHEABLE_BYTES: usize = 10_000;

/// Sends one review and returns the answer.
#[async_trait]
pub trait SubjectAccessReviewer: Send + Sync {
    /// Asks the service, with retries and within the configured time.
    ///
    /// # Errors
    /// It did not answer; the text goes into the server's log, and to no client.
    async fn review(&self, review: &SubjectAccessReview) -> Result<SubjectAccessReview, String>;
}

/// How a webhook's answers count.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// How long an allowed request is remembered; zero for not at all.
    pub authorized_ttl: Duration,
    /// How long a refused request is remembered; zero for not at all.
    pub unauthorized_ttl: Duration,
    /// What a failure means: [`Decision::Deny`] or [`Decision::NoOpinion`].
    pub decision_on_error: Decision,
}

struct Cached {
    status: SubjectAccessReviewStatus,
    until: Instant,
}

/// Asks a remote service.
pub struct Webhook {
    reviewer: Arc<dyn SubjectAccessReviewer>,
    settings: WebhookSettings,
    cache: Mutex<HashMap<Vec<u8>, Cached>>,
}

impl Webhook {
    /// A webhook with an empty cache.
    #[must_use]
    pub fn new(reviewer: Arc<dyn SubjectAccessReviewer>, settings: WebhookSettings) -> Self {
        Self {
            reviewer,
            settings,
            cache: Mutex::default(),
        }
    }

    fn remembered(&self, key: &[u8]) -> Option<SubjectAccessReviewStatus> {
        let cache = self.cache.lock();
        let entry = cache.get(key)?;
        (entry.until > Instant::now()).then(|| entry.status.clone())
    }

    fn remember(&self, key: Vec<u8>, status: &SubjectAccessReviewStatus) {
        let ttl = if status.allowed {
            self.settings.authorized_ttl
        } else {
            self.settings.unauthorized_ttl
        };
        if ttl.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut cache = self.cache.lock();
        if cache.len() >= CACHE_SIZE {
            cache.retain(|_, entry| entry.until > now);
        }
        if cache.len() >= CACHE_SIZE {
            // Full of live answers: half of them make room, rather than one at every request from now on.
            let mut keep = false;
            cache.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        let status = status.clone();
        cache.insert(
            key,
            Cached {
                status,
                until: now + ttl,
            },
        );
    }
}

fn field_requirements(attributes: &Attributes<'_>) -> Option<Box<FieldSelectorAttributes>> {
    let requirements: Vec<_> = attributes
        .field_requirements
        .iter()
        .map(|requirement| FieldSelectorRequirement {
            key: requirement.field.clone(),
            operator: if requirement.negated { "NotIn" } else { "In" }.to_owned(),
            values: vec![requirement.value.clone()],
        })
        .collect();
    (!requirements.is_empty()).then(|| {
        Box::new(FieldSelectorAttributes {
            requirements,
            ..FieldSelectorAttributes::default()
        })
    })
}

fn label_requirements(attributes: &Attributes<'_>) -> Option<Box<LabelSelectorAttributes>> {
    let requirements: Vec<_> = attributes
        .label_requirements
        .iter()
        .filter_map(|requirement| {
            let operator = match requirement.operator() {
                Operator::Equals | Operator::DoubleEquals | Operator::In => "In",
                Operator::NotEquals | Operator::NotIn => "NotIn",
                Operator::Exists => "Exists",
                Operator::DoesNotExist => "DoesNotExist",
                // The API has no such operators. Leaving one out asks for more than the request wants.
                Operator::GreaterThan | Operator::LessThan => return None,
            };
            Some(LabelSelectorRequirement {
                key: requirement.key().to_owned(),
                operator: operator.to_owned(),
                values: requirement.values().to_vec(),
            })
        })
        .collect();
    (!requirements.is_empty()).then(|| {
        Box::new(LabelSelectorAttributes {
            requirements,
            ..LabelSelectorAttributes::default()
        })
    })
}

/// The question about `attributes`.
pub(super) fn question(attributes: &Attributes<'_>) -> SubjectAccessReview {
    let user = attributes.user;
    let mut spec = SubjectAccessReviewSpec {
        user: user.name.clone(),
        uid: user.uid.clone(),
        groups: user.groups.clone(),
        extra: user.extra.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        ..SubjectAccessReviewSpec::default()
    };
    if attributes.is_resource {
        spec.resource_attributes = Some(Box::new(ResourceAttributes {
            namespace: attributes.namespace.to_owned(),
            verb: attributes.verb.to_owned(),
            group: attributes.api_group.to_owned(),
            version: attributes.api_version.to_owned(),
            resource: attributes.resource.to_owned(),
            subresource: attributes.subresource.to_owned(),
            name: attributes.name.to_owned(),
            field_selector: field_requirements(attributes),
            label_selector: label_requirements(attributes),
        }));
    } else {
        spec.non_resource_attributes = Some(Box::new(NonResourceAttributes {
            path: attributes.path.to_owned(),
            verb: attributes.verb.to_owned(),
        }));
    }
    SubjectAccessReview {
        spec,
        ..SubjectAccessReview::default()
    }
}

fn cacheable(attributes: &Attributes<'_>) -> bool {
    let length = [
        attributes.namespace,
        attributes.verb,
        attributes.api_group,
        attributes.api_version,
        attributes.resource,
        attributes.subresource,
        attributes.name,
        attributes.path,
    ]
    .iter()
    .map(|field| field.len())
    .sum::<usize>();
    length < CACHEABLE_BYTES
}

fn answer(status: &SubjectAccessReviewStatus) -> Authorization {
    let reason = SmolStr::new(&status.reason);
    match (status.denied, status.allowed) {
        (true, true) => Authorization {
            error: Some("webhook subject access review returned both allow and deny response".to_owned()),
            ..Authorization::deny(reason)
        },
        (true, false) => Authorization::deny(reason),
        (false, true) => Authorization::allow(reason),
        (false, false) => Authorization::no_opinion(reason),
    }
}

#[async_trait]
impl Authorizer for Webhook {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        let review = question(attributes);
        let key = review.to_json();
        if let Some(status) = self.remembered(&key) {
            return answer(&status);
        }
        match self.reviewer.review(&review).await {
            Ok(review) => {
                if cacheable(attributes) {
                    self.remember(key, &review.status);
                }
                answer(&review.status)
            }
            Err(error) => {
                tracing::error!("Failed to make webhook authorizer request: {error}");
                Authorization {
                    decision: self.settings.decision_on_error,
                    reason: SmolStr::default(),
                    error: Some(error),
                }
            }
        }
    }
}

#[async_trait]
impl RuleResolver for Webhook {
    async fn rules_for(&self, _user: &UserInfo, _namespace: &str) -> Rules {
        Rules {
            incomplete: true,
            errors: vec!["webhook authorizer does not support user rule resolution".to_owned()],
            ..Rules::default()
        }
    }
}
