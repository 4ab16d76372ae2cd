//! Admission: plugins that change and refuse writes, in one fixed order.
//!
//! First every plugin that changes objects, then, on the final object, every plugin that only
//! judges (upstream: `k8s.io/apiserver/pkg/admission`).

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use async_trait::async_trait;
use k8s_api::meta::v1::DeleteOptions;

use crate::{
    registry::{AnyObject, ObjectBox},
    request::RequestContext,
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
}

/// A plugin of the chain. Most implement one of the two hooks.
#[async_trait]
pub trait Plugin: Send + Sync + Debug + 'static {
    /// Its name in `--enable-admission-plugins`.
    fn name(&self) -> &'static str;

    /// Whether it looks at this operation at all.
    fn handles(&self, operation: Operation) -> bool;

    /// May change or refuse the object; `None` on deletions.
    ///
    /// # Errors
    /// The refusal, as the client sees it.
    async fn admit(&self, _attributes: &Attributes<'_>, _object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        Ok(())
    }

    /// May refuse the final object; `None` on deletions.
    ///
    /// # Errors
    /// The refusal, as the client sees it.
    async fn validate(&self, _attributes: &Attributes<'_>, _object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        Ok(())
    }
}

/// The plugins that are on, in their order.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    plugins: Arc<[Arc<dyn Plugin>]>,
}

impl Chain {
    /// A chain of these plugins in this order.
    #[must_use]
    pub fn new(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Self {
            plugins: plugins.into(),
        }
    }

    /// Names of the plugins, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.plugins.iter().map(|plugin| plugin.name()).collect()
    }

    /// Lets every plugin change the object.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn admit(
        &self,
        attributes: &Attributes<'_>,
        mut object: Option<&mut ObjectBox>,
    ) -> Result<(), StatusError> {
        for plugin in self
            .plugins
            .iter()
            .filter(|plugin| plugin.handles(attributes.operation))
        {
            plugin.admit(attributes, object.as_deref_mut()).await?;
        }
        Ok(())
    }

    /// Lets every plugin judge the object.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: Option<&dyn AnyObject>,
    ) -> Result<(), StatusError> {
        for plugin in self
            .plugins
            .iter()
            .filter(|plugin| plugin.handles(attributes.operation))
        {
            plugin.validate(attributes, object).await?;
        }
        Ok(())
    }
}
