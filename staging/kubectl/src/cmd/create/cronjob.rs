//! `kubectl create cronjob`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::{Value, json};

use cli_runtime::Result;

use super::generated::{Generated, Generator};
use super::job;
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "cronjob",
    usage: "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
    short: "Create a cron job with the specified name",
    long: "Create a cron job with the specified name.",
    examples: "# A job every minute
kubectl create cronjob my-job --image=busybox --schedule=\"*/1 * * * *\"

# With a command
kubectl create cronjob my-job --image=busybox --schedule=\"*/1 * * * *\" -- date",
    aliases: &["cj"],
    options: Some(Generated::<CronJob>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct CronJob {
    image: String,
    schedule: String,
    restart: String,
}

#[async_trait(?Send)]
impl Generator for CronJob {
    const REQUIRED: &'static [&'static str] = &["image", "schedule"];
    const FAILURE: &'static str = "failed to create cronjob: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("image", &mut self.image, "Image name to run.");
        flags.add(
            "schedule",
            &mut self.schedule,
            "A schedule in the Cron format the job should be run with.",
        );
        flags.add(
            "restart",
            &mut self.restart,
            "job's restart policy. supported values: OnFailure, Never",
        );
    }

    async fn generate(&self, _context: &Context, name: &str, command: &[String]) -> Result<Value> {
        let restart = if self.restart.is_empty() {
            "OnFailure"
        } else {
            &self.restart
        };
        Ok(json!({
            "apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": name},
            "spec": {
                "schedule": self.schedule,
                "jobTemplate": {
                    "metadata": {"name": name},
                    "spec": job::spec(name, &self.image, command, restart),
                },
            },
        }))
    }
}
