//! Who may come in, and to do what.

use std::sync::Arc;

use apiserver_auth::authentication::{Anonymous, Chain, ClientCertificates, Credentials, RequestAuthenticator};
use apiserver_auth::authorization::{AlwaysAllow, Attributes, Authorizer};
use apiserver_auth::user::UserInfo;
use component_base::serving::DynamicCaBundle;
use component_server::reviews::Reviews;
use component_server::{Guard, RequestAttributes};
use http::Method;

/// What a request wants: a subresource of the node.
#[derive(Clone, Debug)]
pub struct NodeAttributes {
    /// The node's name.
    pub node: String,
}

/// Whether a path is `root` or lies below it.
fn below(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The subresources that allow a request, each for itself.
#[must_use]
pub(crate) fn subresources(path: &str) -> Vec<&'static str> {
    const FINE: [(&str, &str); 4] = [
        ("/pods", "pods"),
        ("/healthz", "healthz"),
        ("/configz", "configz"),
        ("/runningpods", "pods"),
    ];
    const COARSE: [(&str, &str); 6] = [
        ("/stats", "stats"),
        ("/metrics", "metrics"),
        ("/logs", "log"),
        ("/checkpoint", "checkpoint"),
        ("/statusz", "statusz"),
        ("/flagz", "configz"),
    ];
    let find = |table: &[(&str, &'static str)]| table.iter().find(|(root, _)| below(path, root)).map(|(_, it)| *it);
    let coarse = find(&COARSE).unwrap_or("proxy");
    find(&FINE).into_iter().chain([coarse]).collect()
}

pub(crate) fn verb(method: &Method) -> &'static str {
    match method.as_str() {
        "POST" => "create",
        "GET" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

impl RequestAttributes for NodeAttributes {
    fn attributes<'a>(&'a self, user: &'a UserInfo, method: &'a Method, path: &'a str) -> Vec<Attributes<'a>> {
        let each = subresources(path).into_iter().map(|subresource| Attributes {
            subresource,
            name: &self.node,
            path,
            ..Attributes::resource(user, verb(method), "", "v1", "nodes")
        });
        each.collect()
    }
}

/// How callers are judged.
pub struct Access {
    /// Authorities whose client certificates name users.
    pub client_cas: Option<Arc<DynamicCaBundle>>,
    /// Reviews by the API server, and how long a verdict about a token is kept; none reviews no tokens.
    pub tokens: Option<(Reviews, std::time::Duration)>,
    /// Whether requests without credentials come through as `system:anonymous`.
    pub anonymous: bool,
    /// Reviews of what callers may do, with the times that verdicts are kept; none allows everything.
    pub authorization: Option<(Reviews, std::time::Duration, std::time::Duration)>,
}

impl Access {
    /// The guard of a node's API.
    #[must_use]
    pub fn guard(&self, node: &str) -> Guard {
        let mut authenticators: Vec<Arc<dyn RequestAuthenticator>> = Vec::new();
        if let Some(authorities) = &self.client_cas {
            authenticators.push(Arc::new(ClientCertificates::new(authorities.clone())));
        }
        if let Some((reviews, ttl)) = &self.tokens {
            authenticators.extend(reviews.token_authenticators(*ttl));
        }
        let anonymous = self.anonymous.then(Anonymous::default);
        let chain = Chain::new(authenticators, anonymous, Credentials::default());
        let authorizer: Arc<dyn Authorizer> = match &self.authorization {
            Some((reviews, allowed, refused)) => Arc::new(reviews.authorizer(*allowed, *refused)),
            None => Arc::new(AlwaysAllow),
        };
        let node = node.to_owned();
        Guard::new(chain, authorizer).with_attributes(NodeAttributes { node })
    }
}
