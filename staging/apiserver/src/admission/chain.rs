//! Plugins and their order.

use std::{fmt::Debug, sync::Arc, time::Instant};

use apimachinery::{apply::manager::validate_managed_fields, status::StatusError};
use async_trait::async_trait;
use k8s_api::meta::v1::ManagedFieldsEntry;

use super::{
    Attributes, Operation,
    metrics::{AdmissionMetrics, Durations, Phase},
};
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

/// A plugin in one phase.
#[derive(Clone, Debug)]
struct Step {
    plugin: Arc<dyn Plugin>,
    durations: Option<Arc<Durations>>,
}

/// The plugins of one phase.
#[derive(Clone, Debug, Default)]
struct Steps {
    steps: Arc<[Step]>,
    durations: Option<Arc<Durations>>,
}

impl Steps {
    fn of(plugins: &[Arc<dyn Plugin>], phase: Phase, metrics: Option<&AdmissionMetrics>) -> Self {
        let in_phase = plugins.iter().filter(|plugin| match phase {
            Phase::Admit => plugin.mutates(),
            Phase::Validate => plugin.validates(),
        });
        let steps = in_phase.map(|plugin| Step {
            plugin: plugin.clone(),
            durations: metrics.map(|metrics| metrics.plugin(plugin.name(), phase)),
        });
        Self {
            steps: steps.collect(),
            durations: metrics.map(|metrics| metrics.phase(phase)),
        }
    }

    fn for_resource(&self, group: &str, resource: &str) -> Self {
        let concerned = self.steps.iter().filter(|step| step.plugin.concerns(group, resource));
        Self {
            steps: concerned.cloned().collect(),
            durations: self.durations.clone(),
        }
    }

    /// The steps that look at the operation.
    fn handling(&self, operation: Operation) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.plugin.handles(operation))
    }
}

/// Notes how long one plugin after the other takes, and all of them.
struct Watch<'a> {
    operation: Operation,
    total: Option<&'a Durations>,
    begun: Instant,
    latest: Instant,
}

impl<'a> Watch<'a> {
    fn new(steps: &'a Steps, operation: Operation) -> Self {
        let now = Instant::now();
        Self {
            operation,
            total: steps.durations.as_deref(),
            begun: now,
            latest: now,
        }
    }

    fn note(&mut self, step: &Step, result: Result<(), StatusError>) -> Result<(), StatusError> {
        let Some(durations) = &step.durations else {
            return result;
        };
        let now = Instant::now();
        durations.observe(self.operation, result.is_err(), now - self.latest);
        self.latest = now;
        if result.is_err() {
            self.end(true);
        }
        result
    }

    fn end(&self, refused: bool) {
        if let Some(total) = self.total {
            total.observe(self.operation, refused, self.latest - self.begun);
        }
    }
}

/// Goes back to the `managedFields` before admission if those that it left are invalid.
fn check_managers(attributes: &Attributes<'_>, object: &mut ObjectBox, before: Vec<ManagedFieldsEntry>) {
    if let Err(error) = validate_managed_fields(&object.metadata().managed_fields) {
        object.metadata_mut().managed_fields = before;
        attributes.request.warn(format!(
            ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated \
             mutating admission controller; please fix your requests: {error}"
        ));
    }
}

/// The plugins that are on, in their order.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    plugins: Arc<[Arc<dyn Plugin>]>,
    mutating: Steps,
    validating: Steps,
}

impl Chain {
    /// A chain of these plugins in this order.
    #[must_use]
    pub fn new(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Self::made_of(plugins, None)
    }

    /// [`Chain::new`], with its durations measured.
    #[must_use]
    pub fn measured(plugins: Vec<Arc<dyn Plugin>>, metrics: &AdmissionMetrics) -> Self {
        Self::made_of(plugins, Some(metrics))
    }

    fn made_of(plugins: Vec<Arc<dyn Plugin>>, metrics: Option<&AdmissionMetrics>) -> Self {
        Self {
            mutating: Steps::of(&plugins, Phase::Admit, metrics),
            validating: Steps::of(&plugins, Phase::Validate, metrics),
            plugins: plugins.into(),
        }
    }

    /// The plugins that a resource concerns, in the same order.
    #[must_use]
    pub fn for_resource(&self, group: &str, resource: &str) -> Self {
        let concerned = self.plugins.iter().filter(|plugin| plugin.concerns(group, resource));
        Self {
            plugins: concerned.cloned().collect(),
            mutating: self.mutating.for_resource(group, resource),
            validating: self.validating.for_resource(group, resource),
        }
    }

    /// Names of the plugins, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.plugins.iter().map(|plugin| plugin.name()).collect()
    }

    /// Lets every plugin change the object, and once more where a plugin asks for it.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn admit(
        &self,
        attributes: &Attributes<'_>,
        mut object: Option<&mut ObjectBox>,
    ) -> Result<(), StatusError> {
        self.admit_once(attributes, object.as_deref_mut()).await?;
        if attributes.reinvocation.begin_second() {
            self.admit_once(attributes, object.as_deref_mut()).await?;
        }
        if let Some((object, before)) = object.zip(attributes.reinvocation.take_managers()) {
            check_managers(attributes, object, before);
        }
        Ok(())
    }

    async fn admit_once(
        &self,
        attributes: &Attributes<'_>,
        mut object: Option<&mut ObjectBox>,
    ) -> Result<(), StatusError> {
        let mut watch = Watch::new(&self.mutating, attributes.operation);
        for step in self.mutating.handling(attributes.operation) {
            let result = step.plugin.admit(attributes, object.as_deref_mut()).await;
            watch.note(step, result)?;
        }
        watch.end(false);
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
        let mut watch = Watch::new(&self.validating, attributes.operation);
        for step in self.validating.handling(attributes.operation) {
            let result = step.plugin.validate(attributes, object).await;
            watch.note(step, result)?;
        }
        watch.end(false);
        Ok(())
    }
}
