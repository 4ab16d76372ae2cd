//! Metadata of the kinds of the core group, whose finalizers need a domain unless they are Kubernetes' own.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::meta::v1::ObjectMeta;

use super::{NameCheck, validate_object_meta, validate_object_meta_update};

const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Checks that a finalizer without a domain is one that Kubernetes knows.
#[must_use]
pub fn validate_standard_finalizer(name: &str, path: &Path<'_>) -> Option<Error> {
    let fault = !name.contains('/') && !STANDARD_FINALIZERS.contains(&name);
    fault.then(|| {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        Error::invalid(path, name, detail)
    })
}

/// [`validate_object_meta`] for the core group.
#[must_use]
pub fn validate_core_object_meta(
    meta: &ObjectMeta,
    namespaced: bool,
    rule: impl NameCheck,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = validate_object_meta(meta, namespaced, rule, path);
    errors.append(standard_finalizers(meta, path));
    errors
}

/// [`validate_object_meta_update`] for the core group.
#[must_use]
pub fn validate_core_object_meta_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_object_meta_update(new, old, path);
    errors.append(standard_finalizers(new, path));
    errors
}

fn standard_finalizers(meta: &ObjectMeta, path: &Path<'_>) -> ErrorList {
    let path = path.child("finalizers");
    let finalizers = meta.finalizers.iter().enumerate();
    finalizers
        .filter_map(|(index, name)| validate_standard_finalizer(name, &path.index(index)))
        .collect()
}

#[cfg(test)]
mod tests {
    use apimachinery::field::Path;
    use k8s_api::meta::v1::ObjectMeta;

    use super::validate_core_object_meta;
    use crate::meta::NameRule;

    #[test]
    fn finalizers_without_a_domain_are_known_ones() {
        let meta = ObjectMeta {
            name: "a".into(),
            namespace: "b".into(),
            finalizers: vec!["kubernetes".into(), "mine".into()],
            ..ObjectMeta::default()
        };
        let errors = validate_core_object_meta(&meta, true, NameRule::Dns1123Label, &Path::new("metadata"));
        assert_eq!(
            errors.to_string(),
            r#"metadata.finalizers[1]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified"#
        );
    }
}
