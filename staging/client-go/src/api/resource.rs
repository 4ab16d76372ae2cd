//! A resource in a namespace: its paths, and its requests as bytes.

use std::fmt;

use http::Method;
use k8s_api::Object;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rest::{Client, Error, Request};

/// What may stand in a path segment as it is.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

/// Group, version and plural name of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupVersionResource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural name.
    pub resource: String,
}

impl GroupVersionResource {
    /// Puts the three together.
    pub fn new(group: impl Into<String>, version: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            resource: resource.into(),
        }
    }

    /// The resource of a built-in kind.
    #[must_use]
    pub fn of<T: Object>() -> Self {
        Self::new(T::GROUP, T::VERSION, T::PLURAL)
    }

    /// `group/version`, or the version alone.
    #[must_use]
    pub fn group_version(&self) -> String {
        k8s_api::scheme::api_version(&self.group, &self.version)
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

/// A resource of one server, in one namespace or across them.
#[derive(Clone, Debug)]
pub struct Resource {
    client: Client,
    resource: GroupVersionResource,
    namespace: Option<String>,
}

impl Resource {
    /// A resource by its names.
    #[must_use]
    pub fn new(client: Client, resource: GroupVersionResource, namespace: Option<String>) -> Self {
        Self {
            client,
            resource,
            namespace: namespace.filter(|namespace| !namespace.is_empty()),
        }
    }

    pub(super) fn of<T: Object>(client: Client, namespace: Option<String>) -> Self {
        Self::new(client, GroupVersionResource::of::<T>(), namespace)
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Group, version and plural name.
    #[must_use]
    pub fn names(&self) -> &GroupVersionResource {
        &self.resource
    }

    /// The namespace, unless it is across them.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The path of the collection, or of an object and its subresource in it.
    #[must_use]
    pub fn path(&self, name: Option<&str>, subresource: Option<&str>) -> String {
        let GroupVersionResource {
            group,
            version,
            resource,
        } = &self.resource;
        let mut path = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let segments = [
            self.namespace.as_deref().map(|_| "namespaces"),
            self.namespace.as_deref(),
            Some(resource),
            name,
        ];
        for segment in segments.into_iter().flatten() {
            path.push('/');
            path.extend(utf8_percent_encode(segment, &SEGMENT));
        }
        // A subresource may have a path of its own, as proxies have.
        if let Some(subresource) = subresource {
            path.push('/');
            path.push_str(subresource);
        }
        path
    }

    /// A request for the collection.
    #[must_use]
    pub fn collection(&self, method: Method) -> Request {
        self.client
            .request(method, self.path(None, None))
            .about(&self.resource.group, &self.resource.resource, "")
    }

    /// A request for an object or its subresource.
    ///
    /// # Errors
    /// The name is empty, or none that an object can have.
    pub fn object(&self, method: Method, name: &str, subresource: Option<&str>) -> Result<Request, Error> {
        if name.is_empty() {
            return Err(Error::Invalid("resource name may not be empty".to_owned()));
        }
        if let Some(error) = apimachinery::names::path_segment_name(name).first() {
            return Err(Error::Invalid(format!(
                "invalid resource name {}: [{error}]",
                k8s_api::primitives::quote(name)
            )));
        }
        let path = self.path(Some(name), subresource);
        Ok(self
            .client
            .request(method, path)
            .about(&self.resource.group, &self.resource.resource, name))
    }
}
