//! `kubectl set serviceaccount`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::pod_spec;

use cli_runtime::{CommandError, FilenameOptions, Result, message};

use super::targets::{FILES, Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "serviceaccount",
    usage: "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT",
    short: "Update the service account of a resource",
    long: "Update the service account of pod template resources.\n\n Possible resources (case insensitive) can be:\n\n replicationcontroller (rc), deployment (deploy), daemonset (ds), job, replicaset (rs), statefulset",
    examples: "# The account of a deployment
kubectl set serviceaccount deployment nginx-deployment serviceaccount1

# What a manifest would become
kubectl set sa -f nginx-deployment.yaml serviceaccount1 --local --dry-run=client -o yaml",
    aliases: &["sa"],
    options: Some(|| {
        Box::new(ServiceAccountOptions(Targets::new(
            "serviceaccount updated",
            FilenameOptions::new(FILES),
        )))
    }),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct ServiceAccountOptions(Targets);

impl Flags for ServiceAccountOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let parts = Parts {
            selector: false,
            ..Parts::ALL
        };
        self.0.add_flags(flags, "set serviceaccount", &parts);
    }
}

#[async_trait(?Send)]
impl Run for ServiceAccountOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.0;
        targets.check_local()?;
        targets.writing.check()?;
        let Some((account, resources)) = arguments.split_last() else {
            return Err(message!("serviceaccount is required"));
        };
        let infos = targets.find(context, resources).await?;
        let mut errors = Vec::new();
        for info in &infos {
            let mut changed = info.object().clone();
            match pod_spec::of_mut(&mut changed) {
                Ok(spec) => {
                    spec.insert("serviceAccountName".to_owned(), account.as_str().into());
                }
                Err(refusal) => {
                    errors.push(message!("error: {} {refusal}\n", info.object_name()));
                    continue;
                }
            }
            targets.record(context, &mut changed);
            // Unlike the others this one prints what has not changed, too.
            match targets.send(context, info, &changed).await {
                Err(error) if error.status().is_some() => {
                    errors.push(message!("failed to patch ServiceAccountName {error}"));
                }
                outcome => errors.extend(outcome.err()),
            }
        }
        CommandError::collect(errors)
    }
}
