//! `kubectl set env`.

mod list;
mod reference;
mod variables;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags, StringArray};
use kubectl_objects::json::{list_at, text_at};
use kubectl_objects::pod_spec;
use serde_json::{Value, json};

use cli_runtime::resource::group_kind;
use cli_runtime::{CommandError, FilenameOptions, Info, Result, message};

use super::pattern;
use super::targets::{Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::refused;

use variables::{Variables, env_name, split_words};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "env",
    usage: "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
    short: "Update environment variables on a pod template",
    long: "Update environment variables on a pod template.\n\n Lists the environment of containers in pods and pod templates, or adds, changes and removes variables in it: in all containers, or in those whose names match a wildcard.\n\n With \"--env -\" variables are read from standard input in the syntax of env.\n\n Possible resources include (case insensitive):\n\n pod (po), replicationcontroller (rc), deployment (deploy), daemonset (ds), statefulset (sts), cronjob (cj), replicaset (rs)",
    examples: "# A variable of a deployment
kubectl set env deployment/registry STORAGE_DIR=/local

# The variables of a deployment
kubectl set env deployment/sample-build --list

# The variables of all pods
kubectl set env pods --all --list

# What a deployment would become
kubectl set env deployment/sample-build STORAGE_DIR=/data -o yaml

# A variable of every replication controller
kubectl set env rc --all ENV=prod

# The keys of a secret
kubectl set env --from=secret/mysecret deployment/myapp

# The keys of a config map, with a prefix
kubectl set env --from=configmap/myconfigmap --prefix=MYSQL_ deployment/myapp

# Certain keys of a config map
kubectl set env --keys=my-example-key --from=configmap/myconfigmap deployment/myapp

# Remove a variable of a container
kubectl set env deployments --all --containers=\"c1\" ENV-

# Remove a variable of what a manifest names
kubectl set env -f deploy.json ENV-

# A part of the shell's own environment
env | grep RAILS_ | kubectl set env -e - deployment/registry",
    options: Some(|| Box::new(EnvOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct EnvOptions {
    targets: Targets,
    containers: String,
    from: String,
    prefix: String,
    env: StringArray,
    keys: Vec<String>,
    list: bool,
    resolve: bool,
    overwrite: bool,
}

impl Default for EnvOptions {
    fn default() -> Self {
        Self {
            targets: Targets::new("env updated", FilenameOptions::new("the resource to update the env")),
            containers: "*".to_owned(),
            from: String::new(),
            prefix: String::new(),
            env: StringArray::default(),
            keys: Vec::new(),
            list: false,
            resolve: false,
            overwrite: true,
        }
    }
}

impl Flags for EnvOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let parts = Parts {
            all: "If true, select all resources in the namespace of the specified resource types",
            record: false,
            ..Parts::ALL
        };
        self.targets.add_flags(flags, "set env", &parts);
        flags
            .add(
                "containers",
                &mut self.containers,
                "The names of containers in the selected pod templates to change - may use wildcards",
            )
            .shorthand('c');
        flags.add(
            "from",
            &mut self.from,
            "The name of a resource from which to inject environment variables",
        );
        flags.add("prefix", &mut self.prefix, "Prefix to append to variable names");
        flags
            .add(
                "env",
                &mut self.env,
                "Specify a key-value pair for an environment variable to set into each container.",
            )
            .shorthand('e');
        flags.add(
            "keys",
            &mut self.keys,
            "Comma-separated list of keys to import from specified resource",
        );
        flags.add("list", &mut self.list, "If true, display the environment and any changes in the standard format. this flag will removed when we have kubectl view env.");
        flags.add(
            "resolve",
            &mut self.resolve,
            "If true, show secret or configmap references when listing variables",
        );
        flags.add("overwrite", &mut self.overwrite, "If true, allow environment to be overwritten, otherwise reject updates that overwrite existing environment.");
    }
}

#[async_trait(?Send)]
impl Run for EnvOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.targets;
        targets.check_all()?;
        let Some((resources, words)) = split_words(arguments) else {
            return Err(message!(
                "all resources must be specified before environment changes: {}",
                arguments.join(" ")
            ));
        };
        targets.writing.check()?;
        self.check(resources)?;
        let specs: Vec<&String> = self.env.iter().chain(words).collect();
        let mut variables = Variables::parse(&specs, &context.streams.input).map_err(refused)?;
        if !self.from.is_empty() {
            let from = targets.find(context, std::slice::from_ref(&self.from)).await?;
            for info in &from {
                variables.set.extend(self.import(context, info.object())?);
            }
        }
        for variable in &mut variables.set {
            variable["name"] = format!("{}{}", self.prefix, text_at(variable, &["name"])).into();
        }
        let infos = targets.find(context, resources).await?;
        if self.list {
            return self.list(context, &infos, &variables).await;
        }
        let failure = "failed to patch env update to pod template: ";
        let mut unmatched = Vec::new();
        let outcome = targets.change(context, &infos, failure, |object, _| {
            let found = self.update(object, &variables)?;
            if !found {
                unmatched.push(self.no_containers(object));
            }
            Ok(true)
        });
        let outcome = outcome.await;
        for warning in unmatched {
            context.streams.err.print(warning)?;
        }
        outcome
    }
}

