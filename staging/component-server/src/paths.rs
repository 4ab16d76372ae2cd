//! [`AllowedPaths`]: paths that everybody may read (upstream: `authorization/path`).

use std::collections::HashSet;

use apiserver_auth::authorization::{Attributes, Authorization, Authorizer};
use async_trait::async_trait;

/// A path that cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only trailing * allowed in {0:?}")]
pub struct PathError(pub String);

/// Lets requests for some paths pass; has no opinion on others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedPaths {
    exact: HashSet<String>,
    prefixes: Vec<String>,
}

impl AllowedPaths {
    /// Of these paths; one that ends in `*` is a prefix, and a leading `/` may be left out.
    ///
    /// # Errors
    /// A `*` stands elsewhere than at the end.
    pub fn new<S: AsRef<str>>(paths: impl IntoIterator<Item = S>) -> Result<Self, PathError> {
        let mut allowed = Self::default();
        for path in paths {
            let path = path.as_ref();
            let path = path.strip_prefix('/').unwrap_or(path);
            let (head, wildcard) = path.strip_suffix('*').map_or((path, false), |head| (head, true));
            if head.contains('*') {
                return Err(PathError(path.to_owned()));
            }
            if wildcard {
                allowed.prefixes.push(head.to_owned());
            } else {
                allowed.exact.insert(head.to_owned());
            }
        }
        Ok(allowed)
    }

    fn allows(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        self.exact.contains(path) || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }
}

#[async_trait]
impl Authorizer for AllowedPaths {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        if !attributes.is_resource && self.allows(attributes.path) {
            Authorization::allow("")
        } else {
            Authorization::no_opinion("")
        }
    }
}
