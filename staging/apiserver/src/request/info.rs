//! Takes a path and method apart into verb, resource and names
//! (upstream: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`).
//!
//! **Invariant:** authorization and dispatch both work on this one parse of the decoded path
//! segments; nothing later looks at the raw path to decide what is accessed.

use std::borrow::Cow;

use apiserver_auth::{
    authorization::{Attributes, exact_name},
    user::UserInfo,
};
use http::Method;
use percent_encoding::percent_decode_str;

/// Whether a request is for one object's collection in a namespace or for the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Below `namespaces/NAME`.
    Namespace,
    /// Everywhere, or a cluster-scoped resource.
    Cluster,
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// Whether the path names an API resource; otherwise only [`RequestInfo::path`] and [`RequestInfo::verb`] say something.
    pub is_resource_request: bool,
    /// The path, decoded, as authorization sees it for non-resource requests.
    pub path: String,
    /// API verb (`get`, `list`, `watch`, `create`, …), or the lower-case HTTP method for non-resource requests.
    pub verb: String,
    /// `api` or `apis`.
    pub api_prefix: String,
    /// API group; empty for the core group.
    pub api_group: String,
    /// API version.
    pub api_version: String,
    /// Namespace; empty for cluster-scoped resources and for requests across all namespaces.
    pub namespace: String,
    /// Plural resource name.
    pub resource: String,
    /// Subresource; empty for none.
    pub subresource: String,
    /// Object name; empty for collections.
    pub name: String,
    /// All path segments from the resource on.
    pub parts: Vec<String>,
    /// `fieldSelector` of list, watch and deletecollection, raw.
    pub field_selector: String,
    /// `labelSelector` of list, watch and deletecollection, raw.
    pub label_selector: String,
}

/// Subresources of a namespace object: these are not resources inside the namespace.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

impl RequestInfo {
    /// Parses a request's method, raw path and raw query.
    #[must_use]
    pub fn parse(method: &Method, raw_path: &str, raw_query: &str) -> Self {
        let path = percent_decode_str(raw_path).decode_utf8_lossy();
        let mut info = Self {
            path: path.clone().into_owned(),
            verb: method.as_str().to_lowercase(),
            ..Self::default()
        };
        let segments = split(raw_path);
        let mut rest: &[Cow<'_, str>] = &segments;
        if rest.len() < 3 || !matches!(rest[0].as_ref(), "api" | "apis") {
            return info;
        }
        info.api_prefix = rest[0].clone().into_owned();
        rest = &rest[1..];
        if info.api_prefix == "apis" {
            if rest.len() < 3 {
                return info;
            }
            info.api_group = rest[0].clone().into_owned();
            rest = &rest[1..];
        }
        info.is_resource_request = true;
        info.api_version = rest[0].clone().into_owned();
        rest = &rest[1..];
        let mut legacy_verb = None;
        // Deprecated prefixes: the verb stands in the path.
        if let word @ ("watch" | "proxy") = rest[0].as_ref() {
            if rest.len() < 2 {
                return Self {
                    is_resource_request: false,
                    ..info
                };
            }
            legacy_verb = Some(word.to_owned());
            rest = &rest[1..];
        }
        info.take_names(rest);
        info.verb = legacy_verb.unwrap_or_else(|| verb_of(method).to_owned());
        info.take_query(raw_query);
        info
    }

    fn take_names(&mut self, mut rest: &[Cow<'_, str>]) {
        if let [first, namespace, ..] = rest
            && first == "namespaces"
        {
            namespace.as_ref().clone_into(&mut self.namespace);
            // `namespaces/x` is the namespace itself; anything further lies inside it, but for
            // the namespace's own subresources.
            if rest.len() > 2 && !NAMESPACE_SUBRESOURCES.contains(&rest[2].as_ref()) {
                rest = &rest[2..];
            }
        }
        self.parts = rest.iter().map(|s| s.clone().into_owned()).collect();
        if let Some(resource) = self.parts.first() {
            self.resource.clone_from(resource);
        }
        if let Some(name) = self.parts.get(1) {
            self.name.clone_from(name);
        }
        // Behind `proxy` and the like the rest of the path belongs to the backend.
        if let Some(subresource) = self.parts.get(2) {
            self.subresource.clone_from(subresource);
        }
    }

    fn take_query(&mut self, raw_query: &str) {
        let collection = self.name.is_empty();
        if collection && self.verb == "get" {
            let watch = form_urlencoded::parse(raw_query.as_bytes())
                .filter(|(key, _)| key == "watch")
                .map(|(_, value)| is_true(&value))
                .last()
                .unwrap_or(false);
            self.verb = if watch { "watch" } else { "list" }.to_owned();
        }
        if collection && self.verb == "delete" {
            self.verb = "deletecollection".to_owned();
        }
        if !matches!(self.verb.as_str(), "list" | "watch" | "deletecollection") {
            return;
        }
        for (key, value) in form_urlencoded::parse(raw_query.as_bytes()) {
            match key.as_ref() {
                "fieldSelector" => self.field_selector = value.into_owned(),
                "labelSelector" => self.label_selector = value.into_owned(),
                _ => {}
            }
        }
        // A selector that names one object narrows the request to it, which authorization may rely on.
        if collection
            && self.verb != "deletecollection"
            && let Some(name) = exact_name(&self.field_selector)
        {
            self.name = name;
        }
    }

    /// The request of `user` in the terms of authorization.
    #[must_use]
    pub fn attributes<'a>(&'a self, user: &'a UserInfo) -> Attributes<'a> {
        if !self.is_resource_request {
            return Attributes::non_resource(user, &self.verb, &self.path);
        }
        let resource = Attributes::resource(user, &self.verb, &self.api_group, &self.api_version, &self.resource);
        Attributes {
            subresource: &self.subresource,
            namespace: &self.namespace,
            name: &self.name,
            path: &self.path,
            ..resource
        }
        .with_selectors(&self.field_selector, &self.label_selector)
    }

    /// `resource` or `resource/subresource`.
    #[must_use]
    pub fn resource_path(&self) -> Cow<'_, str> {
        if self.subresource.is_empty() {
            Cow::Borrowed(&self.resource)
        } else {
            Cow::Owned(format!("{}/{}", self.resource, self.subresource))
        }
    }

    /// Whether the request stays open by its nature: watches and streams are not bounded by the
    /// request timeout and take no place among the requests in flight.
    #[must_use]
    pub fn is_long_running(&self) -> bool {
        if !self.is_resource_request {
            return self.path.starts_with("/debug/pprof/");
        }
        matches!(self.verb.as_str(), "watch" | "proxy")
            || matches!(
                self.subresource.as_str(),
                "attach" | "exec" | "proxy" | "log" | "portforward"
            )
    }

    /// Where the request looks.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.namespace.is_empty() {
            Scope::Cluster
        } else {
            Scope::Namespace
        }
    }
}

