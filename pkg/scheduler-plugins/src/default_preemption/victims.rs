//! Which pods would have to go from one node.

use std::cmp::Ordering;
use std::sync::Arc;

use k8s_api::primitives::Time;
use scheduler_framework::plugin::PostFilterContext;
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Status};

use super::pdbs::{Budget, divide};

/// When a pod started; now if it has not.
pub(super) fn started(pod: &PodInfo) -> Time {
    pod.pod.status.start_time.unwrap_or_else(Time::now)
}

/// More important pods first: by priority, then by how long they have run.
pub(super) fn by_importance(a: &PodInfo, b: &PodInfo) -> Ordering {
    b.priority()
        .cmp(&a.priority())
        .then_with(|| started(a).cmp(&started(b)))
}

/// A node on which things are tried out.
struct Trial<'t> {
    context: &'t PostFilterContext<'t>,
    pod: &'t PodInfo,
    state: CycleState,
    node: NodeInfo,
}

impl Trial<'_> {
    fn remove(&mut self, victim: &PodInfo) -> Result<(), Status> {
        if self.node.remove_pod(victim.uid()).is_none() {
            return Err(Status::error(format!(
                "no corresponding pod {} in pods of node",
                victim.key()
            )));
        }
        let filters = self.context.filters;
        as_result(filters.run_remove_pod(&mut self.state, self.pod, victim, &self.node))
    }

    fn add(&mut self, victim: &Arc<PodInfo>) -> Result<(), Status> {
        self.node.add_pod(victim.clone());
        let filters = self.context.filters;
        as_result(filters.run_add_pod(&mut self.state, self.pod, victim, &self.node))
    }

    fn fits(&self) -> Status {
        let filters = self.context.filters;
        filters.run_filters_with_nominated_pods(&self.state, self.pod, &self.node)
    }

    /// Puts a pod back if the new one fits beside it; whether it did.
    fn reprieve(&mut self, victim: &Arc<PodInfo>) -> Result<bool, Status> {
        self.add(victim)?;
        let fits = self.fits().is_success();
        if !fits {
            self.remove(victim)?;
        }
        Ok(fits)
    }
}

fn as_result(status: Status) -> Result<(), Status> {
    if status.is_success() {
        Ok(())
    } else {
        Err(Status::error(status))
    }
}

/// The pods that would have to go, the most important one first, and how many of them a budget protects.
///
/// # Errors
/// Why the pod would not fit even without all less important pods.
pub(super) fn select(
    pod: &PodInfo,
    node: &NodeInfo,
    context: &PostFilterContext<'_>,
    budgets: &[Budget],
) -> Result<(Vec<Arc<PodInfo>>, i64), Status> {
    let lower = node.pods.iter().filter(|there| there.priority() < pod.priority());
    let mut potential: Vec<_> = lower.cloned().collect();
    if potential.is_empty() {
        return Err(Status::fixed(
            Code::UnschedulableAndUnresolvable,
            "No preemption victims found for incoming pod",
        ));
    }
    let mut trial = Trial {
        context,
        pod,
        state: context.state.clone(),
        node: node.clone(),
    };
    for victim in &potential {
        trial.remove(victim)?;
    }
    let status = trial.fits();
    if !status.is_success() {
        return Err(status);
    }
    potential.sort_by(|a, b| by_importance(a, b));
    let (protected, others) = divide(potential, budgets);
    let mut victims = Vec::new();
    let mut violations = 0;
    for victim in &protected {
        if !trial.reprieve(victim)? {
            victims.push(victim.clone());
            violations += 1;
        }
    }
    for victim in &others {
        if !trial.reprieve(victim)? {
            victims.push(victim.clone());
        }
    }
    if !protected.is_empty() && !others.is_empty() {
        victims.sort_by(|a, b| by_importance(a, b));
    }
    Ok((victims, violations))
}
