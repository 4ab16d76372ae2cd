//! `kubectl set resources`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::json::{object_at, text_at};
use kubectl_objects::{pod_spec, resources};

use cli_runtime::{FilenameOptions, Result, message};

use super::pattern;
use super::targets::{FILES, Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "resources",
    usage: "(-f FILENAME | TYPE NAME)  ([--limits=LIMITS & --requests=REQUESTS]",
    short: "Update resource requests/limits on objects with pod templates",
    long: "Specify compute resource requirements (CPU, memory) for any resource that defines a pod template. A pod that is scheduled is guaranteed what it requests, and may use more up to its limits.\n\n Of a resource that has a limit and no request the request is the limit.\n\n Possible resources include (case insensitive): Use \"kubectl api-resources\" for a complete list of supported resources..",
    examples: "# The limits of a container of a deployment
kubectl set resources deployment nginx -c=nginx --limits=cpu=200m,memory=512Mi

# Requests and limits of all containers
kubectl set resources deployment nginx --limits=cpu=200m,memory=512Mi --requests=cpu=100m,memory=256Mi

# None any more
kubectl set resources deployment nginx --limits=cpu=0,memory=0 --requests=cpu=0,memory=0

# What a manifest would become
kubectl set resources -f path/to/file.yaml --limits=cpu=200m,memory=512Mi --local -o yaml",
    options: Some(|| Box::new(ResourcesOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct ResourcesOptions {
    targets: Targets,
    containers: String,
    limits: String,
    requests: String,
}

impl Default for ResourcesOptions {
    fn default() -> Self {
        Self {
            targets: Targets::new("resource requirements updated", FilenameOptions::new(FILES)),
            containers: "*".to_owned(),
            limits: String::new(),
            requests: String::new(),
        }
    }
}

const AMOUNTS: &str = "The resource requirement requests for this container.  For example, 'cpu=100m,memory=256Mi'.  Note that server side components may assign requests depending on the server configuration, such as limit ranges.";

impl Flags for ResourcesOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.targets.add_flags(flags, "set resources", &Parts::ALL);
        flags
            .add("containers", &mut self.containers, "The names of containers in the selected pod templates to change, all containers are selected by default - may use wildcards")
            .shorthand('c');
        flags.add("limits", &mut self.limits, AMOUNTS);
        flags.add("requests", &mut self.requests, AMOUNTS);
    }
}

#[async_trait(?Send)]
impl Run for ResourcesOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.targets;
        targets.writing.check()?;
        targets.check_words(arguments)?;
        let infos = targets.find(context, arguments).await?;
        targets.check_local()?;
        targets.check_all()?;
        if self.limits.is_empty() && self.requests.is_empty() {
            return Err(message!(
                "you must specify an update to requests or limits (in the form of --requests/--limits)"
            ));
        }
        let limits = resources::parse(&self.limits).map_err(refused)?;
        let requests = resources::parse(&self.requests).map_err(refused)?;
        let failure = "failed to patch resources update to pod template ";
        targets
            .change(context, &infos, failure, |object, errors| {
                let (spec, mut found) = (pod_spec::of_mut(object)?, false);
                for member in pod_spec::CONTAINERS {
                    for container in pod_spec::containers_mut(spec, member) {
                        if !pattern::matches(text_at(container, &["name"]), &self.containers) {
                            continue;
                        }
                        found = true;
                        for (member, amounts) in [("limits", &limits), ("requests", &requests)] {
                            let given = object_at(container, &["resources", member]);
                            for (name, amount) in amounts {
                                given.insert(name.clone(), amount.as_str().into());
                            }
                        }
                    }
                }
                if !found {
                    errors.push(message!("error: unable to find container named {}", self.containers));
                }
                Ok(found)
            })
            .await
    }
}
