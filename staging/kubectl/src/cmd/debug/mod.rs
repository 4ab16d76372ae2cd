//! `kubectl debug`.

mod attach;
mod options;

use std::collections::BTreeMap;

use apimachinery::names::random_suffix;
use async_trait::async_trait;
use client_go::api::{DeleteOptions, DynamicObject, WriteOptions};
use kubectl_objects::debugging::{Copy, Debugger, Keep, Profile, check_custom, has_container, is_powerless};
use kubectl_objects::json::object_at;
use kubectl_objects::patching;
use serde_json::Value;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{FilenameOptions, Info, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, refused};

use options::DebugOptions;

/// The command.
pub static COMMAND: Command = Command {
    name: "debug",
    usage: "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
    short: "Create debugging sessions for troubleshooting workloads and nodes",
    long: "Debug cluster resources using interactive debugging containers.\n\n What is done depends on the resource, which is a pod unless its type is named:\n\n  *  Workload: a copy of an existing pod with certain attributes changed, such as the image of a container.\n  *  Workload: an ephemeral container in a running pod, with tools that the pod itself has not.\n  *  Node: a pod in the namespaces of the node that sees the node's file system.\n\n Note: When a non-root user is configured for the entire target Pod, some capabilities granted by debug profile may not work.",
    examples: "# A session in pod mypod
kubectl debug mypod -it --image=busybox

# A session in the pod that a manifest names
kubectl debug -f pod.yaml -it --image=busybox

# A container named debugger with an image of one's own
kubectl debug --image=myproj/debug-tools -c debugger mypod

# A copy of mypod with a container more, and a session in it
kubectl debug mypod -it --image=busybox --copy-to=my-debugger

# A copy of mypod in which mycontainer runs something else
kubectl debug mypod -it --copy-to=my-debugger --container=mycontainer -- sh

# A copy of mypod with all images changed
kubectl debug mypod --copy-to=my-debugger --set-image=*=busybox

# A copy of mypod with a container more and images changed
kubectl debug mypod -it --copy-to=my-debugger --image=debian --set-image=app=app:debug,sidecar=sidecar:debug

# A session on a node, in its namespaces and with its file system at /host
kubectl debug node/mynode -it --image=busybox",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(DebugOptions::default())),
    completion: Completion::Pods,
    ..Command::EMPTY
};

/// What the command line comes to.
struct Plan {
    debugger: Debugger,
    copy: Option<Copy>,
    /// Whether the pod is deleted when there is a copy.
    replace: bool,
    target: String,
    attach: bool,
    quiet: bool,
    namespace: String,
}

