//! `kubectl expose`.

mod exposed;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::service::ServiceOptions;

use cli_runtime::{FilenameOptions, Info, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::select::pairs;
use crate::write::{self, Overrides, Record, Writing, made, refused, visit};

/// The command.
pub static COMMAND: Command = Command {
    name: "expose",
    usage: "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]",
    short: "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    long: "Expose a resource as a new Kubernetes service.\n\n The selector of a deployment, service, replica set, replication controller or pod becomes the selector of a new service on the port that is given. Of a deployment or replica set it must consist of matchLabels alone. Without --port the service has all ports of the resource, and without --labels the resource's labels.\n\n Possible resources include (case insensitive):\n\n pod (po), service (svc), replicationcontroller (rc), deployment (deploy), replicaset (rs)",
    examples: "# Port 80 of a service for the containers' port 8000
kubectl expose rc nginx --port=80 --target-port=8000

# The same for what a manifest describes
kubectl expose -f nginx-controller.yaml --port=80 --target-port=8000

# A service of another name for a pod
kubectl expose pod valid-pod --port=444 --name=frontend

# A second service for the pods of a service
kubectl expose service nginx --port=443 --target-port=8443 --name=nginx-https

# UDP
kubectl expose rc streamer --port=4100 --protocol=UDP --name=video-stream

# A replica set
kubectl expose rs nginx --port=80 --target-port=8000

# A deployment
kubectl expose deployment nginx --port=80 --target-port=8000",
    group: Group::Beginner,
    options: Some(|| Box::new(ExposeOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// How long the name of a Service may be.
const NAME_LENGTH: usize = 63;

struct ExposeOptions {
    writing: Writing,
    files: FilenameOptions,
    record: Record,
    overrides: Overrides,
    save_config: bool,
    service: ServiceOptions,
}

impl Default for ExposeOptions {
    fn default() -> Self {
        Self {
            writing: Writing::declared("exposed", "kubectl-expose"),
            files: FilenameOptions::new("identifying the resource to expose a service"),
            record: Record::default(),
            overrides: Overrides::default(),
            save_config: false,
            service: ServiceOptions::default(),
        }
    }
}

impl Flags for ExposeOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let service = &mut self.service;
        for (name, value, usage) in [
            (
                "protocol",
                &mut service.protocol,
                "The network protocol for the service to be created. Default is 'TCP'.",
            ),
            (
                "port",
                &mut service.ports,
                "The port that the service should serve on. Copied from the resource being exposed, if unspecified",
            ),
            (
                "type",
                &mut service.service_type,
                "Type for this service: ClusterIP, NodePort, LoadBalancer, or ExternalName. Default is 'ClusterIP'.",
            ),
            (
                "load-balancer-ip",
                &mut service.load_balancer_ip,
                "IP to assign to the LoadBalancer. If empty, an ephemeral IP will be created and used (cloud-provider specific).",
            ),
            (
                "selector",
                &mut service.selector,
                "A label selector to use for this service. Only equality-based selector requirements are supported. If empty (the default) infer the selector from the resource being exposed.",
            ),
            (
                "target-port",
                &mut service.target_port,
                "Name or number for the port on the container that the service should direct traffic to. Optional.",
            ),
            (
                "external-ip",
                &mut service.external_ip,
                "Additional external IP address (not managed by Kubernetes) to accept for the service. If this IP is routed to a node, the service can be accessed by this IP in addition to its generated service IP.",
            ),
            ("name", &mut service.name, "The name for the newly created object."),
            (
                "session-affinity",
                &mut service.session_affinity,
                "If non-empty, set the session affinity for the service to this; legal values: 'None', 'ClientIP'",
            ),
            (
                "cluster-ip",
                &mut service.cluster_ip,
                "ClusterIP to be assigned to the service. Leave empty to auto-allocate, or set to 'None' to create a headless service.",
            ),
        ] {
            flags.add(name, value, usage);
        }
        flags
            .add(
                "labels",
                &mut service.labels,
                "Labels to apply to the service created by this call.",
            )
            .shorthand('l');
        self.record.add_flags(flags);
        self.overrides.add_flags(flags);
        write::add_save_config_flag(flags, &mut self.save_config);
        self.files.add_flags(flags);
        self.writing.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for ExposeOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.writing.check()?;
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .resource_type_or_name_args(false, arguments)
            .flatten()
            .find()
            .await?;
        visit(found, async |info| self.one(context, &info).await).await
    }
}

impl ExposeOptions {
    async fn one(&self, context: &Context, info: &Info) -> Result<()> {
        let service = self.complete(info)?.service().map_err(refused)?;
        let mut service = self.overrides.apply(service)?;
        self.record.apply(context, &mut service);
        let client = self.writing.dry_run.is_client();
        if client {
            made::place(context, &mut service)?;
        }
        let save = self.save_config && !client;
        let service = made::create(context, service, save, &self.writing, &self.writing.options()).await?;
        self.writing.print(context, &service)
    }

    /// What is not given is that of the exposed object.
    fn complete(&self, info: &Info) -> Result<ServiceOptions> {
        let object = info.object();
        exposed::check(info)?;
        let mut service = self.service.clone();
        if service.name.is_empty() {
            service.name = info.name.chars().take(NAME_LENGTH).collect();
        }
        if service.selector.is_empty() {
            service.selector = exposed::selector(object).map_err(|error| {
                message!("couldn't retrieve selectors via --selector flag or introspection: {error}")
            })?;
        }
        if service.ports.is_empty() {
            let ports = exposed::ports(object);
            if ports.is_empty() && service.cluster_ip != "None" {
                return Err(message!("couldn't find port via --port flag or introspection"));
            }
            service.ports = ports.join(",");
        }
        service.protocols = exposed::protocols(object);
        if service.labels.is_empty() {
            service.labels = pairs(&object["metadata"]["labels"]);
        }
        Ok(service)
    }
}
