//! The three lists of containers of a pod seen as one.

use std::borrow::Cow;

use k8s_api::core::v1::{Container, ContainerRestartRule, EphemeralContainer, Pod, PodSpec};

/// The action of a rule that starts the whole pod anew, in its sandbox.
const RESTART_ALL: &str = "RestartAllContainers";

/// Which list a container stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerKind {
    /// `spec.initContainers`, sidecars included.
    Init,
    /// `spec.containers`.
    Regular,
    /// `spec.ephemeralContainers`.
    Ephemeral,
}

/// Whether an init container keeps running beside the regular ones.
#[must_use]
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// An ephemeral container with the members it shares with the others.
#[must_use]
pub fn from_ephemeral(container: &EphemeralContainer) -> Container {
    let it = container.clone();
    Container {
        args: it.args,
        command: it.command,
        env: it.env,
        env_from: it.env_from,
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        lifecycle: it.lifecycle,
        liveness_probe: it.liveness_probe,
        name: it.name,
        ports: it.ports,
        readiness_probe: it.readiness_probe,
        resize_policy: it.resize_policy,
        resources: it.resources,
        restart_policy: it.restart_policy,
        restart_policy_rules: it.restart_policy_rules,
        security_context: it.security_context,
        startup_probe: it.startup_probe,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_devices: it.volume_devices,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
    }
}

/// The container with this name and the list it stands in.
#[must_use]
pub fn find<'a>(spec: &'a PodSpec, name: &str) -> Option<(ContainerKind, Cow<'a, Container>)> {
    let named = |containers: &'a [Container]| containers.iter().find(|container| container.name == name);
    if let Some(container) = named(&spec.containers) {
        return Some((ContainerKind::Regular, Cow::Borrowed(container)));
    }
    if let Some(container) = named(&spec.init_containers) {
        return Some((ContainerKind::Init, Cow::Borrowed(container)));
    }
    let container = spec
        .ephemeral_containers
        .iter()
        .find(|container| container.name == name)?;
    Some((ContainerKind::Ephemeral, Cow::Owned(from_ephemeral(container))))
}

/// Every container of a pod, in the order init, regular, ephemeral.
pub fn all(pod: &Pod) -> impl Iterator<Item = (ContainerKind, Cow<'_, Container>)> {
    let spec = &pod.spec;
    let init = spec
        .init_containers
        .iter()
        .map(|c| (ContainerKind::Init, Cow::Borrowed(c)));
    let regular = spec
        .containers
        .iter()
        .map(|c| (ContainerKind::Regular, Cow::Borrowed(c)));
    let ephemeral = spec.ephemeral_containers.iter();
    let ephemeral = ephemeral.map(|c| (ContainerKind::Ephemeral, Cow::Owned(from_ephemeral(c))));
    init.chain(regular).chain(ephemeral)
}

/// The path of a container within its pod, as events name it.
#[must_use]
pub fn field_path(spec: &PodSpec, name: &str) -> Option<String> {
    match find(spec, name)?.0 {
        ContainerKind::Regular => Some(format!("spec.containers{{{name}}}")),
        ContainerKind::Init => Some(format!("spec.initContainers{{{name}}}")),
        ContainerKind::Ephemeral => Some(format!("spec.ephemeralContainers{{{name}}}")),
    }
}

/// The first of a container's own rules that speaks of this exit code.
#[must_use]
pub fn matching_rule(container: &Container, exit_code: i32) -> Option<&ContainerRestartRule> {
    let mut rules = container.restart_policy_rules.iter();
    rules.find(|rule| {
        rule.exit_codes.as_deref().is_some_and(|codes| {
            let listed = codes.values.contains(&exit_code);
            match codes.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        })
    })
}

/// Whether a container that ended with this code takes all others of its pod with it, to start from the beginning.
#[must_use]
pub fn restarts_all_after(container: &Container, exit_code: i32) -> bool {
    matching_rule(container, exit_code).is_some_and(|rule| rule.action == RESTART_ALL)
}

/// Whether a container of the pod may take all others with it.
#[must_use]
pub fn may_restart_all(spec: &PodSpec) -> bool {
    let mut containers = spec.init_containers.iter().chain(&spec.containers);
    containers.any(|container| {
        container
            .restart_policy_rules
            .iter()
            .any(|rule| rule.action == RESTART_ALL)
    })
}

/// Whether a container that ended with this code is started again, by its own rules and policy or else the pod's.
#[must_use]
pub fn restarts_after(container: &Container, spec: &PodSpec, exit_code: i32) -> bool {
    if matching_rule(container, exit_code).is_some_and(|rule| matches!(rule.action.as_str(), "Restart" | RESTART_ALL)) {
        return true;
    }
    match container.restart_policy.as_deref().unwrap_or(&spec.restart_policy) {
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

/// Whether a container that was killed by the kubelet is started again: the policies alone decide.
#[must_use]
pub fn restarts_after_kill(container: &Container, spec: &PodSpec) -> bool {
    container.restart_policy.as_deref().unwrap_or(&spec.restart_policy) != "Never"
}

#[cfg(test)]
mod tests {
    use k8s_api::core::v1::ContainerRestartRuleOnExitCodes;

    use super::*;

    #[test]
    fn restart_rules_stand_above_policies() {
        let spec = |policy: &str| PodSpec {
            restart_policy: policy.to_owned(),
            ..Default::default()
        };
        let plain = Container::default();
        for (policy, code, expected) in [
            ("Always", 0, true),
            ("Always", 1, true),
            ("OnFailure", 0, false),
            ("OnFailure", 3, true),
            ("Never", 3, false),
        ] {
            assert_eq!(restarts_after(&plain, &spec(policy), code), expected, "{policy} {code}");
        }
        let ruled = Container {
            restart_policy: Some("Never".to_owned()),
            restart_policy_rules: vec![ContainerRestartRule {
                action: "Restart".to_owned(),
                exit_codes: Some(Box::new(ContainerRestartRuleOnExitCodes {
                    operator: "In".to_owned(),
                    values: vec![42],
                })),
            }],
            ..Default::default()
        };
        assert!(restarts_after(&ruled, &spec("Always"), 42));
        assert!(!restarts_after(&ruled, &spec("Always"), 1));
        assert!(!restarts_after_kill(&ruled, &spec("Always")));
    }
}
