//! The environment of containers.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_api::Map;
use k8s_api::core::v1::{Container, EnvVarSource, Pod, Service};
use k8s_api::primitives::Quantity;
use kubelet_types::expansion::expand;
use kubelet_types::fields::{Addresses, environment_field, resource_field};
use kubelet_types::pod::is_static;
use kubelet_types::seams::{ApiError, ObjectSource};

/// The environment by name.
pub(crate) type Environment = BTreeMap<String, String>;

/// The environment of a container.
///
/// # Errors
/// If something that must be there is not.
pub(crate) async fn of_container(
    objects: &dyn ObjectSource,
    pod: &Pod,
    container: &Container,
    addresses: &Addresses<'_>,
) -> Result<Environment, String> {
    let links = pod.spec.enable_service_links.unwrap_or(true);
    let services = match objects.services() {
        Some(services) => service_variables(&services, &pod.metadata.namespace, links),
        None if is_static(pod) => Environment::new(),
        None => return Err("services have not yet been read at least once, cannot construct envvars".to_owned()),
    };
    let node = objects.node();
    let empty = Map::new();
    let source = Source {
        objects,
        pod,
        container,
        addresses,
        allocatable: node.as_ref().map_or(&empty, |node| &node.status.allocatable),
    };
    let mut own = source.env_from().await?;
    for variable in &container.env {
        let value = if !variable.value.is_empty() {
            Some(expand(&variable.value, |name| {
                own.get(name).or_else(|| services.get(name)).cloned()
            }))
        } else if let Some(from) = &variable.value_from {
            source.value_from(from).await?
        } else {
            Some(String::new())
        };
        if let Some(value) = value {
            own.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in services {
        own.entry(name).or_insert(value);
    }
    Ok(own)
}

struct Source<'a> {
    objects: &'a dyn ObjectSource,
    pod: &'a Pod,
    container: &'a Container,
    addresses: &'a Addresses<'a>,
    allocatable: &'a Map<Quantity>,
}

/// A missing object is none if it may be missing.
fn unless_optional<T>(found: Result<Arc<T>, ApiError>, optional: Option<bool>) -> Result<Option<Arc<T>>, String> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if optional == Some(true) && error.is_not_found() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

impl Source<'_> {
    async fn env_from(&self) -> Result<Environment, String> {
        let namespace = &self.pod.metadata.namespace;
        let mut variables = Environment::new();
        for from in &self.container.env_from {
            let prefix = &from.prefix;
            if let Some(source) = &from.config_map_ref {
                let found = self.objects.config_map(namespace, &source.name).await;
                let found = unless_optional(found, source.optional)?;
                let pairs = found.iter().flat_map(|map| map.data.iter());
                variables.extend(pairs.map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
            } else if let Some(source) = &from.secret_ref {
                let found = self.objects.secret(namespace, &source.name).await;
                let found = unless_optional(found, source.optional)?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let pairs = found.iter().flat_map(|secret| secret.data.iter());
                variables.extend(pairs.map(|(key, value)| (format!("{prefix}{key}"), text(value))));
            }
        }
        Ok(variables)
    }

    /// The value, or none if it is optional and missing.
    async fn value_from(&self, from: &EnvVarSource) -> Result<Option<String>, String> {
        let namespace = &self.pod.metadata.namespace;
        if let Some(field) = &from.field_ref {
            let value = environment_field(self.pod, &field.field_path, self.addresses);
            return value.map(Some).map_err(|error| error.to_string());
        }
        if let Some(selector) = &from.resource_field_ref {
            let value = resource_field(self.pod, Some(self.container), selector, self.allocatable);
            return value.map(Some).map_err(|error| error.to_string());
        }
        if let Some(source) = &from.config_map_key_ref {
            let found = self.objects.config_map(namespace, &source.name).await;
            let Some(map) = unless_optional(found, source.optional)? else {
                return Ok(None);
            };
            return match map.data.get(&source.key) {
                Some(value) => Ok(Some(value.clone())),
                None if source.optional == Some(true) => Ok(None),
                None => Err(format!(
                    "couldn't find key {} in ConfigMap {namespace}/{}",
                    source.key, source.name
                )),
            };
        }
        if let Some(source) = &from.secret_key_ref {
            let found = self.objects.secret(namespace, &source.name).await;
            let Some(secret) = unless_optional(found, source.optional)? else {
                return Ok(None);
            };
            return match secret.data.get(&source.key) {
                Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
                None if source.optional == Some(true) => Ok(None),
                None => Err(format!(
                    "couldn't find key {} in Secret {namespace}/{}",
                    source.key, source.name
                )),
            };
        }
        if from.file_key_ref.is_some() {
            return Err("environment variables from files (fileKeyRef) are not supported by this kubelet".to_owned());
        }
        Ok(Some(String::new()))
    }
}

/// The variables of the services of a namespace, and of the API server itself.
fn service_variables(services: &[Arc<Service>], namespace: &str, links: bool) -> Environment {
    let mut chosen: BTreeMap<&str, &Service> = BTreeMap::new();
    for service in services {
        let meta = &service.metadata;
        let ip = &service.spec.cluster_ip;
        if ip.is_empty() || ip == "None" {
            continue;
        }
        if meta.namespace == "default" && meta.name == "kubernetes" {
            chosen.entry(&meta.name).or_insert(service);
        } else if meta.namespace == namespace && links {
            chosen.insert(&meta.name, service);
        }
    }
    let mut variables = Environment::new();
    for service in chosen.into_values() {
        add_service(&mut variables, service);
    }
    variables
}

fn add_service(variables: &mut Environment, service: &Service) {
    let upper = |text: &str| text.replace('-', "_").to_uppercase();
    let ip = &service.spec.cluster_ip;
    let joined = |port: i32| {
        if ip.contains(':') {
            format!("[{ip}]:{port}")
        } else {
            format!("{ip}:{port}")
        }
    };
    let prefix = upper(&service.metadata.name);
    let mut set = |name: String, value: String| drop(variables.insert(name, value));
    set(format!("{prefix}_SERVICE_HOST"), ip.clone());
    for (index, port) in service.spec.ports.iter().enumerate() {
        let protocol = if port.protocol.is_empty() {
            "TCP"
        } else {
            &port.protocol
        };
        let lower = protocol.to_lowercase();
        let url = format!("{lower}://{}", joined(port.port));
        if index == 0 {
            set(format!("{prefix}_SERVICE_PORT"), port.port.to_string());
            set(format!("{prefix}_PORT"), url.clone());
        }
        if !port.name.is_empty() {
            set(
                format!("{prefix}_SERVICE_PORT_{}", upper(&port.name)),
                port.port.to_string(),
            );
        }
        let own = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
        set(format!("{own}_PROTO"), lower);
        set(format!("{own}_PORT"), port.port.to_string());
        set(format!("{own}_ADDR"), ip.clone());
        set(own, url);
    }
}
