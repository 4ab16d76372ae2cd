//! All containers of a pod in one shape.

use k8s_api::core::v1::{ContainerPort, Lifecycle, PodSpec, Probe, SecurityContext};

/// What the checks look at of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) security: Option<&'a SecurityContext>,
    pub(super) ports: &'a [ContainerPort],
    pub(super) probes: [Option<&'a Probe>; 3],
    pub(super) lifecycle: Option<&'a Lifecycle>,
}

macro_rules! view {
    ($container:ident) => {
        Container {
            name: &$container.name,
            security: $container.security_context.as_deref(),
            ports: &$container.ports,
            probes: [
                $container.liveness_probe.as_deref(),
                $container.readiness_probe.as_deref(),
                $container.startup_probe.as_deref(),
            ],
            lifecycle: $container.lifecycle.as_deref(),
        }
    };
}

/// Init containers, the others, then ephemeral ones.
pub(super) fn of(spec: &PodSpec) -> impl Iterator<Item = Container<'_>> {
    let regular = spec.init_containers.iter().chain(&spec.containers);
    let ephemeral = spec.ephemeral_containers.iter();
    regular
        .map(|container| view!(container))
        .chain(ephemeral.map(|container| view!(container)))
}
