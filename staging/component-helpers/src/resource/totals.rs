//! What all containers of a pod ask for together.
//!
//! Containers run at the same time, init containers one after another; a sidecar runs beside all
//! that come after it. The total is the larger of what is needed while the pod starts and after.
//! Upstream counterpart: `component-helpers/resource`.

use std::borrow::Cow;

use k8s_api::{
    Map,
    core::v1::{Container, PodSpec, ResourceRequirements},
    primitives::Quantity,
};

use super::is_sidecar;

/// Requests or limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What is set aside.
    Requests,
    /// What is not exceeded.
    Limits,
}

impl Side {
    /// The list of this side.
    #[must_use]
    pub fn of(self, requirements: &ResourceRequirements) -> &Map<Quantity> {
        match self {
            Self::Requests => &requirements.requests,
            Self::Limits => &requirements.limits,
        }
    }
}

pub(super) fn add(total: &mut Map<Quantity>, list: &Map<Quantity>) {
    for (name, quantity) in list {
        match total.get_mut(name) {
            Some(sum) => sum.add(quantity),
            None => {
                total.insert(name.clone(), quantity.clone());
            }
        }
    }
}

pub(super) fn raise(total: &mut Map<Quantity>, list: &Map<Quantity>) {
    for (name, quantity) in list {
        if total.get(name).is_none_or(|most| quantity > most) {
            total.insert(name.clone(), quantity.clone());
        }
    }
}

/// The total over all containers, without overhead and what is set for the pod as a whole.
#[must_use]
pub fn aggregate(spec: &PodSpec, side: Side) -> Map<Quantity> {
    aggregate_by(spec, |container| Cow::Borrowed(side.of(&container.resources)))
}

/// [`aggregate`] where `of` says what a container asks for.
pub(super) fn aggregate_by<'a>(
    spec: &'a PodSpec,
    of: impl Fn(&'a Container) -> Cow<'a, Map<Quantity>>,
) -> Map<Quantity> {
    let mut total = Map::new();
    for container in &spec.containers {
        add(&mut total, &of(container));
    }
    let mut sidecars = Map::new();
    let mut starting = Map::new();
    for container in &spec.init_containers {
        let own = of(container);
        if is_sidecar(container) {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            raise(&mut starting, &sidecars);
        } else {
            let mut now = own.into_owned();
            add(&mut now, &sidecars);
            raise(&mut starting, &now);
        }
    }
    raise(&mut total, &starting);
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_run_beside_what_follows() {
        let list = |cpu: &str| -> Map<Quantity> { [("cpu".to_owned(), cpu.parse().unwrap())].into_iter().collect() };
        let container = |cpu: &str, policy: Option<&str>| Container {
            resources: ResourceRequirements {
                requests: list(cpu),
                ..ResourceRequirements::default()
            },
            restart_policy: policy.map(Into::into),
            ..Container::default()
        };
        let spec = PodSpec {
            init_containers: vec![container("1", Some("Always")), container("4", None)],
            containers: vec![container("2", None), container("1", None)],
            ..PodSpec::default()
        };
        assert_eq!(aggregate(&spec, Side::Requests), list("5"));
    }
}