#[async_trait(?Send)]
impl Run for DebugOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let at = arguments.before_dash.unwrap_or(arguments.len());
        let (names, words) = arguments.split_at(at);
        let plan = self.plan(context, arguments, names, words)?;
        let (namespace, enforce) = context.factory.namespace()?;
        let files = FilenameOptions {
            filenames: self.filenames.clone(),
            ..FilenameOptions::default()
        };
        let infos = context
            .builder()
            .filenames(enforce, &files)
            .namespace(&namespace)
            .default_namespace()
            .resource_names("pods", names)
            .find()
            .await?
            .into_infos()?;
        for info in &infos {
            let (pod, container) = plan.make(context, info).await?;
            if plan.attach && !container.is_empty() {
                attach::attach(context, &pod, &container, &plan).await?;
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Makes the pod or the container; gives the pod and the container's name, empty if there is none to attach to.
    async fn make(&self, context: &Context, info: &Info) -> Result<(Value, String)> {
        match (group_kind(info.object()), &self.copy) {
            (("", "Node"), _) => self.on_node(context, info).await,
            (("", "Pod"), Some(copy)) => self.of_copy(context, info, copy).await,
            (("", "Pod"), None) => self.in_pod(context, info).await,
            ((_, kind), _) => {
                let api_version = text_at(info.object(), &["apiVersion"]);
                let slash = if api_version.contains('/') { "" } else { "/" };
                let full = format!("{slash}{api_version}, Kind={kind}");
                Err(message!("{full:?} not supported by debug"))
            }
        }
    }

    async fn create(&self, context: &Context, namespace: &str, pod: Value) -> Result<Value> {
        let mapping = context.factory.resource("pods").await?;
        let api = context.factory.dynamic(&mapping, namespace)?;
        Ok(api.create_with(&DynamicObject(pod), &WriteOptions::default()).await?.0)
    }

    async fn on_node(&self, context: &Context, info: &Info) -> Result<(Value, String)> {
        let mut debugger = self.debugger.clone();
        if debugger.name.is_empty() {
            "debugger".clone_into(&mut debugger.name);
        }
        let name = format!("node-debugger-{}-{}", info.name, random_suffix(5));
        if !self.quiet {
            context.streams.out.print(format!(
                "Creating debugging pod {name} with container {} on node {}.\n",
                debugger.name, info.name
            ))?;
        }
        let pod = debugger.on_node(&info.name, &name).map_err(refused)?;
        let created = self.create(context, &self.namespace, pod).await?;
        Ok((created, debugger.name))
    }

    /// A name for a container that none has.
    fn new_name(&self, context: &Context, pod: &Value) -> Result<String> {
        let mut name = format!("debugger-{}", random_suffix(5));
        while has_container(pod, &name) {
            name = format!("debugger-{}", random_suffix(5));
        }
        if !self.quiet {
            let said = format!("Defaulting debug container name to {name}.\n");
            context.streams.out.print(said)?;
        }
        Ok(name)
    }

    fn warn(context: &Context, pod: &Value, container: &str) -> Result<()> {
        if !is_powerless(pod, container) {
            return Ok(());
        }
        Ok(context.streams.err.print("Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may not work. Please consider using \"--custom\" with a custom profile that specifies \"securityContext.runAsUser: 0\".\n")?)
    }

    async fn of_copy(&self, context: &Context, info: &Info, copy: &Copy) -> Result<(Value, String)> {
        let mut refusal = None;
        let made = self.debugger.of_copy(info.object(), copy, |pod| {
            self.new_name(context, pod).map_err(|error| {
                let text = error.to_string();
                refusal = Some(error);
                kubectl_objects::Refusal(text)
            })
        });
        let (copied, name) = match (made, refusal) {
            (_, Some(error)) => return Err(error),
            (made, None) => made.map_err(refused)?,
        };
        Self::warn(context, &copied, &name)?;
        let created = self.create(context, &info.namespace, copied).await?;
        if self.replace {
            let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
            api.delete(&info.name, &DeleteOptions::default().grace_period(0))
                .await?;
        }
        Ok((created, name))
    }

    async fn in_pod(&self, context: &Context, info: &Info) -> Result<(Value, String)> {
        let mut debugger = self.debugger.clone();
        if debugger.name.is_empty() {
            debugger.name = self.new_name(context, info.object())?;
        }
        let changed = debugger.in_pod(info.object(), &self.target).map_err(refused)?;
        Self::warn(context, &changed, &debugger.name)?;
        let patch = patching::two_way(info.object(), &changed).map_err(refused)?;
        let mut place = info.clone();
        "ephemeralcontainers".clone_into(&mut place.subresource);
        match write::patch(context, &place, &patch, &WriteOptions::default()).await {
            Ok(pod) => Ok((pod, debugger.name)),
            Err(error) => {
                // A server without the subresource names no object.
                let nameless = |status: &k8s_api::meta::v1::Status| {
                    status.details.as_ref().is_none_or(|details| details.name.is_empty())
                };
                if error.is_not_found() && error.status().is_some_and(|status| nameless(status.status())) {
                    return Err(message!(
                        "ephemeral containers are disabled for this cluster (error from server: {:?})",
                        error.to_string()
                    ));
                }
                Err(error)
            }
        }
    }
}

impl DebugOptions {
    /// What the command line comes to.
    ///
    /// # Errors
    /// It makes no sense.
    fn plan(&self, context: &Context, arguments: &Arguments, names: &[String], words: &[String]) -> Result<Plan> {
        let profile = Profile::parse(&self.profile).map_err(refused)?;
        let custom = self.custom_profile()?;
        self.check(context, arguments, names, words)?;
        if let Some(custom) = &custom {
            check_custom(custom).map_err(refused)?;
        }
        if self.profile == "legacy" {
            context.streams.err.print("--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, for example \"--profile=general\".\n")?;
        }
        let copy = (!self.copy_to.is_empty()).then(|| Copy {
            name: self.copy_to.clone(),
            same_node: self.same_node,
            share_processes: arguments.given("share-processes").then_some(self.share_processes),
            images: self.set_image.0.clone(),
            keep: Keep {
                labels: self.keep_labels,
                annotations: self.keep_annotations,
                liveness: self.keep_liveness,
                readiness: self.keep_readiness,
                startup: self.keep_startup,
                init_containers: self.keep_init_containers,
            },
        });
        Ok(Plan {
            debugger: Debugger {
                name: self.container.clone(),
                image: self.image.clone(),
                words: words.to_vec(),
                arguments_only: self.arguments_only,
                environment: self.env.0.clone().into_iter().collect(),
                pull_policy: self.image_pull_policy.clone(),
                stdin: self.stdin,
                tty: self.tty,
                profile,
                custom,
            },
            copy,
            replace: self.replace,
            target: self.target.clone(),
            attach: self.attach || (self.stdin && !arguments.given("attach")),
            quiet: self.quiet,
            namespace: context.factory.namespace()?.0,
        })
    }

    /// The part of a container that a file holds.
    fn custom_profile(&self) -> Result<Option<Value>> {
        if self.custom.is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&self.custom).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
                std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => error.to_string(),
            };
            message!(
                "must pass a container spec json file for custom profile: open {}: {why}",
                self.custom
            )
        })?;
        let invalid = |why: String| message!("{} does not contain a valid container spec: {why}", self.custom);
        let mut custom = apimachinery::json::yaml_to_json(&text).map_err(|error| invalid(error.to_string()))?;
        if !custom.is_object() {
            return Err(invalid("it is no object".to_owned()));
        }
        object_at(&mut custom, &[]).retain(|_, value| !value.is_null());
        Ok(Some(custom))
    }

    fn check(&self, context: &Context, arguments: &Arguments, names: &[String], words: &[String]) -> Result<()> {
        let (copies, has_image) = (!self.copy_to.is_empty(), !self.image.is_empty());
        let named = !self.container.is_empty();
        let nothing_changes = !has_image && self.set_image.0.is_empty() && words.is_empty();
        let rules = [
            (
                self.attach && arguments.given("attach") && !has_image && !named,
                "you must specify --container or create a new container using --image in order to attach.",
            ),
            (
                copies && nothing_changes,
                "you must specify --image, --set-image or command arguments.",
            ),
            (
                copies && !words.is_empty() && !named && !has_image,
                "you must specify an existing container or a new image when specifying args.",
            ),
            (!copies && self.replace, "--replace may only be used with --copy-to."),
            (
                !copies && self.same_node,
                "--same-node may only be used with --copy-to.",
            ),
            (
                !copies && !self.set_image.0.is_empty(),
                "--set-image may only be used with --copy-to.",
            ),
            (
                !copies && !has_image,
                "you must specify --image when not using --copy-to.",
            ),
        ];
        if let Some((_, text)) = rules.iter().find(|(broken, _)| *broken) {
            return Err(message!("{text}"));
        }
        if has_image && !options::is_image(&self.image) {
            return Err(message!(
                "invalid image name {:?}: invalid reference format",
                self.image
            ));
        }
        if names.is_empty() && self.filenames.is_empty() {
            return Err(message!("NAME or filename is required for debug"));
        }
        if !matches!(
            self.image_pull_policy.as_str(),
            "" | "Always" | "IfNotPresent" | "Never"
        ) {
            return Err(message!("invalid image pull policy: {}", self.image_pull_policy));
        }
        let images: &BTreeMap<String, String> = &self.set_image.0;
        if let Some((name, image)) = images.iter().find(|(_, image)| !options::is_image(image)) {
            return Err(message!(
                "invalid image name {image:?} for container {name:?}: invalid reference format"
            ));
        }
        if !self.target.is_empty() {
            if copies {
                return Err(message!(
                    "--target is incompatible with --copy-to. Use --share-processes instead."
                ));
            }
            if !self.quiet {
                context.streams.out.print(format!("Targeting container {:?}. If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n", self.target))?;
            }
        }
        if self.tty && !self.stdin {
            return Err(message!("-i/--stdin is required for containers with -t/--tty=true"));
        }
        Ok(())
    }
}
