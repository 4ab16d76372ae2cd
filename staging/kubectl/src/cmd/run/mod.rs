//! `kubectl run`.

mod image;
mod pod;
mod session;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::service::ServiceOptions;
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, FilenameOptions, Result, message};

use crate::cmd::delete::DeletionFlags;
use crate::frame::{Arguments, Command, Context, Group, Run};
use crate::pods::{add_running_timeout_flag, check_running_timeout};
use crate::write::{self, Overrides, Record, Writing, made, refused};

use pod::PodOptions;
use session::Session;

/// The command.
pub static COMMAND: Command = Command {
    name: "run",
    usage: "NAME --image=image [--env=\"key=value\"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]",
    short: "Run a particular image on the cluster",
    long: "Create and run a particular image in a pod.",
    examples: "# A pod of nginx
kubectl run nginx --image=nginx

# A container that exposes a port
kubectl run hazelcast --image=hazelcast/hazelcast --port=5701

# With environment variables
kubectl run hazelcast --image=hazelcast/hazelcast --env=\"DNS_DOMAIN=cluster\" --env=\"POD_NAMESPACE=default\"

# With labels
kubectl run hazelcast --image=hazelcast/hazelcast --labels=\"app=hazelcast,env=prod\"

# What would be created
kubectl run nginx --image=nginx --dry-run=client

# With a part of the specification given as JSON
kubectl run nginx --image=nginx --overrides='{ \"apiVersion\": \"v1\", \"spec\": { ... } }'

# In the foreground, and not again when it has ended
kubectl run -i -t busybox --image=busybox --restart=Never

# The image's own command with other arguments
kubectl run nginx --image=nginx -- <arg1> <arg2> ... <argN>

# Another command
kubectl run nginx --image=nginx --command -- <cmd> <arg1> ... <argN>",
    group: Group::Beginner,
    options: Some(|| Box::new(RunOptions::default())),
    ..Command::EMPTY
};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct RunOptions {
    writing: Writing,
    record: Record,
    overrides: Overrides,
    files: FilenameOptions,
    deletion: DeletionFlags,
    save_config: bool,
    pod: PodOptions,
    attach: bool,
    remove: bool,
    expose: bool,
    quiet: bool,
    /// Nobody looks for it yet, upstream's neither.
    detach_keys: String,
    timeout: GoDuration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            writing: Writing::declared("created", "kubectl-run"),
            record: Record::default(),
            overrides: Overrides::default(),
            files: FilenameOptions::of_deletion("to use to replace the resource."),
            deletion: DeletionFlags::new(false),
            save_config: false,
            pod: PodOptions::default(),
            attach: false,
            remove: false,
            expose: false,
            quiet: false,
            detach_keys: "ctrl-p,ctrl-q".to_owned(),
            timeout: GoDuration::from_secs(60),
        }
    }
}

impl Flags for RunOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.pod.add_flags(flags);
        flags.add("attach", &mut self.attach, "If true, wait for the Pod to start running, and then attach to the Pod as if 'kubectl attach ...' were called.  Default false, unless '-i/--stdin' is set, in which case the default is true. With '--restart=Never' the exit code of the container process is returned.");
        flags.add("rm", &mut self.remove, "If true, delete the pod after it exits.  Only valid when attaching to the container, e.g. with '--attach' or with '-i/--stdin'.");
        flags.add(
            "expose",
            &mut self.expose,
            "If true, create a ClusterIP service associated with the pod.  Requires `--port`.",
        );
        flags
            .add("quiet", &mut self.quiet, "If true, suppress prompt messages.")
            .shorthand('q');
        flags.add(
            "detach-keys",
            &mut self.detach_keys,
            "Override the key sequence for detaching a container.",
        );
        add_running_timeout_flag(flags, &mut self.timeout);
        write::add_save_config_flag(flags, &mut self.save_config);
        self.record.add_flags(flags);
        self.overrides.add_flags(flags);
        self.deletion.add_flags(flags);
        self.writing.add_flags(flags);
        // The flags of a deletion bring these along; nobody asks for their values.
        self.files.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for RunOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        arguments.require(&["image"])?;
        self.writing.check()?;
        if self.pod.stdin && !arguments.given("attach") {
            self.attach = true;
        }
        let name = self.check(context, arguments)?;
        // Even what is only printed wants a server, as upstream's does.
        context.factory.mapping("v1", "Pod").await?;
        let pod = self
            .overrides
            .apply(self.pod.pod(name, &arguments[1..]).map_err(refused)?)?;
        let pod = self.create(context, pod).await?;
        let (service, failure) = match self.exposed(context, name).await {
            Ok(service) => (service, Ok(())),
            Err(error) => (None, Err(error)),
        };
        if !self.attach {
            self.writing.print(context, &pod)?;
            return failure;
        }
        let session = Session {
            stdin: self.pod.stdin,
            tty: self.pod.tty,
            quiet: self.quiet,
            timeout: self.timeout,
            exit_code: !self.pod.leave_stdin_open,
        };
        let outcome = session.run(context, &pod, &self.pod.restart_policy()).await;
        if self.remove {
            // What became of the session is the news, not what became of its traces.
            let _ = session::remove(context, self.deletion, self.quiet, [Some(pod), service]).await;
        }
        outcome
    }
}

