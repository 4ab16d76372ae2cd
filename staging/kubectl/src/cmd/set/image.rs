//! `kubectl set image`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::Object;
use kubectl_objects::pairs::{parse_pairs, split_words};
use kubectl_objects::pod_spec;

use cli_runtime::{CommandError, FilenameOptions, Result, message};

use super::targets::{FILES, Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "image",
    usage: "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
    short: "Update the image of a pod template",
    long: "Update existing container image(s) of resources.\n\n Possible resources include (case insensitive):\n\n pod (po), replicationcontroller (rc), deployment (deploy), daemonset (ds), statefulset (sts), cronjob (cj), replicaset (rs)",
    examples: "# Two containers of a deployment
kubectl set image deployment/nginx busybox=busybox nginx=nginx:1.9.1

# The container nginx of all deployments and replication controllers
kubectl set image deployments,rc nginx=nginx:1.9.1 --all

# Every container of a daemon set
kubectl set image daemonset abc *=nginx:1.9.1

# What a manifest would become
kubectl set image -f path/to/file.yaml nginx=nginx:1.9.1 --local -o yaml",
    options: Some(|| Box::new(ImageOptions(Targets::new("image updated", FilenameOptions::new(FILES))))),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct ImageOptions(Targets);

impl Flags for ImageOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.0.add_flags(flags, "set image", &Parts::ALL);
    }
}

#[async_trait(?Send)]
impl Run for ImageOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.0;
        targets.writing.check()?;
        let (resources, pairs) = split_words(arguments, "image").map_err(refused)?;
        let images = parse_pairs(pairs, "image").map_err(refused)?;
        targets.check_words(resources)?;
        let infos = targets.find(context, resources).await?;
        check(targets, resources, &images)?;
        let failure = "failed to patch image update to pod template: ";
        targets
            .change(context, &infos, failure, |object, errors| {
                let spec = pod_spec::of_mut(object)?;
                for (name, image) in &images {
                    if !set(spec, name, image) {
                        errors.push(message!("error: unable to find container named {name:?}"));
                    }
                }
                Ok(true)
            })
            .await
    }
}

/// Refuses what makes no sense.
fn check(targets: &Targets, resources: &[String], images: &BTreeMap<String, String>) -> Result<()> {
    let mut errors = Vec::new();
    errors.extend(targets.check_all().err());
    if resources.is_empty() && targets.files.is_empty() {
        errors.push(message!(
            "one or more resources must be specified as <resource> <name> or <resource>/<name>"
        ));
    }
    if images.is_empty() {
        errors.push(message!("at least one image update is required"));
    } else if images.len() > 1 && images.contains_key("*") {
        errors.push(message!(
            "all containers are already specified by *, but saw more than one container_name=container_image pairs"
        ));
    }
    errors.extend(targets.check_local().err());
    CommandError::collect(errors)
}

/// Gives the container of a name, or all, another image; says whether there is one.
fn set(spec: &mut Object, name: &str, image: &str) -> bool {
    let mut found = false;
    for member in pod_spec::CONTAINERS {
        for container in pod_spec::containers_mut(spec, member) {
            if name == "*" || container["name"] == name {
                container["image"] = image.into();
                found = true;
            }
        }
    }
    found
}
