//! Containers: what all have in common, and what init, regular and ephemeral ones may have besides.

use std::collections::{BTreeSet, HashSet};

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec};

use super::{
    super::{PodValidationOptions, as_container, is_sidecar},
    env, mounts, probes, security,
    volumes::Volumes,
};
use crate::{
    resources::{Scope, validate_requirements},
    rules::{dns_label, invalid_each, invalid_number, named, one_of, required, required_one_of},
};

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
const MAX_RESTART_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;

/// What checks of containers need to know of their pod.
pub(super) struct PodContext<'a> {
    pub(super) spec: &'a PodSpec,
    pub(super) volumes: &'a Volumes<'a>,
    pub(super) claims: &'a BTreeSet<&'a str>,
    pub(super) options: &'a PodValidationOptions,
}

impl PodContext<'_> {
    fn os(&self) -> Option<&str> {
        self.spec.os.as_ref().map(|os| os.name.as_str())
    }

    fn validate_common(&self, container: &Container, path: &Path<'_>) -> ErrorList {
        let name = path.child("name");
        let mut errors = match required(&name, &container.name) {
            Some(error) => error.into(),
            None => dns_label(&name, &container.name),
        };
        errors.extend(required(&path.child("image"), &container.image));
        errors.extend(required_one_of(
            &path.child("terminationMessagePolicy"),
            &container.termination_message_policy,
            &["File", "FallbackToLogsOnError"],
        ));
        errors.append(validate_ports(&container.ports, &path.child("ports")));
        errors.append(env::validate_env(&container.env, self.options, &path.child("env")));
        errors.append(env::validate_env_from(&container.env_from, &path.child("envFrom")));
        errors.append(mounts::validate_mounts(
            container,
            self.volumes,
            &path.child("volumeMounts"),
        ));
        errors.append(mounts::validate_devices(
            container,
            self.volumes,
            &path.child("volumeDevices"),
        ));
        errors.extend(validate_pull_policy(
            &container.image_pull_policy,
            &path.child("imagePullPolicy"),
        ));
        errors.append(validate_requirements(
            &container.resources,
            Scope::Container,
            self.claims,
            self.options.allow_partial_huge_pages,
            &path.child("resources"),
        ));
        errors.append(validate_resize_policy(
            &container.resize_policy,
            &self.spec.restart_policy,
            &path.child("resizePolicy"),
        ));
        if let Some(context) = &container.security_context {
            let host_users = self.spec.host_users != Some(false);
            errors.append(security::validate_container_context(
                context,
                host_users,
                self.options,
                &path.child("securityContext"),
            ));
        }
        errors
    }

    /// Checks the containers that the pod is for.
    pub(super) fn validate_containers(&self, path: &Path<'_>) -> ErrorList {
        let containers = &self.spec.containers;
        if containers.is_empty() {
            return Error::required(path, "").into();
        }
        let mut errors = ErrorList::new();
        let mut seen = HashSet::new();
        for (index, container) in containers.iter().enumerate() {
            let path = path.index(index);
            errors.append(self.validate_common(container, &path));
            if !seen.insert(container.name.as_str()) {
                errors.push(Error::duplicate(&path.child("name"), &container.name));
            }
            let grace = self.spec.termination_grace_period_seconds;
            errors.append(probes::validate_lifecycle_and_probes(
                container,
                self.os(),
                grace,
                &path,
            ));
            if self.options.allow_container_restart_rules {
                errors.append(validate_restart_rules(container, self.options, &path));
            } else if container.restart_policy.is_some() {
                let detail = "may not be set for non-init containers";
                errors.push(Error::forbidden(&path.child("restartPolicy"), detail));
            }
        }
        errors.append(validate_host_ports(containers, path));
        errors
    }

    /// Checks the containers that run before those.
    pub(super) fn validate_init_containers(&self, path: &Path<'_>) -> ErrorList {
        let mut errors = ErrorList::new();
        let mut seen: HashSet<&str> = self.spec.containers.iter().map(|c| c.name.as_str()).collect();
        for (index, container) in self.spec.init_containers.iter().enumerate() {
            let at = path.index(index);
            errors.append(self.validate_common(container, &at));
            errors.append(validate_init_restart_policy(container, self.options, &at));
            if seen.contains(container.name.as_str()) {
                errors.push(Error::duplicate(&at.child("name"), &container.name));
            } else if !container.name.is_empty() {
                seen.insert(&container.name);
            }
            // They run one after the other, so each has the host's ports for itself; the error
            // names the first container, as upstream has it.
            errors.append(validate_host_ports(std::slice::from_ref(container), path));
            if is_sidecar(container) {
                let grace = self.spec.termination_grace_period_seconds;
                errors.append(probes::validate_lifecycle_and_probes(container, self.os(), grace, &at));
            } else {
                let refused = [
                    ("lifecycle", container.lifecycle.is_some()),
                    ("livenessProbe", container.liveness_probe.is_some()),
                    ("readinessProbe", container.readiness_probe.is_some()),
                    ("startupProbe", container.startup_probe.is_some()),
                ];
                let set = refused.into_iter().filter(|(_, set)| *set);
                let detail = "may not be set for init containers without restartPolicy=Always";
                errors.extend(set.map(|(name, _)| Error::forbidden(&at.child(name), detail)));
            }
            if !is_sidecar(container) && !self.options.allow_restart_on_resize_of_init_containers {
                let list = at.child("resizePolicy");
                for (index, policy) in container.resize_policy.iter().enumerate() {
                    if policy.restart_policy == "RestartContainer" {
                        let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                        let policy_path = list.index(index);
                        let value = named(&policy.restart_policy);
                        errors.push(Error::invalid(&policy_path.child("restartPolicy"), value, detail));
                    }
                }
            }
        }
        errors
    }

    /// Checks the containers that were added to look into the pod.
    pub(super) fn validate_ephemeral_containers(&self, path: &Path<'_>) -> ErrorList {
        let mut errors = ErrorList::new();
        let others = self.spec.containers.iter().chain(&self.spec.init_containers);
        let others: HashSet<&str> = others.map(|container| container.name.as_str()).collect();
        let mut all = others.clone();
        for (index, ephemeral) in self.spec.ephemeral_containers.iter().enumerate() {
            let path = path.index(index);
            let container = as_container(ephemeral);
            errors.append(self.validate_common(&container, &path));
            errors.extend(validate_image_whitespace(&container.image, &path));
            if !all.insert(&ephemeral.name) {
                errors.push(Error::duplicate(&path.child("name"), &ephemeral.name));
            }
            let target = ephemeral.target_container_name.as_str();
            if !target.is_empty() && !others.contains(target) {
                errors.push(Error::not_found(&path.child("targetContainerName"), target));
            }
            errors.append(validate_ephemeral_members(ephemeral, &path));
        }
        errors
    }
}

