//! The downward API: a pod's own members and resources as text.

use k8s_api::Map;
use k8s_api::core::v1::{Container, Pod, ResourceFieldSelector};
use k8s_api::primitives::{Quantity, quote};

use crate::container;

/// The field or resource cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The path is none that the downward API knows.
    #[error("unsupported fieldPath: {0}")]
    UnsupportedField(String),
    /// The path takes no key in brackets.
    #[error("fieldPath {0:?} does not support subscript")]
    NoSubscript(String),
    /// The resource is none that the downward API knows.
    #[error("unsupported container resource : {0}")]
    UnsupportedResource(String),
    /// There is no such container.
    #[error("container {0} not found")]
    ContainerNotFound(String),
}

/// The addresses and names that only the kubelet knows.
#[derive(Clone, Debug, Default)]
pub struct Addresses<'a> {
    /// Of the pod, the primary one first.
    pub pod_ips: &'a [String],
    /// Of the node, the primary one first.
    pub host_ips: &'a [String],
}

/// A map as the downward API prints it: sorted, one `key="value"` a line.
fn format_map(map: &Map<String>) -> String {
    let lines: Vec<_> = map
        .iter()
        .map(|(key, value)| format!("{key}={}", quote(value)))
        .collect();
    lines.join("\n")
}

/// A field that is metadata: all that volumes may show, and environment variables too.
///
/// # Errors
/// If the path is not one of those.
pub fn metadata_field(pod: &Pod, path: &str) -> Result<String, FieldError> {
    let meta = &pod.metadata;
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let map = match map {
            "metadata.annotations" => &meta.annotations,
            "metadata.labels" => &meta.labels,
            _ => return Err(FieldError::NoSubscript(path.to_owned())),
        };
        return Ok(map.get(key).cloned().unwrap_or_default());
    }
    match path {
        "metadata.annotations" => Ok(format_map(&meta.annotations)),
        "metadata.labels" => Ok(format_map(&meta.labels)),
        "metadata.name" => Ok(meta.name.clone()),
        "metadata.namespace" => Ok(meta.namespace.clone()),
        "metadata.uid" => Ok(meta.uid.clone()),
        _ => Err(FieldError::UnsupportedField(path.to_owned())),
    }
}

/// A field for an environment variable.
///
/// # Errors
/// If the path is unknown.
pub fn environment_field(pod: &Pod, path: &str, addresses: &Addresses<'_>) -> Result<String, FieldError> {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    match path {
        "spec.nodeName" => Ok(pod.spec.node_name.clone()),
        "spec.serviceAccountName" => Ok(pod.spec.service_account_name.clone()),
        "status.hostIP" => Ok(first(addresses.host_ips)),
        "status.hostIPs" => Ok(addresses.host_ips.join(",")),
        "status.podIP" => Ok(first(addresses.pod_ips)),
        "status.podIPs" => Ok(addresses.pod_ips.join(",")),
        other => metadata_field(pod, other),
    }
}

/// A resource of a container, divided and rounded up. A limit that is not set is the node's allocatable amount.
///
/// # Errors
/// If the resource or the container named by the selector is unknown.
pub fn resource_field(
    pod: &Pod,
    own: Option<&Container>,
    selector: &ResourceFieldSelector,
    allocatable: &Map<Quantity>,
) -> Result<String, FieldError> {
    let named;
    let container = match own.filter(|_| selector.container_name.is_empty()) {
        Some(own) => own,
        None => {
            let missing = || FieldError::ContainerNotFound(selector.container_name.clone());
            named = container::find(&pod.spec, &selector.container_name)
                .ok_or_else(missing)?
                .1;
            named.as_ref()
        }
    };
    let unsupported = || FieldError::UnsupportedResource(selector.resource.clone());
    let (side, name) = selector.resource.split_once('.').ok_or_else(unsupported)?;
    if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !name.starts_with("hugepages-") {
        return Err(unsupported());
    }
    let zero = Quantity::default();
    let amount = match side {
        "limits" => {
            let limit = container.resources.limits.get(name).filter(|limit| !limit.is_zero());
            limit.or_else(|| allocatable.get(name)).unwrap_or(&zero)
        }
        "requests" => container.resources.requests.get(name).unwrap_or(&zero),
        _ => return Err(unsupported()),
    };
    let divided = if name == "cpu" {
        let divisor = divisor_or(selector.divisor.milli_value(), 1000);
        ceil_div(amount.milli_value(), divisor)
    } else {
        ceil_div(amount.value(), divisor_or(selector.divisor.value(), 1))
    };
    Ok(divided.to_string())
}

