//! What is registered, held against the tables of what the API has.

use std::collections::BTreeSet;

use apiserver::{
    endpoints::Subresource,
    registry::{Column, metadata_columns},
};
use k8s_api::{apps::v1::Deployment, scheme};
use serde_json::json;

use crate::{
    Registration, Settings,
    core::{
        component_status,
        tests::{object, with_context},
    },
};

/// Columns by group, version and resource, as lines of text.
const COLUMNS: &str = include_str!("../../../../api/columns.tsv");

/// What is created, asked or streamed and not stored; the control plane's own.
const NOT_STORED: &[&str] = &["authentication.k8s.io", "authorization.k8s.io"];

fn all() -> Vec<Registration> {
    crate::all(&Settings { allow_privileged: true })
}

/// The subresources that change the stored object.
const UPDATES: &[&str] = &[
    "approval",
    "ephemeralcontainers",
    "finalize",
    "resize",
    "scale",
    "status",
];

#[test]
fn every_stored_resource_is_registered_once() {
    let registered: Vec<String> = all()
        .iter()
        .flat_map(|registration| registration.versions.iter().map(|version| path(version.info)))
        .collect();
    let distinct: BTreeSet<String> = registered.iter().cloned().collect();
    assert_eq!(registered.len(), distinct.len(), "a resource is registered twice");
    let expected: BTreeSet<String> = scheme::resources()
        .iter()
        .filter(|info| !NOT_STORED.contains(&info.group) && !matches!(info.plural, "bindings" | "componentstatuses"))
        .map(path)
        .collect();
    assert_eq!(distinct, expected);
}

fn path(info: &scheme::ResourceInfo) -> String {
    format!("{}/{}/{}", info.group, info.version, info.plural)
}

#[test]
fn keys_are_distinct() {
    let all = all();
    let keys: BTreeSet<&str> = all.iter().map(|registration| registration.key).collect();
    assert_eq!(keys.len(), all.len());
    for key in &keys {
        let below = keys.iter().find(|other| other.starts_with(&format!("{key}/")));
        assert_eq!(
            below, None,
            "objects of {key} would be taken for those of another resource"
        );
    }
}

#[test]
fn every_endpoint_that_updates_is_there() {
    for registration in all() {
        for version in &registration.versions {
            for subresource in version.info.subresources {
                let registered = registration.subresources.get(*subresource);
                let right = match registered {
                    None => !UPDATES.contains(subresource),
                    Some(Subresource::Scale(_)) => *subresource == "scale",
                    Some(_) => *subresource != "scale",
                };
                assert!(right, "{}/{subresource}: {registered:?}", path(version.info));
            }
            for subresource in registration.subresources.keys() {
                assert!(
                    version.info.subresources.contains(&subresource.as_str()),
                    "{}/{subresource}",
                    path(version.info)
                );
            }
        }
    }
}

#[test]
fn indexes_and_renamed_fields_are_selectable() {
    for registration in all() {
        let fields = registration.strategy.selectable_fields();
        let known = |name: &str| name.starts_with("metadata.") || fields.iter().any(|field| field.name == name);
        for name in registration.indexed {
            assert!(known(name), "{}: {name}", registration.key);
        }
        for (_, name) in registration.versions.iter().flat_map(|version| version.field_names) {
            assert!(known(name), "{}: {name}", registration.key);
        }
    }
}

fn lines(info: &scheme::ResourceInfo, columns: &[Column]) -> String {
    let line = |column: &Column| {
        let Column {
            name,
            ty,
            format,
            priority,
            ..
        } = column;
        let scheme::ResourceInfo {
            group, version, plural, ..
        } = info;
        format!("{group}\t{version}\t{plural}\t{name}\t{ty}\t{format}\t{priority}\n")
    };
    columns.iter().map(line).collect()
}

fn expected(info: &scheme::ResourceInfo) -> String {
    let prefix = format!("{}\t{}\t{}\t", info.group, info.version, info.plural);
    let of_resource = COLUMNS.lines().filter(|line| line.starts_with(&prefix));
    of_resource.map(|line| format!("{line}\n")).collect()
}

fn columns(registration: &Registration) -> Vec<Column> {
    registration
        .table
        .as_ref()
        .map_or_else(metadata_columns, |table| table.columns())
}

#[test]
fn columns_are_those_of_the_table() {
    for registration in all() {
        for version in &registration.versions {
            assert_eq!(lines(version.info, &columns(&registration)), expected(version.info));
        }
    }
    let statuses = scheme::resource("", "v1", "componentstatuses").expect("a resource");
    assert_eq!(lines(statuses, component_status::COLUMNS), expected(statuses));
}

#[test]
fn templates_are_unprivileged_where_pods_are() {
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "terminationGracePeriodSeconds": 30,
        "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always", "terminationMessagePolicy": "File",
            "securityContext": {"privileged": true}}],
    }});
    let deployment: Deployment = object(json!({
        "metadata": {"name": "d", "namespace": "n"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "strategy": {"type": "Recreate"}, "template": template},
    }));
    for (allow_privileged, expected) in [
        (true, ""),
        (
            false,
            "spec.template.spec.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy",
        ),
    ] {
        let deployments = crate::apps::deployment::registration(&Settings { allow_privileged });
        let errors = with_context("apps", |context| deployments.strategy.validate(context, &deployment));
        assert_eq!(errors.to_string(), expected);
    }
}
