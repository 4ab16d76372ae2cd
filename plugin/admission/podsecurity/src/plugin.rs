//! The plugin: which objects are looked at, and what comes of it.

use std::sync::Arc;

use apimachinery::{
    field::ErrorList,
    status::{GroupResource, StatusError},
};
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use k8s_api::{
    core::v1::{Container, Namespace, Pod, PodSpec},
    meta::v1::ObjectMeta,
};

use crate::{
    config::{ConfigError, PodSecurityConfiguration},
    evaluator::Evaluator,
    existing,
    level::{Level, MODES, Policy},
    metrics::{Mode, PodSecurityMetrics},
    workload::{WORKLOADS, template},
};

/// Subresources of pods that change nothing of what a pod may do.
const IGNORED_SUBRESOURCES: [&str; 8] = [
    "attach",
    "binding",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "status",
];

/// The plugin `PodSecurity`.
#[derive(Debug)]
pub struct PodSecurity {
    configuration: Arc<PodSecurityConfiguration>,
    defaults: Policy,
    evaluator: Arc<Evaluator>,
    namespaces: Arc<dyn Lookup<Namespace>>,
    pods: Arc<dyn Lookup<Pod>>,
    metrics: PodSecurityMetrics,
}

impl PodSecurity {
    /// A plugin with this configuration; `emulated` is the newest minor version that it knows.
    ///
    /// # Errors
    /// If the configuration makes no sense.
    pub fn new(
        configuration: PodSecurityConfiguration,
        emulated: u32,
        namespaces: Arc<dyn Lookup<Namespace>>,
        pods: Arc<dyn Lookup<Pod>>,
        metrics: PodSecurityMetrics,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            defaults: configuration.policy()?,
            configuration: Arc::new(configuration),
            evaluator: Arc::new(Evaluator::new(emulated)),
            namespaces,
            pods,
            metrics,
        })
    }

    async fn validate_namespace(&self, attributes: &Attributes<'_>, namespace: &Namespace) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let (policy, errors) = Policy::of_labels(&namespace.metadata.labels, &self.defaults);
        let old = attributes.old_as::<Namespace>();
        let before = old.map(|old| Policy::of_labels(&old.metadata.labels, &self.defaults));
        let known = before.as_ref().is_some_and(|(_, known)| texts(known) == texts(&errors));
        if !errors.is_empty() && !known {
            let kind = GroupResource::new(&attributes.kind.group, &attributes.kind.name);
            return Err(StatusError::invalid(kind, attributes.name, &errors));
        }
        let stricter = match &before {
            None => true,
            Some((before, _)) => {
                policy.enforce != before.enforce
                    && policy.enforce.level != Level::Privileged
                    && (policy.enforce.version != before.enforce.version || policy.enforce.level > before.enforce.level)
            }
        };
        if !stricter {
            return Ok(());
        }
        if self.configuration.exemptions.namespace(attributes.namespace) {
            if let Some(warning) = self.exempt_warning(namespace, &policy) {
                attributes.request.warn(warning);
            }
            return Ok(());
        }
        if before.is_some() {
            for warning in self
                .warnings_of_existing(namespace.metadata.name.clone(), &policy)
                .await
            {
                attributes.request.warn(warning);
            }
        }
        Ok(())
    }

    /// Looks at the namespace's pods, away from the threads that serve requests.
    async fn warnings_of_existing(&self, namespace: String, policy: &Policy) -> Vec<String> {
        let (evaluator, configuration, pods) = (self.evaluator.clone(), self.configuration.clone(), self.pods.clone());
        let mode = policy.enforce;
        let looking = tokio::task::spawn_blocking(move || {
            existing::warnings(&evaluator, &configuration.exemptions, pods.as_ref(), &namespace, mode)
        });
        looking.await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look at the pods of a namespace");
            vec!["failed to list pods while checking new PodSecurity enforce level".to_owned()]
        })
    }

    /// Labels that have no effect, because the namespace is exempt, are worth a word.
    fn exempt_warning(&self, namespace: &Namespace, policy: &Policy) -> Option<String> {
        if policy.is_fully_privileged() || policy.is_equivalent(&self.defaults) {
            return None;
        }
        let labels = &namespace.metadata.labels;
        let mut policy = *policy;
        let parts: Vec<String> = MODES
            .iter()
            .filter_map(|mode| {
                let set = labels.contains_key(mode.level_label) || labels.contains_key(mode.version_label);
                let value = *(mode.of)(&mut policy);
                (set && value.level != Level::Privileged).then(|| format!("{}={value}", mode.name))
            })
            .collect();
        Some(format!(
            r#"namespace "{}" is exempt from Pod Security, and the policy ({}) will be ignored"#,
            namespace.metadata.name,
            parts.join(", ")
        ))
    }

    /// Whether namespace or user are exempt, which is noted.
    fn is_exempt(&self, attributes: &Attributes<'_>) -> bool {
        let exemptions = &self.configuration.exemptions;
        let reason = if exemptions.namespace(attributes.namespace) {
            "namespace"
        } else if exemptions.user(&attributes.user().name) {
            "user"
        } else {
            return false;
        };
        self.metrics.exempt(attributes);
        annotate(attributes, "exempt", reason);
        true
    }

    async fn validate_pod(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<(), StatusError> {
        if IGNORED_SUBRESOURCES.contains(&attributes.subresource) || self.is_exempt(attributes) {
            return Ok(());
        }
        let Some(namespace) = self.namespaces.find("", attributes.namespace).await? else {
            let message = format!("failed to lookup namespace \"{}\"", attributes.namespace);
            self.metrics.failed(true, attributes);
            annotate(attributes, "error", message.clone());
            return Err(StatusError::internal_error(message));
        };
        let (policy, errors) = Policy::of_labels(&namespace.metadata.labels, &self.defaults);
        if errors.is_empty() && policy.is_fully_privileged() {
            self.metrics.evaluated(true, policy.enforce, Mode::Enforce, attributes);
            annotate(attributes, "enforce-policy", "privileged:latest");
            return Ok(());
        }
        if attributes.operation == Operation::Update {
            let unchanged = attributes.old_as::<Pod>().is_some_and(|old| !is_significant(pod, old));
            if unchanged {
                return Ok(());
            }
        }
        if !errors.is_empty() {
            self.unreadable(attributes, &errors);
        }
        self.judge(attributes, &policy, &pod.metadata, &pod.spec, true)
    }

    async fn validate_workload(&self, attributes: &Attributes<'_>, object: &dyn AnyObject) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() || self.is_exempt(attributes) {
            return Ok(());
        }
        let Some(namespace) = self.namespaces.find("", attributes.namespace).await? else {
            let message = format!(
                "failed to lookup namespace \"{0}\": namespaces \"{0}\" not found",
                attributes.namespace
            );
            self.metrics.failed(true, attributes);
            annotate(attributes, "error", message);
            return Ok(());
        };
        let (policy, errors) = Policy::of_labels(&namespace.metadata.labels, &self.defaults);
        let silent = policy.warn.level == Level::Privileged && policy.audit.level == Level::Privileged;
        if errors.is_empty() && silent {
            return Ok(());
        }
        if !errors.is_empty() {
            self.unreadable(attributes, &errors);
        }
        match template(object) {
            Some((metadata, spec)) => self.judge(attributes, &policy, metadata, spec, false),
            None => Ok(()),
        }
    }

    /// The namespace's labels are no policy; a stricter one holds instead.
    fn unreadable(&self, attributes: &Attributes<'_>, errors: &ErrorList) {
        self.metrics.failed(false, attributes);
        annotate(attributes, "error", format!("Failed to parse policy: {errors}"));
    }

    fn judge(
        &self,
        attributes: &Attributes<'_>,
        policy: &Policy,
        metadata: &ObjectMeta,
        spec: &PodSpec,
        enforce: bool,
    ) -> Result<(), StatusError> {
        let runtime_class = spec.runtime_class_name.as_deref();
        if self.configuration.exemptions.runtime_class(runtime_class) {
            self.metrics.exempt(attributes);
            annotate(attributes, "exempt", "runtimeClass");
            return Ok(());
        }
        let evaluate = |mode| self.evaluator.evaluate(mode, metadata, spec);
        let enforced = enforce.then(|| evaluate(policy.enforce));
        if let Some(verdict) = &enforced {
            let mode = policy.enforce;
            self.metrics
                .evaluated(verdict.is_allowed(), mode, Mode::Enforce, attributes);
            annotate(attributes, "enforce-policy", mode.to_string());
        }
        let same = |mode| enforced.clone().filter(|_| mode == policy.enforce);
        let audited = same(policy.audit).unwrap_or_else(|| evaluate(policy.audit));
        if !audited.is_allowed() {
            self.metrics.evaluated(false, policy.audit, Mode::Audit, attributes);
            let text = format!("would violate PodSecurity \"{}\": {}", policy.audit, audited.detail());
            annotate(attributes, "audit-violations", text);
        }
        if let Some(verdict) = enforced.as_ref().filter(|verdict| !verdict.is_allowed()) {
            let reason = format!("violates PodSecurity \"{}\": {}", policy.enforce, verdict.detail());
            return Err(StatusError::forbidden(
                attributes.group_resource(),
                attributes.name,
                reason,
            ));
        }
        let warned = match same(policy.warn) {
            Some(verdict) => verdict,
            None if policy.warn == policy.audit => audited,
            None => evaluate(policy.warn),
        };
        if !warned.is_allowed() {
            self.metrics.evaluated(false, policy.warn, Mode::Warn, attributes);
            let text = format!("would violate PodSecurity \"{}\": {}", policy.warn, warned.detail());
            attributes.request.warn(text);
        }
        Ok(())
    }
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn annotate(attributes: &Attributes<'_>, key: &str, value: impl Into<String>) {
    attributes
        .request
        .annotate(format!("pod-security.kubernetes.io/{key}"), value);
}

