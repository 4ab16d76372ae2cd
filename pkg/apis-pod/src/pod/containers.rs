//! The containers of a pod, whatever list they stand in: init containers first, then those that
//! the pod is for, then ephemeral ones.

use apimachinery::field::Path;
pub use component_helpers::resource::is_sidecar;
use k8s_api::core::v1::{Container, EphemeralContainer, PodSpec};

/// The list that a container stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerKind {
    /// Runs before the others, or beside them if it always restarts.
    Init,
    /// What the pod is for.
    Regular,
    /// Added to a running pod to look into it.
    Ephemeral,
}

impl ContainerKind {
    /// The member of the spec.
    #[must_use]
    pub const fn member(self) -> &'static str {
        match self {
            Self::Init => "initContainers",
            Self::Regular => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }
}

macro_rules! move_members {
    ($from:ident, $to:ident, $($member:ident)*) => {
        $($to.$member = std::mem::take(&mut $from.$member);)*
    };
}

macro_rules! move_common {
    ($from:ident, $to:ident) => {
        move_members!($from, $to,
            args command env env_from image image_pull_policy lifecycle liveness_probe name ports readiness_probe
            resize_policy resources restart_policy restart_policy_rules security_context startup_probe stdin
            stdin_once termination_message_path termination_message_policy tty volume_devices volume_mounts
            working_dir
        );
    };
}

/// What an ephemeral container has in common with the others.
#[must_use]
pub fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let mut from = ephemeral.clone();
    let mut container = Container::default();
    move_common!(from, container);
    container
}

fn with_container(ephemeral: &mut EphemeralContainer, change: impl FnOnce(&mut Container)) {
    let mut container = Container::default();
    move_common!(ephemeral, container);
    change(&mut container);
    move_common!(container, ephemeral);
}

/// Visits every container with its kind and the path of it, below that of the spec.
pub fn for_each_container(
    spec: &PodSpec,
    path: &Path<'_>,
    mut visit: impl FnMut(&Container, ContainerKind, &Path<'_>),
) {
    for (kind, containers) in [
        (ContainerKind::Init, &spec.init_containers),
        (ContainerKind::Regular, &spec.containers),
    ] {
        let list = path.child(kind.member());
        for (index, container) in containers.iter().enumerate() {
            visit(container, kind, &list.index(index));
        }
    }
    let list = path.child(ContainerKind::Ephemeral.member());
    for (index, container) in spec.ephemeral_containers.iter().enumerate() {
        visit(&as_container(container), ContainerKind::Ephemeral, &list.index(index));
    }
}

/// Visits every container, to be changed in place.
pub fn for_each_container_mut(spec: &mut PodSpec, mut visit: impl FnMut(&mut Container, ContainerKind)) {
    for container in &mut spec.init_containers {
        visit(container, ContainerKind::Init);
    }
    for container in &mut spec.containers {
        visit(container, ContainerKind::Regular);
    }
    for container in &mut spec.ephemeral_containers {
        with_container(container, |container| visit(container, ContainerKind::Ephemeral));
    }
}

/// Whether `test` holds for some container.
#[must_use]
pub fn any_container(spec: &PodSpec, mut test: impl FnMut(&Container) -> bool) -> bool {
    spec.init_containers.iter().any(&mut test)
        || spec.containers.iter().any(&mut test)
        || spec
            .ephemeral_containers
            .iter()
            .any(|container| test(&as_container(container)))
}
