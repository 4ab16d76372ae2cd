//! The status of a pod, from its specification, the runtime, and the status before.

use std::collections::BTreeMap;

use apis_pod::resources::PodTotals;
use k8s_api::core::v1::{Container, HostIP, Pod, PodCondition, PodIP, PodStatus, ResourceRequirements};
use k8s_api::primitives::Time;
use kubelet_prober::Probes;
use kubelet_runtime::actions::{restarts_all, sandbox_changed};
use kubelet_runtime::{PodRecord, StartFailure};
use kubelet_types::container::{from_ephemeral, may_restart_all};
use kubelet_types::pod::is_terminal_phase;
use kubelet_types::resources::qos_class;

use super::conditions::{self, ALL_RESTARTING};
use super::containers::ListInput;
use super::phase::phase;

/// Why the kubelet fails a pod: evicted, past its deadline, not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason.
    pub reason: String,
    /// The message.
    pub message: String,
    /// It never was to be here.
    pub rejected: bool,
    /// What the condition `DisruptionTarget` says, where the pod is ended for the node's sake.
    pub disruption: Option<String>,
}

/// What a status is made from.
pub struct StatusInput<'a> {
    /// The pod as the API has it.
    pub pod: &'a Pod,
    /// What the runtime holds of it.
    pub record: &'a PodRecord,
    /// The runtime's name.
    pub runtime: &'a str,
    /// The status that was set before; the API's own if there is none.
    pub previous: &'a PodStatus,
    /// Containers that could not be started.
    pub failures: &'a BTreeMap<String, StartFailure>,
    /// The node's addresses.
    pub host_ips: &'a [String],
    /// Whether nothing is started any more.
    pub terminal: bool,
    /// Why the pod is failed, if the kubelet fails it.
    pub failure: Option<&'a Failure>,
    /// What is to be told of other resources that it wants.
    pub resize: Vec<PodCondition>,
    /// By container, its id and the resources that it has.
    pub actuated: &'a BTreeMap<String, (String, ResourceRequirements)>,
}

/// Makes the status.
#[must_use]
pub fn generate(input: &StatusInput<'_>, probes: &Probes) -> PodStatus {
    let (pod, previous) = (input.pod, input.previous);
    let was_restarting = previous
        .conditions
        .iter()
        .any(|it| it.type_ == ALL_RESTARTING && it.status == "True");
    let list = |previous, init| ListInput {
        pod,
        record: input.record,
        runtime: input.runtime,
        failures: input.failures,
        previous,
        init,
        restarting: was_restarting,
    };
    let ephemeral: Vec<Container> = pod.spec.ephemeral_containers.iter().map(from_ephemeral).collect();
    let mut status = PodStatus {
        init_container_statuses: list(&previous.init_container_statuses, true).statuses(&pod.spec.init_containers),
        container_statuses: list(&previous.container_statuses, false).statuses(&pod.spec.containers),
        ephemeral_container_statuses: list(&previous.ephemeral_container_statuses, false).statuses(&ephemeral),
        start_time: previous
            .start_time
            .or(pod.status.start_time)
            .or_else(|| Some(Time::now())),
        qos_class: qos_class(pod).as_str().to_owned(),
        observed_generation: pod.metadata.generation,
        nominated_node_name: pod.status.nominated_node_name.clone(),
        resource_claim_statuses: pod.status.resource_claim_statuses.clone(),
        ..Default::default()
    };
    if input.failure.is_some_and(|failure| failure.rejected) {
        status.init_container_statuses.clear();
        status.container_statuses.clear();
        status.ephemeral_container_statuses.clear();
    }
    show_resources(&mut status, input.actuated);
    show_pod_resources(&mut status, pod);
    let all: Vec<_> = status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .cloned()
        .collect();
    let initialized = conditions::any_regular_started(pod, &all);
    phase(pod, &all, input.terminal, initialized).clone_into(&mut status.phase);
    set_phase_words(&mut status, input);
    probes.update_status(pod, &mut status);
    set_addresses(&mut status, input);
    set_conditions(&mut status, input);
    status
}

/// Containers show the resources that they have, and not those that they are to have.
fn show_resources(status: &mut PodStatus, actuated: &BTreeMap<String, (String, ResourceRequirements)>) {
    let statuses = status.init_container_statuses.iter_mut();
    for status in statuses.chain(&mut status.container_statuses) {
        let Some((id, resources)) = actuated.get(&status.name) else {
            continue;
        };
        if status.container_id.ends_with(id.as_str()) {
            status.resources = Some(Box::new(resources.clone()));
        }
    }
}

