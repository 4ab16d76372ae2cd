//! Service accounts. They have no defaults.

use apimachinery::field::{ErrorList, Path};
use k8s_api::core::v1::{ObjectReference, ServiceAccount};

use crate::meta::{self, NameRule};

const ENFORCE_MOUNTABLE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

/// Leaves of the references to secrets only their names.
pub fn clean_secret_references(account: &mut ServiceAccount) {
    for secret in &mut account.secrets {
        *secret = ObjectReference {
            name: std::mem::take(&mut secret.name),
            ..ObjectReference::default()
        };
    }
}

/// Checks a new service account.
#[must_use]
pub fn validate(account: &ServiceAccount) -> ErrorList {
    meta::validate_object_meta(
        &account.metadata,
        true,
        NameRule::Dns1123Subdomain,
        &Path::new("metadata"),
    )
}

/// Checks an update of a service account.
#[must_use]
pub fn validate_update(account: &ServiceAccount, old: &ServiceAccount) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&account.metadata, &old.metadata, &Path::new("metadata"));
    errors.append(validate(account));
    errors
}

/// Warnings about a service account that is created, or updated from `old`.
#[must_use]
pub fn warnings(account: &ServiceAccount, old: Option<&ServiceAccount>) -> Vec<String> {
    let has = |account: &ServiceAccount| account.metadata.annotations.contains_key(ENFORCE_MOUNTABLE_SECRETS);
    if !has(account) || old.is_some_and(has) {
        return Vec::new();
    }
    vec![format!(
        "metadata.annotations[{ENFORCE_MOUNTABLE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    )]
}

#[cfg(test)]
mod tests {
    use k8s_api::core::v1::{ObjectReference, ServiceAccount};

    use super::{clean_secret_references, warnings};

    #[test]
    fn references_keep_names_only() {
        let reference = ObjectReference {
            name: "s".into(),
            uid: "u".into(),
            ..Default::default()
        };
        let mut account = ServiceAccount {
            secrets: vec![reference],
            ..Default::default()
        };
        clean_secret_references(&mut account);
        assert_eq!(
            account.secrets,
            [ObjectReference {
                name: "s".into(),
                ..Default::default()
            }]
        );
    }

    #[test]
    fn the_annotation_is_warned_about_once() {
        let mut account = ServiceAccount::default();
        account
            .metadata
            .annotations
            .insert("kubernetes.io/enforce-mountable-secrets", "true".to_owned());
        assert_eq!(
            warnings(&account, None),
            [
                "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
            ]
        );
        assert!(warnings(&account, Some(&account.clone())).is_empty());
    }
}
