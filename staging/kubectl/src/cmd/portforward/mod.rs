//! `kubectl port-forward`.

mod listeners;
mod ports;

use std::sync::Arc;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use streaming::portforward::{ForwardError, PortForwarder, parse_port};

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{CommandError, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::remote::{dial_error, endpoint};
use crate::pods::{add_running_timeout_flag, check_running_timeout, select};

/// The command.
pub static COMMAND: Command = Command {
    name: "port-forward",
    usage: "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    short: "Forward one or more local ports to a pod",
    long: "Forward one or more local ports to a pod.\n\n A pod is chosen when something that has pods, such as a deployment or a service, is named. The forwarding ends when that pod does, and has to be started again then.",
    examples: "# Ports 5000 and 6000 here lead to the same ports of the pod
kubectl port-forward pod/mypod 5000 6000

# The same for a pod of a deployment
kubectl port-forward deployment/mydeployment 5000 6000

# Port 8443 here leads to the target port of the service's port named \"https\"
kubectl port-forward service/myservice 8443:https

# Port 8888 here leads to port 5000 of the pod
kubectl port-forward pod/mypod 8888:5000

# On all addresses
kubectl port-forward --address 0.0.0.0 pod/mypod 8888:5000

# On the loopback address and another one
kubectl port-forward --address localhost,10.19.21.23 pod/mypod 8888:5000

# Any free port here
kubectl port-forward pod/mypod :5000",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(PortForwardOptions::default())),
    completion: Completion::Pods,
    ..Command::EMPTY
};

struct PortForwardOptions {
    address: Vec<String>,
    timeout: GoDuration,
}

impl Default for PortForwardOptions {
    fn default() -> Self {
        Self {
            address: vec!["localhost".to_owned()],
            timeout: GoDuration::from_secs(60),
        }
    }
}

impl Flags for PortForwardOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        add_running_timeout_flag(flags, &mut self.timeout);
        flags.add("address", &mut self.address, "Addresses to listen on (comma separated). Only accepts IP addresses or localhost as a value. When localhost is supplied, kubectl will try to bind on both 127.0.0.1 and ::1 and will fail if neither of these addresses are available to bind.");
    }
}

#[async_trait(?Send)]
impl Run for PortForwardOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let [target, wanted @ ..] = &arguments[..] else {
            return Err(context.usage_error("TYPE/NAME and list of ports are required for port-forward"));
        };
        if wanted.is_empty() {
            return Err(context.usage_error("TYPE/NAME and list of ports are required for port-forward"));
        }
        check_running_timeout(self.timeout).map_err(|error| context.usage_error(&error.to_string()))?;
        let (namespace, _) = context.factory.namespace()?;
        let object = select::object(context, &namespace, target).await?;
        let service = (group_kind(&object).1 == "Service").then(|| object.clone());
        let pod = select::attachable(context, object, self.timeout).await?;
        let translated = match &service {
            Some(service) => ports::of_service(wanted, service, &pod)?,
            None => ports::of_pod(wanted, &pod)?,
        };
        let phase = text_at(&pod, &["status", "phase"]);
        if phase != "Running" {
            return Err(message!(
                "unable to forward port because pod is not running. Current status={phase}"
            ));
        }
        let addresses = listeners::addresses(&self.address)?;
        let forwarded: Vec<_> = translated
            .iter()
            .map(|port| parse_port(port).map_err(|error| message!("{error}")))
            .collect::<Result<_>>()?;
        let endpoint = endpoint(context, &pod, "portforward", &[]).await?;
        let forwarder = match PortForwarder::dial(&endpoint).await {
            Ok(forwarder) => Arc::new(forwarder),
            Err(ForwardError::Dial(error)) => {
                return Err(match dial_error(&error) {
                    CommandError::Message(text) => message!("error upgrading connection: {text}"),
                    other => other,
                });
            }
            Err(error) => return Err(message!("{error}")),
        };
        let mut listeners = Vec::new();
        for port in forwarded {
            listeners.extend(listeners::listen(&addresses, port, &context.streams).await?);
        }
        let mut running: FuturesUnordered<_> = listeners
            .iter()
            .map(|(listener, port)| {
                let out = context.streams.out.clone();
                forwarder.forward(listener, *port, move |port| {
                    // Whether anybody reads that does not matter to the connection.
                    let _ = out.print(format!("Handling connection for {}\n", port.local));
                })
            })
            .collect();
        tokio::select! {
            ended = running.next() => match ended {
                Some(error) => Err(message!("{error}")),
                None => Ok(()),
            },
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }
}