/// Members that an ephemeral container shares with others in form, but may not have.
fn validate_ephemeral_members(container: &EphemeralContainer, path: &Path<'_>) -> ErrorList {
    const REFUSED: &str = "cannot be set for an Ephemeral Container";
    let resources = &container.resources;
    let has_resources = !(resources.limits.is_empty() && resources.requests.is_empty() && resources.claims.is_empty());
    let refused = [
        ("ports", !container.ports.is_empty()),
        ("resources", has_resources),
        ("resizePolicy", !container.resize_policy.is_empty()),
        ("restartPolicy", container.restart_policy.is_some()),
        ("restartPolicyRules", !container.restart_policy_rules.is_empty()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
        ("lifecycle", container.lifecycle.is_some()),
    ];
    let set = refused.into_iter().filter(|(_, set)| *set);
    let mut errors: ErrorList = set
        .map(|(name, _)| Error::forbidden(&path.child(name), REFUSED))
        .collect();
    let mounts = path.child("volumeMounts");
    for (index, mount) in container.volume_mounts.iter().enumerate() {
        let path = mounts.index(index);
        for (name, value) in [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)] {
            if !value.is_empty() {
                errors.push(Error::forbidden(&path.child(name), REFUSED));
            }
        }
    }
    errors
}

/// Pods, other than templates, have images without white space around their names.
pub(super) fn validate_image_whitespace(image: &str, path: &Path<'_>) -> Option<Error> {
    let fault = image.trim().len() != image.len();
    fault.then(|| {
        Error::invalid(
            &path.child("image"),
            image,
            "must not have leading or trailing whitespace",
        )
    })
}

pub(super) fn validate_pull_policy(policy: &str, path: &Path<'_>) -> Option<Error> {
    required_one_of(path, policy, &PULL_POLICIES)
}

