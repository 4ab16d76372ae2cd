//! The verdicts.

use k8s_api::Map;
use k8s_api::core::v1::{Node, Pod};
use k8s_api::primitives::Quantity;
use kubelet_types::pod::{is_critical, is_static};
use kubelet_types::pressure::Pressure;
use kubelet_types::resources::{QosClass, qos_class};
use scheduler_framework::host_ports::HostPort;
use scheduler_framework::node_selector::RequiredNodeAffinity;
use scheduler_framework::taints;

use crate::{fit, preemption, sysctls};

const MEMORY_PRESSURE_TAINT: &str = "node.kubernetes.io/memory-pressure";

/// Why a pod is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// In a word.
    pub reason: String,
    /// In a sentence.
    pub message: String,
}

/// Why a pod does not get other resources now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Not as long as others have what it wants.
    Deferred(String),
    /// Never on this node.
    Infeasible(String),
}

/// What a verdict goes by.
pub struct Judge<'a> {
    /// The node.
    pub node: &'a Node,
    /// What pods may request of it.
    pub allocatable: &'a Map<Quantity>,
    /// The pods that have something of it.
    pub others: &'a [&'a Pod],
    /// What it is short of.
    pub pressures: &'a [Pressure],
    /// Sysctls that pods may set beyond the safe ones.
    pub sysctls: &'a [String],
}

fn rejection(reason: &str, message: impl Into<String>) -> Rejection {
    Rejection {
        reason: reason.to_owned(),
        message: message.into(),
    }
}

fn predicate(name: &str, why: &str) -> Rejection {
    rejection(name, format!("Predicate {name} failed: {why}"))
}

impl Judge<'_> {
    /// Whether the node takes a pod; returns the uids of the pods that have to go first, which is none unless the pod is
    /// critical.
    ///
    /// # Errors
    /// With the reason why it does not.
    pub fn admit(&self, pod: &Pod) -> Result<Vec<String>, Rejection> {
        self.pressure(pod)?;
        sysctls::check(pod, self.sysctls)
            .map_err(|error| rejection("SysctlForbidden", format!("forbidden sysctl: {error}")))?;
        self.operating_system(pod)?;
        let short = fit::shortages(self.allocatable, self.others, pod);
        if let Some(first) = short.first().filter(|_| !is_critical(pod)) {
            let reason = format!("OutOf{}", first.resource);
            return Err(rejection(&reason, first.to_string()));
        }
        self.placement(pod)?;
        let victims = preemption::victims(pod, self.others, &short).map_err(|error| {
            let message = format!(
                "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: {error}"
            );
            rejection("UnexpectedAdmissionError", message)
        })?;
        Ok(victims.iter().map(|pod| pod.metadata.uid.clone()).collect())
    }

    /// Under pressure only critical pods are taken; memory alone keeps out only those that are killed first.
    fn pressure(&self, pod: &Pod) -> Result<(), Rejection> {
        if self.pressures.is_empty() || is_critical(pod) {
            return Ok(());
        }
        if self.pressures == [Pressure::Memory] {
            let tolerated = pod.spec.tolerations.iter().any(|toleration| {
                let key = toleration.key.is_empty() || toleration.key == MEMORY_PRESSURE_TAINT;
                let effect = toleration.effect.is_empty() || toleration.effect == taints::NO_SCHEDULE;
                let value = toleration.operator == "Exists" || toleration.value.is_empty();
                key && effect && value && (!toleration.key.is_empty() || toleration.operator == "Exists")
            });
            if tolerated || qos_class(pod) != QosClass::BestEffort {
                return Ok(());
            }
        }
        let names: Vec<_> = self.pressures.iter().map(|pressure| pressure.condition()).collect();
        let message = format!("The node had condition: [{}]. ", names.join(" "));
        Err(rejection("Evicted", message))
    }

    fn operating_system(&self, pod: &Pod) -> Result<(), Rejection> {
        const LABEL: &str = "kubernetes.io/os";
        let selected = pod.spec.node_selector.get(LABEL);
        if selected.is_some_and(|selected| selected != std::env::consts::OS) {
            let message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
            return Err(rejection("PodOSSelectorNodeLabelDoesNotMatch", message));
        }
        if pod.spec.os.as_ref().is_some_and(|os| os.name != std::env::consts::OS) {
            let message = "Failed to admit pod as the OS field doesn't match node OS";
            return Err(rejection("PodOSNotSupported", message));
        }
        Ok(())
    }

    fn placement(&self, pod: &Pod) -> Result<(), Rejection> {
        let required = RequiredNodeAffinity::of(pod);
        if required.is_some_and(|required| !required.matches(self.node)) {
            return Err(predicate(
                "NodeAffinity",
                "node(s) didn't match Pod's node affinity/selector",
            ));
        }
        if !pod.spec.node_name.is_empty() && pod.spec.node_name != self.node.metadata.name {
            return Err(predicate("NodeName", "node(s) didn't match the requested node name"));
        }
        let wanted = HostPort::of(pod);
        let taken = self.others.iter().flat_map(|other| HostPort::of(other).into_vec());
        let mut taken = taken.collect::<Vec<_>>().into_iter();
        if taken.any(|port| wanted.iter().any(|wanted| wanted.conflicts_with(&port))) {
            return Err(predicate(
                "NodePorts",
                "node(s) didn't have free ports for the requested pod ports",
            ));
        }
        let not_tolerated = self.node.spec.taints.iter().any(|taint| {
            taint.effect == taints::NO_EXECUTE && !taints::any_tolerates(&pod.spec.tolerations, taint, true)
        });
        if not_tolerated && !is_static(pod) {
            return Err(predicate(
                "TaintToleration",
                "node(s) had taints that the pod didn't tolerate",
            ));
        }
        Ok(())
    }

    /// Whether a pod that runs here can have these resources.
    ///
    /// # Errors
    /// With the reason why it cannot, now or ever.
    pub fn resize(&self, pod: &Pod) -> Result<(), Pending> {
        if is_static(pod) {
            let message = "In-place resize of static-pods is not supported";
            return Err(Pending::Infeasible(message.to_owned()));
        }
        for name in ["cpu", "memory"] {
            let (requested, capacity) = (fit::request(pod, name), fit::capacity(self.allocatable, name));
            if requested > capacity {
                return Err(Pending::Infeasible(format!(
                    "Node didn't have enough capacity: {name}, requested: {requested}, capacity: {capacity}"
                )));
            }
        }
        match fit::shortages(self.allocatable, self.others, pod).first() {
            Some(shortage) => Err(Pending::Deferred(shortage.to_string())),
            None => Ok(()),
        }
    }
}
