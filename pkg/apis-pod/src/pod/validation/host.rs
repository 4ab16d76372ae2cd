//! Names and addresses: what a pod is called, whom it asks for names, and what it shares with its host.

use std::collections::HashMap;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{HostAlias, PodDNSConfig, PodSpec, Volume};

use super::super::{PodValidationOptions, for_each_container};
use crate::rules::{dns_subdomain, invalid_each};

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCH_PATHS: usize = 32;
const MAX_SEARCH_CHARACTERS: usize = 2048;
const MAX_HOSTNAME_LENGTH: usize = 64;

pub(super) fn validate_dns_config(
    config: Option<&PodDNSConfig>,
    policy: &str,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let Some(config) = config else {
        let fault = policy == "None";
        let error = fault.then(|| Error::required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
        return error.into_iter().collect();
    };
    let servers = path.child("nameservers");
    if policy == "None" && config.nameservers.is_empty() {
        let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return Error::required(&servers, detail).into();
    }
    let mut errors = ErrorList::new();
    if config.nameservers.len() > MAX_NAMESERVERS {
        let detail = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        errors.push(Error::invalid(&servers, BadValue::json(&config.nameservers), detail));
    }
    for (index, server) in config.nameservers.iter().enumerate() {
        let path = servers.index(index);
        errors.append(names::validate_legacy_ip(&path, server, options.strict_ips, &[]));
    }
    let searches = path.child("searches");
    let mut refuse = |detail: String| {
        errors.push(Error::invalid(&searches, BadValue::json(&config.searches), detail));
    };
    if config.searches.len() > MAX_SEARCH_PATHS {
        refuse(format!("must not have more than {MAX_SEARCH_PATHS} search paths"));
    }
    if config.searches.join(" ").len() > MAX_SEARCH_CHARACTERS {
        refuse(format!(
            "must not have more than {MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        ));
    }
    for (index, search) in config.searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        let messages = names::dns1123_subdomain_with_underscore(search);
        errors.append(invalid_each(&searches.index(index), search, messages));
    }
    let list = path.child("options");
    let unnamed = config
        .options
        .iter()
        .enumerate()
        .filter(|(_, option)| option.name.is_empty());
    errors.extend(unnamed.map(|(index, _)| Error::required(&list.index(index), "must not be empty")));
    errors
}

pub(super) fn validate_host_aliases(
    aliases: &[HostAlias],
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, alias) in aliases.iter().enumerate() {
        let path = path.index(index);
        errors.append(names::validate_legacy_ip(
            &path.child("ip"),
            &alias.ip,
            options.strict_ips,
            &[],
        ));
        let list = path.child("hostnames");
        for (index, name) in alias.hostnames.iter().enumerate() {
            errors.append(dns_subdomain(&list.index(index), name));
        }
    }
    errors
}

/// On the host's network the ports of containers are those of the host.
pub(super) fn validate_host_network(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if !spec.host_network {
        return errors;
    }
    let list = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let path = list.index(index);
        let ports = path.child("ports");
        for (index, port) in container.ports.iter().enumerate() {
            // In a template the port of the host may still be open.
            let checked = options.is_pod || port.host_port != 0;
            if checked && port.host_port != port.container_port {
                let path = ports.index(index);
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.push(Error::invalid(&path.child("hostPort"), port.host_port, detail));
            }
        }
    }
    errors
}

/// What does not go with a user namespace of the pod's own.
pub(super) fn validate_host_users(spec: &PodSpec, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    const REFUSED: &str = "when `hostUsers` is false";
    let mut errors = ErrorList::new();
    if spec.host_users != Some(false) {
        return errors;
    }
    let shared = [
        (
            "hostNetwork",
            spec.host_network && !options.allow_user_namespace_host_network,
        ),
        ("HostPID", spec.host_pid),
        ("HostIPC", spec.host_ipc),
    ];
    let set = shared.into_iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(name, _)| Error::forbidden(&path.child(name), REFUSED)));
    if !options.allow_user_namespace_devices {
        for_each_container(spec, path, |container, _, path| {
            if !container.volume_devices.is_empty() {
                errors.push(Error::forbidden(&path.child("volumeDevices"), REFUSED));
            }
        });
    }
    errors
}

pub(super) fn validate_hostname_override(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(name) = &spec.hostname_override else {
        return errors;
    };
    let path = path.child("hostnameOverride");
    if spec.set_hostname_as_fqdn == Some(true) {
        let detail = "may not be specified when setHostnameAsFQDN is true";
        errors.push(Error::forbidden(&path, detail));
    }
    if spec.host_network {
        errors.push(Error::forbidden(&path, "may not be specified when hostNetwork is true"));
    }
    if name.len() > MAX_HOSTNAME_LENGTH {
        errors.push(Error::too_long(&path, MAX_HOSTNAME_LENGTH));
    }
    errors.append(dns_subdomain(&path, name));
    errors
}

/// Files of variables lie in empty directories of the pod.
pub(super) fn validate_file_key_volumes(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let volumes: HashMap<&str, &Volume> = spec
        .volumes
        .iter()
        .map(|volume| (volume.name.as_str(), volume))
        .collect();
    for_each_container(spec, path, |container, _, path| {
        let list = path.child("env");
        for (index, variable) in container.env.iter().enumerate() {
            let file = variable
                .value_from
                .as_ref()
                .and_then(|source| source.file_key_ref.as_ref());
            let Some(file) = file else {
                continue;
            };
            let path = list.index(index);
            let path = path.child("valueFrom.fileKeyRef.volumeName");
            match volumes.get(file.volume_name.as_str()) {
                None => errors.push(Error::not_found(&path, &file.volume_name)),
                Some(volume) if volume.empty_dir.is_none() => {
                    let detail = "referenced volume must be of type emptyDir";
                    errors.push(Error::invalid(&path, &file.volume_name, detail));
                }
                Some(_) => {}
            }
        }
    });
    errors
}
