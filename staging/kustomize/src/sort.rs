//! The order of the objects.

use crate::Result;
use crate::error::refuse;
use crate::kustomization::{LegacySortOptions, SortOptions};
use crate::resource::Resource;
use crate::resources::Resources;

/// Kinds that others depend on.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that would be in the way of others.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

fn place<S: AsRef<str>>(kind: &str, first: &[S], last: &[S]) -> i32 {
    let at = |kinds: &[S]| kinds.iter().rposition(|known| known.as_ref() == kind);
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    match (at(first), at(last)) {
        (_, Some(at)) => number(at) + 1,
        (Some(at), None) => number(at) - number(first.len()),
        (None, None) => 0,
    }
}

/// Where a kind stands by default; 0 for those in the middle.
pub(crate) fn kind_order(kind: &str) -> i32 {
    place(kind, &FIRST, &LAST)
}

/// Sorts the resources as the kustomization says, by default with those first that others depend on.
///
/// # Errors
/// The options contradict each other.
pub(crate) fn sort(resources: &mut Resources, options: Option<&SortOptions>) -> Result<()> {
    let default = SortOptions {
        order: "legacy".to_owned(),
        legacy_sort_options: None,
    };
    let options = options.unwrap_or(&default);
    match (options.order.as_str(), &options.legacy_sort_options) {
        ("fifo", None) => {}
        ("fifo", Some(_)) => {
            return Err(refuse!(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'"
            ));
        }
        ("legacy", None) => sort_by(resources, &FIRST, &LAST),
        (
            "legacy",
            Some(LegacySortOptions {
                order_first,
                order_last,
            }),
        ) => sort_by(resources, order_first, order_last),
        _ => return Err(refuse!("the field 'sortOptions.order' must be one of [fifo, legacy]")),
    }
    Ok(())
}

fn sort_by<S: AsRef<str>>(resources: &mut Resources, first: &[S], last: &[S]) {
    let key = |resource: &Resource| {
        let id = resource.id();
        let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
        (
            place(&id.gvk.kind, first, last),
            id.gvk.sort_text(),
            format!("{}|{}|{}", id.gvk, or(&id.namespace, "~X"), or(&id.name, "~N")),
        )
    };
    resources.0.sort_by_cached_key(key);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_depend_on_comes_first() {
        let resource = |kind: &str, name: &str| {
            Resource::new(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}))
        };
        let kinds = [
            ("ValidatingWebhookConfiguration", "w"),
            ("Pod", "b"),
            ("Service", "s"),
            ("Pod", "a"),
            ("Namespace", "n"),
        ];
        let sorted = |options: Option<&SortOptions>| {
            let mut resources = Resources(kinds.iter().map(|(kind, name)| resource(kind, name)).collect());
            sort(&mut resources, options).map(|()| {
                let names: Vec<&str> = resources.0.iter().map(|resource| resource.metadata("name")).collect();
                names.concat()
            })
        };
        let options = |order: &str, legacy| SortOptions {
            order: order.to_owned(),
            legacy_sort_options: legacy,
        };
        let legacy = || LegacySortOptions {
            order_first: vec!["Pod".to_owned()],
            order_last: vec!["Namespace".to_owned()],
        };
        assert_eq!(sorted(None).expect("an order"), "nsabw");
        assert_eq!(sorted(Some(&options("fifo", None))).expect("an order"), "wbsan");
        assert_eq!(
            sorted(Some(&options("legacy", Some(legacy())))).expect("an order"),
            "abswn"
        );
        for (options, expected) in [
            (
                options("x", None),
                "the field 'sortOptions.order' must be one of [fifo, legacy]",
            ),
            (
                options("fifo", Some(legacy())),
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
            ),
        ] {
            assert_eq!(sorted(Some(&options)).expect_err("refused").to_string(), expected);
        }
    }
}
