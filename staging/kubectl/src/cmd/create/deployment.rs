//! `kubectl create deployment`.

use apimachinery::names::random_suffix;
use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "deployment",
    usage: "NAME --image=image -- [COMMAND] [args...]",
    short: "Create a deployment with the specified name",
    long: "Create a deployment with the specified name.",
    examples: "# A deployment that runs busybox
kubectl create deployment my-dep --image=busybox

# With a command
kubectl create deployment my-dep --image=busybox -- date

# With three replicas
kubectl create deployment my-dep --image=nginx --replicas=3

# With a port
kubectl create deployment my-dep --image=busybox --port=5701

# With several containers
kubectl create deployment my-dep --image=busybox:latest --image=ubuntu:latest --image=nginx",
    aliases: &["deploy"],
    options: Some(Generated::<Deployment>::options),
    ..Command::EMPTY
};

struct Deployment {
    images: Vec<String>,
    port: i32,
    replicas: i32,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            port: -1,
            replicas: 1,
        }
    }
}

#[async_trait(?Send)]
impl Generator for Deployment {
    const REQUIRED: &'static [&'static str] = &["image"];
    const FAILURE: &'static str = "failed to create deployment: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "image",
            &mut self.images,
            "Image names to run. A deployment can have multiple images set for multi-container pod.",
        );
        flags.add(
            "port",
            &mut self.port,
            "The containerPort that this deployment exposes.",
        );
        flags
            .add(
                "replicas",
                &mut self.replicas,
                "Number of replicas to create. Default is 1.",
            )
            .shorthand('r');
    }

    async fn generate(&self, _context: &Context, name: &str, command: &[String]) -> Result<Value> {
        if self.images.len() > 1 && !command.is_empty() {
            return Err(message!("cannot specify multiple --image options and command"));
        }
        let mut containers: Vec<Value> = self
            .images
            .iter()
            .map(|image| json!({"name": container_name(image), "image": image, "command": command}))
            .collect();
        if let (0.., Some(first)) = (self.port, containers.first_mut()) {
            first["ports"] = json!([{"containerPort": self.port}]);
        }
        let labels = json!({"app": name});
        Ok(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            },
        }))
    }
}

/// The name of an image's container: its last part, without tag and digest, as a label may be.
fn container_name(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split(':').next().unwrap_or(name);
    let name = name.split('@').next().unwrap_or(name);
    if name.contains(['_', '.']) {
        // Two images must not come to one name.
        format!("{}-{}", name.replace(['_', '.'], "-"), random_suffix(5))
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::container_name;

    #[test]
    fn containers_are_named_for_their_images() {
        for (image, expected) in [
            ("nginx", "nginx"),
            ("registry.io:5000/a/nginx:1.9", "nginx"),
            ("nginx@sha256:0a", "nginx"),
        ] {
            assert_eq!(container_name(image), expected);
        }
        let name = container_name("a/my_app.v1:2");
        assert!(
            name.starts_with("my-app-v1-") && name.len() == "my-app-v1-".len() + 5,
            "{name}"
        );
    }
}
