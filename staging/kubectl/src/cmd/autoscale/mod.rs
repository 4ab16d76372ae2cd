//! `kubectl autoscale`.

mod target;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde_json::{Value, json};

use cli_runtime::{FilenameOptions, Info, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::write::{self, Record, Writing, made, visit};

use target::Target;

/// The command.
pub static COMMAND: Command = Command {
    name: "autoscale",
    usage: "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu=CPU] [--memory=MEMORY]",
    short: "Auto-scale a deployment, replica set, stateful set, or replication controller",
    long: "Creates an autoscaler that chooses and sets the number of pods that run in a Kubernetes cluster.\n\n The autoscaling/v2 API is tried first, and autoscaling/v1 if that fails and can express what is wanted.\n\n The deployment, replica set, stateful set, or replication controller that is named becomes the target of the new autoscaler, which gives it more or fewer pods as they are needed.",
    examples: "# Between 2 and 10 pods, by the default policy
kubectl autoscale deployment foo --min=2 --max=10

# Between 1 and 5 pods, at 80% of the requested CPU
kubectl autoscale rc foo --max=5 --cpu=80%

# Between 3 and 6 pods, at 500m CPU and 200Mi memory each
kubectl autoscale deployment bar --min=3 --max=6 --cpu=500m --memory=200Mi

# Between 3 and 6 pods, at shares of both
kubectl autoscale deployment bar --min=3 --max=6 --cpu=60% --memory=70%",
    group: Group::Deploy,
    options: Some(|| Box::new(AutoscaleOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct AutoscaleOptions {
    writing: Writing,
    files: FilenameOptions,
    record: Record,
    save_config: bool,
    name: String,
    min: i32,
    max: i32,
    cpu_percent: i32,
    cpu: String,
    memory: String,
}

impl Default for AutoscaleOptions {
    fn default() -> Self {
        Self {
            writing: Writing::declared("autoscaled", "kubectl-autoscale"),
            files: FilenameOptions::new("identifying the resource to autoscale."),
            record: Record::default(),
            save_config: false,
            name: String::new(),
            min: -1,
            max: -1,
            cpu_percent: -1,
            cpu: String::new(),
            memory: String::new(),
        }
    }
}

impl Flags for AutoscaleOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.record.add_flags(flags);
        flags.add("min", &mut self.min, "The lower limit for the number of pods that can be set by the autoscaler. If it's not specified or negative, the server will apply a default value.");
        flags.add(
            "max",
            &mut self.max,
            "The upper limit for the number of pods that can be set by the autoscaler. Required.",
        );
        flags
            .add("cpu-percent", &mut self.cpu_percent, "The target average CPU utilization (represented as a percent of requested CPU) over all the pods. If it's not specified or negative, a default autoscaling policy will be used.")
            .deprecated("Use --cpu with percentage or resource quantity format (e.g., '70%' for utilization or '500m' for milliCPU).");
        flags.add("cpu", &mut self.cpu, "Target CPU utilization over all the pods. When specified as a percentage (e.g.\"70%\" for 70% of requested CPU) it will target average utilization. When specified as quantity (e.g.\"500m\" for 500 milliCPU) it will target average value. Value without units is treated as a quantity with miliCPU being the unit (e.g.\"500\" is \"500m\").");
        flags.add("memory", &mut self.memory, "Target memory utilization over all the pods. When specified  as a percentage (e.g.\"60%\" for 60% of requested memory) it will target average utilization. When specified as quantity (e.g.\"200Mi\" for 200 MiB, \"1Gi\" for 1 GiB) it will target average value. Value without units is treated as a quantity with mebibytes being the unit (e.g.\"200\" is \"200Mi\").");
        flags.add(
            "name",
            &mut self.name,
            "The name for the newly created object. If not specified, the name of the input resource will be used.",
        );
        write::add_save_config_flag(flags, &mut self.save_config);
        self.files.add_flags(flags);
        self.writing.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for AutoscaleOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        arguments.require(&["max"])?;
        let metrics = self.check()?;
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .resource_type_or_name_args(false, arguments)
            .flatten()
            .find()
            .await?;
        let nothing = found.infos.is_empty();
        visit(found, async |info| self.one(context, &info, &metrics).await).await?;
        if nothing {
            return Err(message!("no objects passed to autoscale"));
        }
        Ok(())
    }
}

impl AutoscaleOptions {
    /// The metrics; refuses what makes no sense.
    fn check(&self) -> Result<Vec<Value>> {
        let (min, max) = (self.min, self.max);
        if max < 1 {
            return Err(message!("--max=MAXPODS is required and must be at least 1, max: {max}"));
        }
        if max < min {
            return Err(message!(
                "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"
            ));
        }
        if self.cpu_percent > 0 && !self.cpu.is_empty() {
            return Err(message!("--cpu-percent and --cpu are mutually exclusive"));
        }
        let mut metrics = Vec::new();
        if self.cpu_percent > 0 {
            metrics.push(Target::Utilization(self.cpu_percent).metric("cpu"));
        }
        for (resource, text) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            if !text.is_empty() {
                metrics.push(Target::parse(text, resource)?.metric(resource));
            }
        }
        Ok(metrics)
    }

    async fn one(&self, context: &Context, info: &Info, metrics: &[Value]) -> Result<()> {
        let mapping = info.mapping()?;
        if !mapping.subresources.iter().any(|known| known == "scale") {
            return Err(message!(
                "cannot autoscale a {}: could not find scale subresource for {} in discovery information",
                mapping.kind,
                mapping.group_version_resource()
            ));
        }
        let autoscaler = self.autoscaler(info, "autoscaling/v2", json!({"metrics": metrics}))?;
        let Err(_) = self.create(context, autoscaler).await else {
            return Ok(());
        };
        let by_percent = self.cpu_percent >= 0 && self.memory.is_empty();
        let target = Target::parse(&self.cpu, "cpu").map_err(|error| {
            message!(
                "failed to create autoscaling/v2 HPA and the configuration is incompatible with autoscaling/v1: {error}"
            )
        })?;
        let by_share = self.memory.is_empty() && matches!(target, Target::Utilization(_));
        if !(by_percent || by_share) {
            return Err(message!(
                "failed to create autoscaling/v2 HPA and the configuration is incompatible with autoscaling/v1: %!w(<nil>)"
            ));
        }
        let percent = match self.cpu_percent {
            percent @ 0.. => json!({"targetCPUUtilizationPercentage": percent}),
            _ => json!({}),
        };
        let autoscaler = self.autoscaler(info, "autoscaling/v1", percent)?;
        self.create(context, autoscaler).await
    }

    fn autoscaler(&self, info: &Info, api_version: &str, more: Value) -> Result<Value> {
        let mapping = info.mapping()?;
        let mut spec = json!({
            "scaleTargetRef": {
                "apiVersion": mapping.group_version_resource().group_version(),
                "kind": mapping.kind,
                "name": info.name,
            },
            "maxReplicas": self.max,
        });
        if self.min > 0 {
            spec["minReplicas"] = self.min.into();
        }
        for (member, value) in more.as_object().into_iter().flatten() {
            spec[member] = value.clone();
        }
        let name = if self.name.is_empty() { &info.name } else { &self.name };
        Ok(json!({
            "apiVersion": api_version, "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name},
            "spec": spec,
        }))
    }

    async fn create(&self, context: &Context, mut autoscaler: Value) -> Result<()> {
        self.record.apply(context, &mut autoscaler);
        made::place(context, &mut autoscaler)?;
        let client = self.writing.dry_run.is_client();
        let save = self.save_config && !client;
        let autoscaler = made::create(context, autoscaler, save, &self.writing, &self.writing.options()).await?;
        self.writing
            .print_as(context, if client { "created" } else { "autoscaled" }, &autoscaler)
    }
}