impl EnvOptions {
    fn check(&self, resources: &[String]) -> Result<()> {
        self.targets.check_local()?;
        if self.targets.files.filenames.is_empty() && resources.is_empty() {
            return Err(message!(
                "one or more resources must be specified as <resource> <name> or <resource>/<name>"
            ));
        }
        if self.list && !self.targets.writing.print.output.is_empty() {
            return Err(message!("--list and --output may not be specified together"));
        }
        if !self.keys.is_empty() && self.from.is_empty() {
            return Err(message!(
                "when specifying --keys, a configmap or secret must be provided with --from"
            ));
        }
        Ok(())
    }

    /// The variables that stand for the keys of a secret or config map.
    fn import(&self, context: &Context, object: &Value) -> Result<Vec<Value>> {
        let reference = match group_kind(object) {
            ("", "Secret") => "secretKeyRef",
            ("", "ConfigMap") => "configMapKeyRef",
            _ => return Err(message!("unsupported resource specified in --from")),
        };
        let mut variables = Vec::new();
        for (key, _) in object["data"].as_object().into_iter().flatten() {
            if !self.keys.is_empty() && !self.keys.contains(key) {
                continue;
            }
            let name = env_name(key);
            if name != *key {
                let warning = format!("Warning: key {key} transferred to {name}\n");
                context.streams.err.print(warning)?;
            }
            let source = json!({reference: {"name": object["metadata"]["name"], "key": key}});
            variables.push(json!({"name": name, "valueFrom": source}));
        }
        Ok(variables)
    }

    /// Changes the environment of the containers; says whether there are any.
    fn update(&self, object: &mut Value, variables: &Variables) -> kubectl_objects::Result<bool> {
        let (spec, mut found) = (pod_spec::of_mut(object)?, false);
        for member in pod_spec::CONTAINERS {
            for container in pod_spec::containers_mut(spec, member) {
                if !pattern::matches(text_at(container, &["name"]), &self.containers) {
                    continue;
                }
                found = true;
                if !self.overwrite {
                    variables.check_overwrites(list_at(container, &["env"]))?;
                }
                container["env"] = variables.update(list_at(container, &["env"])).into();
            }
        }
        Ok(found)
    }

    fn no_containers(&self, object: &Value) -> String {
        format!(
            "Warning: {}/{} does not have any containers matching {:?}\n",
            text_at(object, &["kind"]),
            text_at(object, &["metadata", "name"]),
            self.containers
        )
    }

    /// Shows the environments as they would be.
    async fn list(&self, context: &Context, infos: &[Info], variables: &Variables) -> Result<()> {
        for info in infos {
            let mut object = info.object().clone();
            // What cannot be changed is not listed, and nothing is said about it.
            let Ok(found) = self.update(&mut object, variables) else {
                continue;
            };
            if !found {
                context.streams.err.print(self.no_containers(&object))?;
                continue;
            }
            list::environments(context, &object, &self.containers, self.resolve)
                .await
                .or_else(|error| match error {
                    error @ (CommandError::BrokenPipe | CommandError::Configuration(_)) => Err(error),
                    _ => Ok(()),
                })?;
        }
        Ok(())
    }
}