/// Path segments, decoded one by one so that an encoded slash stays inside its segment.
fn split(raw_path: &str) -> Vec<Cow<'_, str>> {
    let trimmed = raw_path.trim_matches('/');
    if trimmed.is_empty() {
        return Vec::new();
    }
    trimmed
        .split('/')
        .map(|s| percent_decode_str(s).decode_utf8_lossy())
        .collect()
}

fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// Query booleans as upstream decodes them: present without a value is true.
fn is_true(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "false" | "0")
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::RequestInfo;

    fn parse(method: Method, target: &str) -> RequestInfo {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        RequestInfo::parse(&method, path, query)
    }

    #[test]
    fn resource_paths() {
        // (method, target) → (verb, group, version, namespace, resource, subresource, name)
        let cases = [
            (Method::GET, "/api/v1/pods", ["list", "", "v1", "", "pods", "", ""]),
            (
                Method::GET,
                "/api/v1/pods?watch=true",
                ["watch", "", "v1", "", "pods", "", ""],
            ),
            (
                Method::GET,
                "/api/v1/pods?watch",
                ["watch", "", "v1", "", "pods", "", ""],
            ),
            (
                Method::GET,
                "/api/v1/pods?watch=0",
                ["list", "", "v1", "", "pods", "", ""],
            ),
            (
                Method::GET,
                "/api/v1/namespaces/a/pods/b",
                ["get", "", "v1", "a", "pods", "", "b"],
            ),
            (
                Method::GET,
                "/api/v1/namespaces/a/pods/b/log",
                ["get", "", "v1", "a", "pods", "log", "b"],
            ),
            (
                Method::PUT,
                "/api/v1/namespaces/a/status",
                ["update", "", "v1", "a", "namespaces", "status", "a"],
            ),
            (
                Method::PUT,
                "/api/v1/namespaces/a/finalize",
                ["update", "", "v1", "a", "namespaces", "finalize", "a"],
            ),
            (
                Method::GET,
                "/api/v1/namespaces/a",
                ["get", "", "v1", "a", "namespaces", "", "a"],
            ),
            (
                Method::GET,
                "/api/v1/namespaces",
                ["list", "", "v1", "", "namespaces", "", ""],
            ),
            (
                Method::DELETE,
                "/apis/apps/v1/namespaces/a/deployments",
                ["deletecollection", "apps", "v1", "a", "deployments", "", ""],
            ),
            (
                Method::PATCH,
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                ["patch", "apps", "v1", "a", "deployments", "scale", "d"],
            ),
            (
                Method::GET,
                "/api/v1/watch/namespaces/a/pods",
                ["watch", "", "v1", "a", "pods", "", ""],
            ),
            (
                Method::GET,
                "/api/v1/pods?fieldSelector=metadata.name%3Dx",
                ["list", "", "v1", "", "pods", "", "x"],
            ),
            (
                Method::POST,
                "/api/v1/nodes/n%2fm/proxy/a/b",
                ["create", "", "v1", "", "nodes", "proxy", "n/m"],
            ),
        ];
        for (method, target, expected) in cases {
            let info = parse(method, target);
            assert!(info.is_resource_request, "{target}");
            let seen = [
                info.verb.as_str(),
                &info.api_group,
                &info.api_version,
                &info.namespace,
                &info.resource,
                &info.subresource,
                &info.name,
            ];
            assert_eq!(seen, expected, "{target}");
        }
    }

    #[test]
    fn other_paths() {
        for target in [
            "/",
            "/healthz",
            "/api",
            "/api/v1",
            "/apis/apps",
            "/apis/apps/v1",
            "/openapi/v2",
            "/api/v1/watch",
        ] {
            let info = parse(Method::GET, target);
            assert!(!info.is_resource_request, "{target}");
            assert_eq!(info.verb, "get", "{target}");
        }
        let escaped = "/api/v1/pods?fieldSelector=spec.nodeName!%3Dx%5C,metadata.name%3Dy";
        assert_eq!(
            parse(Method::GET, escaped).name,
            "",
            "an escaped comma begins no requirement"
        );
        assert_eq!(
            parse(Method::DELETE, "/api/v1/pods?fieldSelector=metadata.name%3Dx").name,
            ""
        );
        assert!(parse(Method::GET, "/api/v1/pods?watch=1").is_long_running());
        assert!(!parse(Method::GET, "/api/v1/pods").is_long_running());
    }
}
