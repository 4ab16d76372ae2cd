//! `kubectl create service`: a command a type.

mod ports;

use apimachinery::names::dns1123_subdomain;
use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "service",
    usage: "[flags]",
    short: "Create a service using a specified subcommand",
    long: "Create a service using a specified subcommand.",
    aliases: &["svc"],
    subcommands: &[&CLUSTER_IP, &EXTERNAL_NAME, &LOAD_BALANCER, &NODE_PORT],
    ..Command::EMPTY
};

static CLUSTER_IP: Command = Command {
    name: "clusterip",
    usage: "NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
    short: "Create a ClusterIP service",
    long: "Create a ClusterIP service with the specified name.",
    examples: "# A service
kubectl create service clusterip my-cs --tcp=5678:8080

# A headless service
kubectl create service clusterip my-cs --clusterip=\"None\"",
    options: Some(Generated::<ClusterIp>::options),
    ..Command::EMPTY
};

static NODE_PORT: Command = Command {
    name: "nodeport",
    usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    short: "Create a NodePort service",
    long: "Create a NodePort service with the specified name.",
    examples: "# A service on every node
kubectl create service nodeport my-ns --tcp=5678:8080",
    options: Some(Generated::<NodePort>::options),
    ..Command::EMPTY
};

static LOAD_BALANCER: Command = Command {
    name: "loadbalancer",
    usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
    short: "Create a LoadBalancer service",
    long: "Create a LoadBalancer service with the specified name.",
    examples: "# A service behind a balancer
kubectl create service loadbalancer my-lbs --tcp=5678:8080",
    options: Some(Generated::<LoadBalancer>::options),
    ..Command::EMPTY
};

static EXTERNAL_NAME: Command = Command {
    name: "externalname",
    usage: "NAME --external-name external.name [--dry-run=server|client|none]",
    short: "Create an ExternalName service",
    long: "Create an ExternalName service with the specified name.\n\n It stands for a DNS name outside, so that pods reach by a service what runs off platform, on other clusters, or locally.",
    examples: "# A service that stands for bar.com
kubectl create service externalname my-ns --external-name bar.com",
    options: Some(Generated::<ExternalName>::options),
    ..Command::EMPTY
};

const TCP: &str = "Port pairs can be specified as '<port>:<targetPort>'.";

/// The Service of a type: its pods have the label `app`.
fn service(name: &str, service_type: &str, tcp: &[String], node_port: i64) -> Result<Value> {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"type": service_type, "selector": {"app": name}},
    });
    service["spec"]["ports"] = ports::parse(tcp, node_port)?.into();
    Ok(service)
}

fn require_ports(tcp: &[String]) -> Result<()> {
    if tcp.is_empty() {
        return Err(message!("at least one tcp port specifier must be provided"));
    }
    Ok(())
}

#[derive(Default)]
struct ClusterIp {
    tcp: Vec<String>,
    cluster_ip: String,
}

#[async_trait(?Send)]
impl Generator for ClusterIp {
    const FAILURE: &'static str = "failed to create ClusterIP service: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("tcp", &mut self.tcp, TCP);
        flags.add(
            "clusterip",
            &mut self.cluster_ip,
            "Assign your own ClusterIP or set to 'None' for a 'headless' service (no loadbalancing).",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        if self.cluster_ip != "None" {
            require_ports(&self.tcp)?;
        }
        let mut service = service(name, "ClusterIP", &self.tcp, 0)?;
        service["spec"]["clusterIP"] = self.cluster_ip.as_str().into();
        Ok(service)
    }
}

#[derive(Default)]
struct NodePort {
    tcp: Vec<String>,
    node_port: i64,
}

#[async_trait(?Send)]
impl Generator for NodePort {
    const FAILURE: &'static str = "failed to create NodePort service: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("tcp", &mut self.tcp, TCP);
        flags.add(
            "node-port",
            &mut self.node_port,
            "Port used to expose the service on each node in a cluster.",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_ports(&self.tcp)?;
        service(name, "NodePort", &self.tcp, self.node_port)
    }
}

#[derive(Default)]
struct LoadBalancer {
    tcp: Vec<String>,
}

#[async_trait(?Send)]
impl Generator for LoadBalancer {
    const FAILURE: &'static str = "failed to create LoadBalancer service: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("tcp", &mut self.tcp, TCP);
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_ports(&self.tcp)?;
        service(name, "LoadBalancer", &self.tcp, 0)
    }
}

#[derive(Default)]
struct ExternalName {
    tcp: Vec<String>,
    external_name: String,
}

#[async_trait(?Send)]
impl Generator for ExternalName {
    const REQUIRED: &'static [&'static str] = &["external-name"];
    const FAILURE: &'static str = "failed to create ExternalName service: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("tcp", &mut self.tcp, TCP);
        flags.add("external-name", &mut self.external_name, "External name of service");
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        if !dns1123_subdomain(&self.external_name).is_empty() {
            return Err(message!("invalid service external name {}", self.external_name));
        }
        let mut service = service(name, "ExternalName", &self.tcp, 0)?;
        service["spec"]["externalName"] = self.external_name.as_str().into();
        Ok(service)
    }
}