fn divisor_or(divisor: i64, default: i64) -> i64 {
    if divisor == 0 { default } else { divisor }
}

fn ceil_div(amount: i64, divisor: i64) -> i64 {
    amount / divisor + i64::from(amount % divisor > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_pod() {
        let mut pod = Pod::default();
        pod.metadata.name = "p".to_owned();
        pod.metadata.labels = [("b".to_owned(), "2\"".to_owned()), ("a".to_owned(), "1".to_owned())]
            .into_iter()
            .collect();
        pod.spec.node_name = "n".to_owned();
        let ips = ["10.0.0.2".to_owned(), "fd00::2".to_owned()];
        let addresses = Addresses {
            pod_ips: &ips,
            host_ips: &[],
        };
        let field = |path: &str| environment_field(&pod, path, &addresses);
        assert_eq!(field("metadata.labels").as_deref(), Ok("a=\"1\"\nb=\"2\\\"\""));
        assert_eq!(field("metadata.labels['a']").as_deref(), Ok("1"));
        assert_eq!(field("metadata.labels['none']").as_deref(), Ok(""));
        assert_eq!(field("spec.nodeName").as_deref(), Ok("n"));
        assert_eq!(field("status.podIP").as_deref(), Ok("10.0.0.2"));
        assert_eq!(field("status.podIPs").as_deref(), Ok("10.0.0.2,fd00::2"));
        assert_eq!(field("spec.x"), Err(FieldError::UnsupportedField("spec.x".to_owned())));
        assert_eq!(
            metadata_field(&pod, "spec.nodeName"),
            Err(FieldError::UnsupportedField("spec.nodeName".to_owned()))
        );
        assert_eq!(
            field("spec.x['a']"),
            Err(FieldError::NoSubscript("spec.x['a']".to_owned()))
        );
    }

    #[test]
    fn resources_of_a_container() {
        let quantity = |text: &str| text.parse::<Quantity>().expect("a quantity");
        let mut pod = Pod::default();
        let mut own = Container {
            name: "c".to_owned(),
            ..Default::default()
        };
        own.resources.limits.insert("cpu", quantity("1500m"));
        own.resources.requests.insert("memory", quantity("100Mi"));
        pod.spec.containers.push(own.clone());
        let allocatable: Map<Quantity> = [("memory".to_owned(), quantity("1Gi"))].into_iter().collect();
        let field = |resource: &str, divisor: &str, container: &str| {
            let selector = ResourceFieldSelector {
                container_name: container.to_owned(),
                divisor: quantity(divisor),
                resource: resource.to_owned(),
            };
            resource_field(&pod, Some(&own), &selector, &allocatable)
        };
        assert_eq!(field("limits.cpu", "0", "").as_deref(), Ok("2"));
        assert_eq!(field("limits.cpu", "1m", "c").as_deref(), Ok("1500"));
        assert_eq!(field("requests.memory", "1Mi", "").as_deref(), Ok("100"));
        assert_eq!(field("limits.memory", "1Mi", "").as_deref(), Ok("1024"));
        assert_eq!(
            field("limits.gpu", "0", ""),
            Err(FieldError::UnsupportedResource("limits.gpu".to_owned()))
        );
        assert_eq!(
            field("limits.cpu", "0", "x"),
            Err(FieldError::ContainerNotFound("x".to_owned()))
        );
    }
}
