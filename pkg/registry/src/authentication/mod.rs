//! `authentication.k8s.io`: who somebody is (upstream: `pkg/registry/authentication`).

pub mod self_subject_review;
pub mod token_review;

use apiserver::request::UserInfo;
use k8s_api::authentication::v1 as api;

/// A user as the API writes it.
fn user_info(user: &UserInfo) -> api::UserInfo {
    api::UserInfo {
        username: user.name.clone(),
        uid: user.uid.clone(),
        groups: user.groups.clone(),
        extra: user
            .extra
            .iter()
            .map(|(key, values)| (key.clone(), values.clone()))
            .collect(),
    }
}
