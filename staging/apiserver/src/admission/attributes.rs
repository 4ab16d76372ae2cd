//! What a plugin is told of a write.

use std::fmt::Display;

use apimachinery::status::{GroupResource, StatusError};
use k8s_api::meta::v1::{DeleteOptions, Status};

use super::Reinvocation;
use crate::{
    registry::{AnyObject, VersionCodec},
    request::{RequestContext, UserInfo},
};

/// What a write does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change of an existing object.
    Update,
    /// A removal.
    Delete,
    /// A stream or proxied request to the object (`exec`, `proxy`, …).
    Connect,
}

impl Operation {
    /// The name in webhook configurations and error messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// The group, version and name of a kind or resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupVersionName {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind, or plural resource name.
    pub name: String,
}

/// The options that came with a write, as far as admission may look at them.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Nothing is to be stored.
    pub dry_run: bool,
    /// The field manager, as the client gave it.
    pub field_manager: String,
    /// `Ignore`, `Warn` or `Strict`, as the client gave it.
    pub field_validation: String,
    /// `force` of a server-side apply.
    pub force: Option<bool>,
    /// Present on deletions.
    pub delete: Option<DeleteOptions>,
}

/// What a plugin is told of a write.
#[derive(Debug)]
pub struct Attributes<'a> {
    /// The request.
    pub request: &'a RequestContext,
    /// Kind of the object in the request's version.
    pub kind: &'a GroupVersionName,
    /// The resource in the request's path.
    pub resource: &'a GroupVersionName,
    /// The subresource in the request's path; empty for none.
    pub subresource: &'a str,
    /// The object's namespace; empty for cluster-scoped objects.
    pub namespace: &'a str,
    /// The object's name; empty if it is still to be generated.
    pub name: &'a str,
    /// What is done.
    pub operation: Operation,
    /// How.
    pub options: &'a WriteOptions,
    /// The object before; `None` on creation.
    pub old: Option<&'a dyn AnyObject>,
    /// The codec of [`Attributes::kind`]; `None` where the objects are of that very kind and nobody may rewrite them.
    pub codec: Option<&'a dyn VersionCodec>,
    /// Which round of mutating admission this is.
    pub reinvocation: Reinvocation,
}

impl<'a> Attributes<'a> {
    /// Whether the request is for this resource or a subresource of it.
    #[must_use]
    pub fn is(&self, group: &str, resource: &str) -> bool {
        self.resource.name == resource && self.resource.group == group
    }

    /// Whether the request is for this resource itself.
    #[must_use]
    pub fn is_main(&self, group: &str, resource: &str) -> bool {
        self.subresource.is_empty() && self.is(group, resource)
    }

    /// Who asks.
    #[must_use]
    pub fn user(&self) -> &'a UserInfo {
        &self.request.user
    }

    /// The resource, as errors name it.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource<'a> {
        GroupResource::new(&self.resource.group, &self.resource.name)
    }

    /// The object before as a `T`, if there was one.
    #[must_use]
    pub fn old_as<T: 'static>(&self) -> Option<&'a T> {
        self.old?.downcast_ref()
    }

    /// A refusal. It names `object` where the request's path does not.
    #[must_use]
    pub fn forbidden(&self, object: Option<&dyn AnyObject>, reason: impl Display) -> StatusError {
        let metadata = object.map(AnyObject::metadata);
        let name = match metadata {
            _ if !self.name.is_empty() => self.name,
            Some(metadata) if !metadata.name.is_empty() => &metadata.name,
            Some(metadata) if !metadata.generate_name.is_empty() => &metadata.generate_name,
            _ => "Unknown",
        };
        StatusError::forbidden(self.group_resource(), name, reason)
    }
}

/// An error that upstream does not dress as a Status of its own: code 500 without a reason.
#[must_use]
pub fn plain_error(message: impl Into<String>) -> StatusError {
    StatusError::from(Status {
        status: "Failure".to_owned(),
        code: 500,
        message: message.into(),
        ..Status::default()
    })
}