impl RunOptions {
    /// Refuses what makes no sense; gives the pod's name.
    fn check<'n>(&self, context: &Context, arguments: &'n Arguments) -> Result<&'n str> {
        let usage = |text: &str| Err(context.usage_error(text));
        let Some(name) = arguments.first() else {
            return usage("NAME is required for run");
        };
        check_running_timeout(self.timeout).map_err(|error| context.usage_error(&error.to_string()))?;
        if self.pod.image.is_empty() {
            return Err(message!("--image is required"));
        }
        if !image::is_reference(&self.pod.image) {
            return Err(message!(
                "Invalid image name {:?}: invalid reference format",
                self.pod.image
            ));
        }
        if self.pod.tty && !self.pod.stdin {
            return usage("-i/--stdin is required for containers with -t/--tty=true");
        }
        if self.expose && self.pod.port.is_empty() {
            return usage("--port must be set when exposing a service");
        }
        let restart = &self.pod.restart;
        if !matches!(restart.as_str(), "" | "Always" | "OnFailure" | "Never") {
            return usage(&format!("invalid restart policy: {restart}"));
        }
        if self.remove && !self.attach {
            return usage("--rm should only be used for attached containers");
        }
        if self.attach && (self.writing.dry_run.is_client() || self.writing.dry_run.is_server()) {
            return usage(
                "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
            );
        }
        let policy = &self.pod.image_pull_policy;
        if !matches!(policy.as_str(), "" | "Always" | "IfNotPresent" | "Never") {
            return usage(&format!("invalid image pull policy: {policy}"));
        }
        Ok(name)
    }

    async fn create(&self, context: &Context, mut object: Value) -> Result<Value> {
        self.record.apply(context, &mut object);
        let client = self.writing.dry_run.is_client();
        if client {
            made::place(context, &mut object)?;
        }
        let save = self.save_config && !client;
        made::create(context, object, save, &self.writing, &self.writing.options()).await
    }

    /// Creates and prints the Service, if one is wanted.
    async fn exposed(&self, context: &Context, name: &str) -> Result<Option<Value>, CommandError> {
        if !self.expose {
            return Ok(None);
        }
        let selector = if self.pod.labels.is_empty() {
            format!("run={name}")
        } else {
            self.pod.labels.clone()
        };
        let options = ServiceOptions {
            name: name.to_owned(),
            selector,
            labels: self.pod.labels.clone(),
            ports: self.pod.port.clone(),
            ..ServiceOptions::default()
        };
        let service = self.create(context, options.service().map_err(refused)?).await?;
        self.writing.print(context, &service)?;
        if self.writing.print.output == "yaml" {
            context.streams.out.print("---\n")?;
        }
        Ok(Some(service))
    }
}

/// The name and the namespace of an object, for a request.
fn place_of(object: &Value) -> (&str, &str) {
    (
        text_at(object, &["metadata", "namespace"]),
        text_at(object, &["metadata", "name"]),
    )
}