/// What the pod as a whole has, and what of it was set aside.
fn show_pod_resources(status: &mut PodStatus, pod: &Pod) {
    let totals = PodTotals {
        pod_level: true,
        ..PodTotals::default()
    };
    let own = pod.spec.resources.as_deref().cloned().unwrap_or_default();
    status.allocated_resources = totals.requests(pod);
    status.resources = Some(Box::new(ResourceRequirements {
        requests: status.allocated_resources.clone(),
        limits: totals.limits(pod),
        ..own
    }));
}

/// Terminal phases stay, and reason and message stay with their phase.
fn set_phase_words(status: &mut PodStatus, input: &StatusInput<'_>) {
    for earlier in [input.previous, &input.pod.status] {
        if !is_terminal_phase(&status.phase) && is_terminal_phase(&earlier.phase) {
            status.phase.clone_from(&earlier.phase);
        }
    }
    if status.phase == input.previous.phase {
        let or = |first: &String, second: &String| {
            if first.is_empty() {
                second.clone()
            } else {
                first.clone()
            }
        };
        status.reason = or(&input.previous.reason, &input.pod.status.reason);
        status.message = or(&input.previous.message, &input.pod.status.message);
    }
    if let Some(failure) = input.failure {
        "Failed".clone_into(&mut status.phase);
        status.reason.clone_from(&failure.reason);
        status.message.clone_from(&failure.message);
    }
    if is_terminal_phase(&input.pod.status.phase) {
        status.phase.clone_from(&input.pod.status.phase);
    }
}

fn set_addresses(status: &mut PodStatus, input: &StatusInput<'_>) {
    status.host_ip = input.host_ips.first().cloned().unwrap_or_default();
    status.host_ips = input.host_ips.iter().map(|ip| HostIP { ip: ip.clone() }).collect();
    let own = if input.pod.spec.host_network {
        input.host_ips
    } else {
        &input.record.ips
    };
    status.pod_ips = own.iter().map(|ip| PodIP { ip: ip.clone() }).collect();
    // The address is gone with the sandbox, but what was known stays for those who look at an ended pod.
    if status.pod_ips.is_empty() && (input.terminal || input.record.ready_sandbox().is_none()) {
        status.pod_ips.clone_from(&input.previous.pod_ips);
    }
    status.pod_ip = status.pod_ips.first().map(|ip| ip.ip.clone()).unwrap_or_default();
}

fn set_conditions(status: &mut PodStatus, input: &StatusInput<'_>) {
    let pod = input.pod;
    let foreign = pod
        .status
        .conditions
        .iter()
        .filter(|it| !conditions::OWNED.contains(&it.type_.as_str()));
    let mut set: Vec<_> = foreign.cloned().collect();
    let all: Vec<_> = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .cloned()
        .collect();
    let sandbox = !sandbox_changed(pod, input.record).0;
    set.push(conditions::ready_to_start(pod, sandbox));
    let was = input.previous.conditions.iter();
    let was_initialized = was
        .into_iter()
        .any(|it| it.type_ == "Initialized" && it.status == "True");
    set.push(conditions::initialized(pod, &all, &status.phase, was_initialized));
    let ready = conditions::ready(pod, &set, &all, &status.phase);
    set.push(ready);
    set.push(conditions::containers_ready(
        pod,
        &all,
        &status.phase,
        "ContainersReady",
    ));
    set.push(conditions::scheduled(pod));
    if may_restart_all(&pod.spec) {
        let restarting = restarts_all(pod, input.record);
        set.push(conditions::all_restarting(pod, &status.phase, restarting));
    }
    set.extend(input.resize.iter().cloned());
    if let Some(message) = input.failure.and_then(|failure| failure.disruption.as_deref()) {
        set.retain(|condition| condition.type_ != "DisruptionTarget");
        set.push(conditions::disruption_target(pod, message));
    }
    for condition in &mut set {
        let same = |it: &&k8s_api::core::v1::PodCondition| it.type_ == condition.type_ && it.status == condition.status;
        let before = input
            .previous
            .conditions
            .iter()
            .find(same)
            .or_else(|| pod.status.conditions.iter().find(same));
        let since = before.and_then(|before| before.last_transition_time);
        condition.last_transition_time = condition.last_transition_time.or(since).or_else(|| Some(Time::now()));
    }
    status.conditions = set;
}
