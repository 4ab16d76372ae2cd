//! The kinds that are answered and not stored: who somebody is, and what he may do.

use std::sync::Arc;

use apiserver::endpoints::Creater;
use k8s_api::{
    Object,
    authentication::v1::{SelfSubjectReview, TokenReview},
    authorization::v1::{
        LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
    },
};
use kubeapiserver::{authentication::Authentication, authorization::Authorization};
use registry::{
    authentication::{self_subject_review::SelfSubject, token_review::TokenReviews},
    authorization::{
        Asks,
        access_review::{AccessReview, AccessReviews},
        self_subject_rules_review::SelfSubjectRules,
    },
    review::Reviewed,
};

use crate::install::Installer;

/// Installs them all.
pub(crate) fn install(installer: &mut Installer, authentication: &Authentication, authorization: &Authorization) {
    installer.install_unstored::<SelfSubjectReview>(Reviewed::creater(SelfSubject));
    let tokens = TokenReviews::new(authentication.chain.clone(), authentication.audiences.clone());
    installer.install_unstored::<TokenReview>(Reviewed::creater(tokens));
    let asks = Asks::new(authorization.authorizer.clone());
    installer.install_unstored::<SubjectAccessReview>(access::<SubjectAccessReview>(&asks));
    installer.install_unstored::<LocalSubjectAccessReview>(access::<LocalSubjectAccessReview>(&asks));
    installer.install_unstored::<SelfSubjectAccessReview>(access::<SelfSubjectAccessReview>(&asks));
    let rules = SelfSubjectRules::new(authorization.rules.clone());
    installer.install_unstored::<SelfSubjectRulesReview>(Reviewed::creater(rules));
}

fn access<T: AccessReview + Object>(asks: &Asks) -> Arc<dyn Creater> {
    Reviewed::creater(AccessReviews::<T>::new(asks.clone()))
}
