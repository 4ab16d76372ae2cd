//! `kubectl wait`.

mod condition;
pub(crate) mod until;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags, StringArray};
use tokio::time::{Duration, Instant, sleep};

use cli_runtime::resource::Found;
use cli_runtime::{Builder, CommandError, FilenameOptions, Info, PrintFlags, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

use condition::Condition;

/// The command.
pub static COMMAND: Command = Command {
    name: "wait",
    usage: "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
    short: "Wait for a specific condition on one or many resources",
    long: "Wait for a specific condition on one or many resources.\n\n Each object is looked at until the condition in its Status has the wanted value, until it is gone with --for=delete, or until there is one with --for=create.\n\n A line per object says when it is so. The wait ends with an error when --timeout has passed.",
    examples: "# Until the pod 'busybox1' is ready
kubectl wait --for=condition=Ready pod/busybox1

# The value is 'true' unless another one is given
kubectl wait --for=condition=Ready=false pod/busybox1

# Until the pod runs
kubectl wait --for=jsonpath='{.status.phase}'=Running pod/busybox1

# Until the service has an address
kubectl wait --for=jsonpath='{.status.loadBalancer.ingress}' service/loadbalancer

# Until the secret is there, at most 30 seconds
kubectl create secret generic my-secret
kubectl wait --for=create secret/my-secret --timeout=30s

# Until the pod is gone
kubectl delete pod/busybox1
kubectl wait --for=delete pod/busybox1 --timeout=60s",
    group: Group::Advanced,
    options: Some(|| Box::new(WaitOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// What a negative timeout means.
pub(crate) const WEEK: Duration = Duration::from_secs(168 * 60 * 60);
/// How often it is looked whether there is an object.
const CREATE_INTERVAL: Duration = Duration::from_millis(500);

struct WaitOptions {
    print: PrintFlags,
    files: FilenameOptions,
    selector: String,
    field_selector: String,
    all: bool,
    all_namespaces: bool,
    local: bool,
    timeout: GoDuration,
    conditions: StringArray,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags::new("condition met"),
            files: FilenameOptions::default(),
            selector: String::new(),
            field_selector: String::new(),
            all: false,
            all_namespaces: false,
            local: false,
            timeout: GoDuration::from_secs(30),
            conditions: StringArray::default(),
        }
    }
}

impl Flags for WaitOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        flags
            .add("filename", &mut self.files.filenames, "identifying the resource.")
            .shorthand('f');
        flags.add("recursive", &mut self.files.recursive, "Process the directory used in -f, --filename recursively. Useful when you want to manage related manifests organized within the same directory.").shorthand('R');
        flags.add("selector", &mut self.selector, "Selector (label query) to filter on, supports '=', '==', '!=', 'in', 'notin'.(e.g. -l key1=value1,key2=value2,key3 in (value3))").shorthand('l');
        flags.add("field-selector", &mut self.field_selector, "Selector (field query) to filter on, supports '=', '==', and '!='.(e.g. --field-selector key1=value1,key2=value2). The server only supports a limited number of field queries per type.");
        flags.add(
            "all",
            &mut self.all,
            "Select all resources in the namespace of the specified resource types",
        );
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        flags.add(
            "local",
            &mut self.local,
            "If true, annotation will NOT contact api-server but run locally.",
        );
        flags.add("timeout", &mut self.timeout, "The length of time to wait before giving up. Zero means check once and don't wait, negative means wait for a week.");
        flags.add("for", &mut self.conditions, "The condition to wait on: [create|delete|condition=condition-name[=condition-value]|jsonpath='{JSONPath expression}'=[JSONPath value]]. The default condition-value is true. Condition values are compared after Unicode simple case folding, which is a more general form of case-insensitivity. Multiple conditions are supported and AND'ed to each other in a sequential order. If --for=create is passed, it is always waited first.");
    }
}

#[async_trait(?Send)]
impl Run for WaitOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.print.to_printer()?;
        let conditions = Condition::parse_all(&self.conditions.0)?;
        let timeout = if self.timeout.as_nanos() < 0 {
            WEEK
        } else {
            self.timeout.to_std()
        };
        let deadline = Instant::now() + timeout;
        if conditions.contains(&Condition::Create) {
            self.until_created(context, arguments, deadline).await?;
        }
        let deletes = conditions.contains(&Condition::Delete);
        let mut found = self.builder(context, arguments)?.find().await?;
        if deletes {
            found.errors.retain(|error| !error.is_not_found());
        }
        let nothing = found.infos.is_empty();
        let Found { infos, mut errors, .. } = found;
        for info in infos {
            let outcome = self.one(context, &info, &conditions, timeout, deadline).await;
            errors.extend(outcome.err());
        }
        CommandError::collect(errors)?;
        if nothing && !deletes {
            Err(message!("no matching resources found"))
        } else {
            Ok(())
        }
    }
}

impl WaitOptions {
    fn builder<'c>(&self, context: &'c Context, arguments: &Arguments) -> Result<Builder<'c>> {
        Ok(context
            .objects(&self.files)?
            .local_if(self.local)
            .all_namespaces(self.all_namespaces)
            .label_selector(&self.selector)
            .field_selector(&self.field_selector)
            .resource_type_or_name_args(self.all, arguments)
            .continue_on_error()
            .latest()
            .flatten())
    }

    async fn until_created(&self, context: &Context, arguments: &Arguments, deadline: Instant) -> Result<()> {
        loop {
            let found = self.builder(context, arguments)?.find().await?;
            let (absent, others): (Vec<_>, Vec<_>) = found.errors.into_iter().partition(CommandError::is_not_found);
            CommandError::collect(others)?;
            if absent.is_empty() && !found.infos.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(message!("timed out waiting for the condition"));
            }
            sleep(CREATE_INTERVAL).await;
        }
    }

    async fn one(
        &self,
        context: &Context,
        info: &Info,
        conditions: &[Condition],
        timeout: Duration,
        deadline: Instant,
    ) -> Result<()> {
        let mut printer = self.print.to_printer()?;
        for condition in conditions {
            if info.name.is_empty() {
                return Err(message!("resource name must be provided"));
            }
            let object = match condition {
                Condition::Create => info.object().clone(),
                Condition::Delete => until::deleted(context, info, "", timeout, deadline).await?,
                Condition::Status { .. } | Condition::Path { .. } => {
                    until::met(context, info, timeout, deadline, |object| condition.is_met(object)).await?
                }
            };
            printer.print(&object, &mut &context.streams.out)?;
        }
        Ok(())
    }
}
