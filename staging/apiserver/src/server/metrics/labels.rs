//! What a request is counted as.

use http::{Method, header};

use crate::{
    admission::GroupVersionName,
    endpoints::{Call, Endpoint},
};

/// The component of everything but documents and health.
pub(super) const COMPONENT: &str = "apiserver";
pub(super) const OTHER_METHOD: &str = "other";
/// Subresources that connect to something else.
const CONNECTS: [&str; 5] = ["log", "exec", "portforward", "attach", "proxy"];
pub(super) const LABELS: [&str; 7] = [
    "verb",
    "group",
    "version",
    "resource",
    "subresource",
    "scope",
    "component",
];

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Labels<'a> {
    pub(super) verb: &'static str,
    pub(super) dry_run: &'static str,
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) resource: &'a str,
    pub(super) subresource: &'a str,
    pub(super) scope: &'static str,
    pub(super) component: &'static str,
}

fn dry_run(call: &Call<'_>) -> &'static str {
    let mut values = call.query.all("dryRun");
    match values.next() {
        None => "",
        Some("All") if values.all(|value| value == "All") => "All",
        Some(_) => "invalid",
    }
}

fn verb(call: &Call<'_>, scope: &str) -> &'static str {
    let info = &call.context.info;
    if info.is_resource_request && CONNECTS.contains(&info.subresource.as_str()) {
        return "CONNECT";
    }
    match call.method {
        Method::GET | Method::HEAD if info.verb == "watch" => "WATCH",
        Method::GET | Method::HEAD if matches!(scope, "resource" | "") => "GET",
        Method::GET | Method::HEAD => "LIST",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH if call.header(header::CONTENT_TYPE) == "application/apply-patch+yaml" => "APPLY",
        Method::PATCH => "PATCH",
        _ => OTHER_METHOD,
    }
}

impl<'a> Labels<'a> {
    /// Those of a request for a resource.
    pub(super) fn of_resource(call: &'a Call<'_>, endpoint: &'a Endpoint) -> Self {
        let info = &call.context.info;
        let scope = if !info.name.is_empty() || call.method == Method::POST {
            "resource"
        } else if !info.namespace.is_empty() {
            "namespace"
        } else {
            "cluster"
        };
        let GroupVersionName { group, version, name } = &endpoint.resource;
        Self {
            verb: verb(call, scope),
            dry_run: dry_run(call),
            group,
            version,
            resource: name,
            subresource: &info.subresource,
            scope,
            component: COMPONENT,
        }
    }

    /// Those of a document or a health check, which goes by its path.
    pub(super) fn of_path(call: &Call<'_>, path: &'static str) -> Self {
        Self {
            verb: verb(call, ""),
            dry_run: "",
            group: "",
            version: "",
            resource: "",
            subresource: path,
            scope: "",
            component: "",
        }
    }

    pub(super) fn values(&self) -> [&'a str; 7] {
        [
            self.verb,
            self.group,
            self.version,
            self.resource,
            self.subresource,
            self.scope,
            self.component,
        ]
    }

    pub(super) fn values_with_dry_run(&self) -> [&'a str; 8] {
        let [verb, rest @ ..] = self.values();
        let [group, version, resource, subresource, scope, component] = rest;
        [
            verb,
            self.dry_run,
            group,
            version,
            resource,
            subresource,
            scope,
            component,
        ]
    }
}