/// Whether an update runs anything that did not run before.
fn is_significant(new: &Pod, old: &Pod) -> bool {
    let images = |new: &[Container], old: &[Container]| {
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| new.image != old.image)
    };
    let (new, old) = (&new.spec, &old.spec);
    images(&new.containers, &old.containers)
        || images(&new.init_containers, &old.init_containers)
        || new.ephemeral_containers.iter().any(|container| {
            let before = old.ephemeral_containers.iter().find(|c| c.name == container.name);
            before.is_none_or(|before| before.image != container.image)
        })
}

#[async_trait]
impl Plugin for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        (group.is_empty() && matches!(resource, "pods" | "namespaces")) || WORKLOADS.contains(&(group, resource))
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let Some(object) = object else { return Ok(()) };
        if attributes.is("", "namespaces") {
            match object.downcast_ref::<Namespace>() {
                Some(namespace) => self.validate_namespace(attributes, namespace).await,
                None => Ok(()),
            }
        } else if attributes.is("", "pods") {
            match object.downcast_ref::<Pod>() {
                Some(pod) => self.validate_pod(attributes, pod).await,
                // What is created below a pod is judged by what it does, not by its form.
                None => Ok(()),
            }
        } else {
            self.validate_workload(attributes, object).await
        }
    }
}
