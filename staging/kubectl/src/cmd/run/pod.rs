//! The pod that `run` makes (upstream: `generateversioned.BasicPod`).

use std::collections::BTreeMap;

use apimachinery::names::env_var_name;
use component_base::flags::{FlagSet, Flags, StringArray};
use kubectl_objects::numbers::{atoi, wrapped};
use kubectl_objects::pairs::parse_pairs;
use kubectl_objects::service::parse_labels;
use kubectl_objects::{Result, refuse};
use serde_json::{Value, json};

/// What the command line says of the pod.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct PodOptions {
    pub(super) image: String,
    pub(super) image_pull_policy: String,
    pub(super) port: String,
    pub(super) labels: String,
    pub(super) restart: String,
    pub(super) stdin: bool,
    pub(super) tty: bool,
    pub(super) leave_stdin_open: bool,
    annotations: StringArray,
    env: StringArray,
    command: bool,
    privileged: bool,
}

impl Default for PodOptions {
    fn default() -> Self {
        Self {
            image: String::new(),
            image_pull_policy: String::new(),
            port: String::new(),
            labels: String::new(),
            restart: "Always".to_owned(),
            stdin: false,
            tty: false,
            leave_stdin_open: false,
            annotations: StringArray::default(),
            env: StringArray::default(),
            command: false,
            privileged: false,
        }
    }
}

impl Flags for PodOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("annotations", &mut self.annotations, "Annotations to apply to the pod.");
        flags.add("image", &mut self.image, "The image for the container to run.");
        flags.add("image-pull-policy", &mut self.image_pull_policy, "The image pull policy for the container.  If left empty, this value will not be specified by the client and defaulted by the server.");
        flags.add("env", &mut self.env, "Environment variables to set in the container.");
        flags.add("port", &mut self.port, "The port that this container exposes.");
        flags
            .add(
                "labels",
                &mut self.labels,
                "Comma separated labels to apply to the pod. Will override previous values.",
            )
            .shorthand('l');
        flags
            .add(
                "stdin",
                &mut self.stdin,
                "Keep stdin open on the container in the pod, even if nothing is attached.",
            )
            .shorthand('i');
        flags
            .add("tty", &mut self.tty, "Allocate a TTY for the container in the pod.")
            .shorthand('t');
        flags.add("leave-stdin-open", &mut self.leave_stdin_open, "If the pod is started in interactive mode or with stdin, leave stdin open after the first attach completes. By default, stdin will be closed after the first attach completes.");
        flags.add(
            "restart",
            &mut self.restart,
            "The restart policy for this Pod.  Legal values [Always, OnFailure, Never].",
        );
        flags.add("command", &mut self.command, "If true and extra arguments are present, use them as the 'command' field in the container, rather than the 'args' field which is the default.");
        flags.add(
            "privileged",
            &mut self.privileged,
            "If true, run the container in privileged mode.",
        );
    }
}

impl PodOptions {
    /// When the pod's container is started again, as far as the session is concerned.
    pub(super) fn restart_policy(&self) -> String {
        match self.restart.as_str() {
            "" if self.stdin => "OnFailure",
            "" => "Always",
            policy => policy,
        }
        .to_owned()
    }

    /// The pod.
    ///
    /// # Errors
    /// A variable, an annotation, a label or the port is malformed.
    pub(super) fn pod(&self, name: &str, arguments: &[String]) -> Result<Value> {
        let env = self.env.iter().map(|text| variable(text)).collect::<Result<Vec<_>>>()?;
        let annotations = parse_pairs(&self.annotations, "annotations")?;
        let labels = if self.labels.is_empty() {
            BTreeMap::from([("run".to_owned(), name.to_owned())])
        } else {
            parse_labels(&self.labels)?
        };
        let mut container = json!({
            "name": name,
            "image": self.image,
            "imagePullPolicy": self.image_pull_policy,
            "env": env,
            "stdin": self.stdin,
            "stdinOnce": self.stdin && !self.leave_stdin_open,
            "tty": self.tty,
        });
        container[if self.command { "command" } else { "args" }] = arguments.into();
        if self.privileged {
            container["securityContext"] = json!({"privileged": true});
        }
        if !self.port.is_empty() {
            container["ports"] = json!([{"containerPort": wrapped(atoi(&self.port)?)}]);
        }
        let restart = if self.restart.is_empty() {
            "Always"
        } else {
            &self.restart
        };
        Ok(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
            "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": restart},
        }))
    }
}

fn variable(text: &str) -> Result<Value> {
    match text.split_once('=') {
        Some((name, value)) if env_var_name(name).is_empty() => Ok(json!({"name": name, "value": value})),
        _ => Err(refuse!("invalid env: {text}")),
    }
}