fn validate_ports(ports: &[ContainerPort], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, port) in ports.iter().enumerate() {
        let at = path.index(index);
        let name = at.child("name");
        if !port.name.is_empty() {
            let messages = names::port_name(&port.name);
            if !messages.is_empty() {
                errors.append(invalid_each(&name, &port.name, messages));
            } else if !seen.insert(port.name.as_str()) {
                errors.push(Error::duplicate(&name, &port.name));
            }
        }
        let number = i64::from(port.container_port);
        let number_path = at.child("containerPort");
        if number == 0 {
            errors.push(Error::required(&number_path, ""));
        } else {
            errors.append(invalid_number(&number_path, number, names::port_number(number)));
        }
        let host = i64::from(port.host_port);
        if host != 0 {
            errors.append(invalid_number(&at.child("hostPort"), host, names::port_number(host)));
        }
        errors.extend(required_one_of(
            &at.child("protocol"),
            &port.protocol,
            &["SCTP", "TCP", "UDP"],
        ));
    }
    errors
}

fn validate_host_ports(containers: &[Container], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, container) in containers.iter().enumerate() {
        let at = path.index(index);
        let ports = at.child("ports");
        for (index, port) in container
            .ports
            .iter()
            .enumerate()
            .filter(|(_, port)| port.host_port != 0)
        {
            let key = format!("{}/{}/{}", port.protocol, port.host_ip, port.host_port);
            if seen.contains(&key) {
                let at = ports.index(index);
                errors.push(Error::duplicate(&at.child("hostPort"), &key));
            } else {
                seen.insert(key);
            }
        }
    }
    errors
}

fn validate_resize_policy(policies: &[ContainerResizePolicy], pod_policy: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, policy) in policies.iter().enumerate() {
        if !seen.insert(policy.resource_name.as_str()) {
            let value = named(&policy.resource_name);
            errors.push(Error::duplicate(&path.index(index), value));
        }
        errors.extend(required_one_of(path, &policy.resource_name, &["cpu", "memory"]));
        errors.extend(required_one_of(
            path,
            &policy.restart_policy,
            &["NotRequired", "RestartContainer"],
        ));
        if pod_policy == "Never" && policy.restart_policy != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.push(Error::invalid(path, named(&policy.restart_policy), detail));
        }
    }
    errors
}

fn validate_init_restart_policy(container: &Container, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let rules = &container.restart_policy_rules;
    let Some(policy) = container.restart_policy.as_deref() else {
        return validate_missing_policy(container, path).into_iter().collect();
    };
    if !options.allow_container_restart_rules {
        return one_of(&path.child("restartPolicy"), policy, &["Always"])
            .into_iter()
            .collect();
    }
    if policy == "Always" && !options.allow_restart_all_containers {
        let detail = "restartPolicyRules are not allowed for init containers with restart policy Always";
        let path = path.child("restartPolicyRules");
        let fault = (!rules.is_empty()).then(|| Error::forbidden(&path, detail));
        return fault.into_iter().collect();
    }
    validate_restart_rules(container, options, path)
}

fn validate_missing_policy(container: &Container, path: &Path<'_>) -> Option<Error> {
    let fault = container.restart_policy.is_none() && !container.restart_policy_rules.is_empty();
    let detail = "must specify restartPolicy when restart rules are used";
    fault.then(|| Error::required(&path.child("restartPolicy"), detail))
}

fn validate_restart_rules(container: &Container, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let policy = container.restart_policy.as_deref();
    let mut errors: ErrorList = validate_missing_policy(container, path).into_iter().collect();
    errors.extend(policy.and_then(|policy| one_of(&path.child("restartPolicy"), policy, &RESTART_POLICIES)));
    let rules = &container.restart_policy_rules;
    let list = path.child("restartPolicyRules");
    if rules.len() > MAX_RESTART_RULES {
        errors.push(Error::too_many(&list, rules.len(), MAX_RESTART_RULES));
    }
    let actions: &[&str] = if options.allow_restart_all_containers {
        &["Restart", "RestartAllContainers"]
    } else {
        &["Restart"]
    };
    for (index, rule) in rules.iter().enumerate() {
        let path = list.index(index);
        errors.extend(one_of(&path.child("action"), &rule.action, actions));
        let codes_path = path.child("exitCodes");
        let Some(codes) = &rule.exit_codes else {
            errors.push(Error::required(&codes_path, "must be specified"));
            continue;
        };
        errors.extend(one_of(&codes_path.child("operator"), &codes.operator, &["In", "NotIn"]));
        if codes.values.len() > MAX_EXIT_CODES {
            let path = codes_path.child("values");
            errors.push(Error::too_many(&path, codes.values.len(), MAX_EXIT_CODES));
        }
    }
    errors
}
