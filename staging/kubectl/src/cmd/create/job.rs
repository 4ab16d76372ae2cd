//! `kubectl create job`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use kubectl_objects::json::object_at;
use kubectl_objects::typed::{go_type, typed};
use serde_json::{Value, json};

use cli_runtime::resource::group_kind;
use cli_runtime::{Result, message};

use super::generated::{Generated, Generator};
use crate::frame::{Command, Context};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "job",
    usage: "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
    short: "Create a job with the specified name",
    long: "Create a job with the specified name.",
    examples: "# A job
kubectl create job my-job --image=busybox

# With a command
kubectl create job my-job --image=busybox -- date

# What a cron job would make
kubectl create job test-job --from=cronjob/a-cronjob",
    options: Some(Generated::<Job>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Job {
    image: String,
    from: String,
}

#[async_trait(?Send)]
impl Generator for Job {
    const FAILURE: &'static str = "failed to create job: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("image", &mut self.image, "Image name to run.");
        flags.add(
            "from",
            &mut self.from,
            "The name of the resource to create a Job from (only CronJob is supported).",
        );
    }

    async fn generate(&self, context: &Context, name: &str, command: &[String]) -> Result<Value> {
        if self.image.is_empty() == self.from.is_empty() {
            return Err(message!("either --image or --from must be specified"));
        }
        if !command.is_empty() && !self.from.is_empty() {
            return Err(message!("cannot specify --from and command"));
        }
        if self.from.is_empty() {
            return Ok(json!({
                "apiVersion": "batch/v1", "kind": "Job",
                "metadata": {"name": name},
                "spec": spec(name, &self.image, command, "Never"),
            }));
        }
        self.of_cron_job(context, name).await
    }
}

/// The specification of a job with one container.
pub(super) fn spec(name: &str, image: &str, command: &[String], restart_policy: &str) -> Value {
    json!({"template": {"spec": {
        "containers": [{"name": name, "image": image, "command": command}],
        "restartPolicy": restart_policy,
    }}})
}

impl Job {
    async fn of_cron_job(&self, context: &Context, name: &str) -> Result<Value> {
        let (namespace, _) = context.factory.namespace()?;
        let found = context
            .builder()
            .namespace(&namespace)
            .default_namespace()
            .resource_type_or_name_args(false, std::slice::from_ref(&self.from))
            .flatten()
            .latest()
            .find()
            .await?;
        let infos = found.into_infos()?;
        let [info] = infos.as_slice() else {
            return Err(message!("from must be an existing cronjob"));
        };
        let cron_job = info.object();
        if group_kind(cron_job) != ("batch", "CronJob") {
            return Err(message!("unknown object type {}", go_type(cron_job)));
        }
        let mut template = typed(cron_job).map_err(refused)?["spec"]["jobTemplate"].take();
        object_at(&mut template, &["metadata", "annotations"])
            .entry("cronjob.kubernetes.io/instantiate")
            .or_insert_with(|| "manual".into());
        let metadata = &cron_job["metadata"];
        Ok(json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": name,
                "annotations": template["metadata"]["annotations"],
                "labels": template["metadata"]["labels"],
                "ownerReferences": [{
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": true,
                }],
            },
            "spec": template["spec"],
        }))
    }
}
