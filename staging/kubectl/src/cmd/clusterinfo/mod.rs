//! `kubectl cluster-info`.

mod dump;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;

use cli_runtime::Result;
use cli_runtime::resource::text_at;

use crate::frame::{Arguments, Command, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "cluster-info",
    usage: "[flags]",
    short: "Display cluster information",
    long: "Display addresses of the control plane and services with label kubernetes.io/cluster-service=true. To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.",
    examples: "# The addresses of the control plane and of the cluster's services\nkubectl cluster-info",
    group: Group::ClusterManagement,
    subcommands: &[&dump::DUMP],
    options: Some(|| Box::new(ClusterInfo)),
    ..Command::EMPTY
};

struct ClusterInfo;

impl Flags for ClusterInfo {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

/// Where a service is reached: its load balancer, or the API server's proxy.
fn link(host: &str, service: &Value) -> String {
    let ports = service["spec"]["ports"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ingress = &service["status"]["loadBalancer"]["ingress"][0];
    if ingress.is_object() {
        let address = match text_at(ingress, &["ip"]) {
            "" => text_at(ingress, &["hostname"]),
            ip => ip,
        };
        return ports
            .iter()
            .map(|port| format!("http://{address}:{} ", port["port"]))
            .collect();
    }
    let mut name = text_at(service, &["metadata", "name"]).to_owned();
    if let Some(port) = ports.first() {
        let port_name = text_at(port, &["name"]);
        let scheme = if port_name == "https" || port["port"] == 443 {
            "https"
        } else {
            ""
        };
        name = match (scheme, port_name) {
            ("", "") => name,
            ("", port) => format!("{name}:{port}"),
            (scheme, port) => format!("{scheme}:{name}:{port}"),
        };
    }
    let namespace = text_at(service, &["metadata", "namespace"]);
    format!("{host}/api/v1/namespaces/{namespace}/services/{name}/proxy")
}

#[async_trait(?Send)]
impl Run for ClusterInfo {
    async fn run(&mut self, context: &Context, _arguments: &Arguments) -> Result<()> {
        let namespace = match context.factory.flags().namespace.as_str() {
            "" => "kube-system",
            namespace => namespace,
        };
        let host = context.factory.config()?.host;
        let outcome = async {
            let found = context
                .builder()
                .namespace(namespace)
                .default_namespace()
                .label_selector("kubernetes.io/cluster-service=true")
                .resource_types(&["services"])
                .latest()
                .find()
                .await?;
            for info in found.into_infos()? {
                context.streams.out.print(running("Kubernetes control plane", &host))?;
                for service in info.object()["items"].as_array().into_iter().flatten() {
                    let labelled = service["metadata"]["labels"]["kubernetes.io/name"]
                        .as_str()
                        .unwrap_or_default();
                    let name = if labelled.is_empty() {
                        text_at(service, &["metadata", "name"])
                    } else {
                        labelled
                    };
                    context.streams.out.print(running(name, &link(&host, service)))?;
                }
            }
            Ok(())
        };
        let outcome = outcome.await;
        context
            .streams
            .out
            .print("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n")?;
        outcome
    }
}

fn running(name: &str, link: &str) -> String {
    format!("{name} is running at {link}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_are_reached_through_the_proxy_or_a_load_balancer() {
        let service = |spec: Value, status: Value| json!({"metadata": {"name": "dns", "namespace": "kube-system"}, "spec": spec, "status": status});
        for (service, expected) in [
            (
                service(json!({"ports": [{"name": "dns", "port": 53}]}), json!({})),
                "https://h/api/v1/namespaces/kube-system/services/dns:dns/proxy",
            ),
            (
                service(json!({"ports": [{"port": 443}]}), json!({})),
                "https://h/api/v1/namespaces/kube-system/services/https:dns:/proxy",
            ),
            (
                service(
                    json!({"ports": [{"port": 80}]}),
                    json!({"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}),
                ),
                "http://1.2.3.4:80 ",
            ),
        ] {
            assert_eq!(link("https://h", &service), expected);
        }
    }
}
