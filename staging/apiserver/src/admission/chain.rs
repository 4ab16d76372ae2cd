//! Plugins and their order.

use std::{fmt::Debug, sync::Arc};

use apimachinery::status::StatusError;
use async_trait::async_trait;

use super::{Attributes, Operation};
use crate::registry::{AnyObject, ObjectBox};

/// A plugin of the chain. Most implement one of the two hooks.
#[async_trait]
pub trait Plugin: Send + Sync + Debug + 'static {
    /// Its name in `--enable-admission-plugins`.
    fn name(&self) -> &'static str;

    /// Whether it looks at this operation at all.
    fn handles(&self, operation: Operation) -> bool;

    /// Whether it ever looks at this resource or a subresource of it. Asked once an endpoint, so that a
    /// request pays only for the plugins that its resource concerns.
    fn concerns(&self, _group: &str, _resource: &str) -> bool {
        true
    }

    /// Whether [`Plugin::admit`] does anything.
    fn mutates(&self) -> bool {
        true
    }

    /// Whether [`Plugin::validate`] does anything.
    fn validates(&self) -> bool {
        true
    }

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
    mutating: Arc<[Arc<dyn Plugin>]>,
    validating: Arc<[Arc<dyn Plugin>]>,
}

impl Chain {
    /// A chain of these plugins in this order.
    #[must_use]
    pub fn new(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        let of =
            |wanted: fn(&dyn Plugin) -> bool| plugins.iter().filter(move |plugin| wanted(plugin.as_ref())).cloned();
        Self {
            mutating: of(|plugin| plugin.mutates()).collect(),
            validating: of(|plugin| plugin.validates()).collect(),
            plugins: plugins.into(),
        }
    }

    /// The plugins that a resource concerns, in the same order.
    #[must_use]
    pub fn for_resource(&self, group: &str, resource: &str) -> Self {
        let concerned = self.plugins.iter().filter(|plugin| plugin.concerns(group, resource));
        Self::new(concerned.cloned().collect())
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
        for plugin in self.mutating.iter() {
            if plugin.handles(attributes.operation) {
                plugin.admit(attributes, object.as_deref_mut()).await?;
            }
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
        for plugin in self.validating.iter() {
            if plugin.handles(attributes.operation) {
                plugin.validate(attributes, object).await?;
            }
        }
        Ok(())
    }
}
