//! `kubectl exec`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::resource::{is_list, text_at};
use cli_runtime::{FilenameOptions, Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::remote::{Terminal, endpoint};
use crate::pods::{SessionFlags, check_running_timeout, containers, select, terminal};

/// The command.
pub static COMMAND: Command = Command {
    name: "exec",
    usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    short: "Execute a command in a container",
    long: "Execute a command in a container.",
    examples: "# What 'date' says in the first container of a pod
kubectl exec mypod -- date

# The same in another container
kubectl exec mypod -c ruby-container -- date

# A shell with the terminal in a container of a pod
kubectl exec mypod -c ruby-container -i -t -- bash -il

# In the first pod of a deployment
kubectl exec deploy/mydeployment -- date

# In the first pod behind a service
kubectl exec svc/myservice -- date",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(ExecOptions::default())),
    completion: Completion::Pods,
    ..Command::EMPTY
};

struct ExecOptions {
    files: FilenameOptions,
    session: SessionFlags,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self {
            files: FilenameOptions::new("to use to exec into the resource"),
            session: SessionFlags::default(),
        }
    }
}

impl Flags for ExecOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.session.add_flags(flags);
        flags
            .add(
                "filename",
                &mut self.files.filenames,
                "to use to exec into the resource",
            )
            .shorthand('f');
    }
}

#[async_trait(?Send)]
impl Run for ExecOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let target = match (arguments.first(), arguments.before_dash) {
            (Some(word), dash) if dash != Some(0) => word.as_str(),
            _ => "",
        };
        let command: &[String] = match arguments.before_dash {
            Some(dash) => &arguments[dash..],
            None if arguments.len() > 1 || (!arguments.is_empty() && !self.files.filenames.is_empty()) => {
                return Err(context.usage_error(
                    "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead",
                ));
            }
            None => &[],
        };
        check_running_timeout(self.session.timeout).map_err(|error| context.usage_error(&error.to_string()))?;
        if target.is_empty() && self.files.filenames.is_empty() {
            return Err(message!("pod, type/name or --filename must be specified"));
        }
        if command.is_empty() {
            return Err(message!("you must specify at least one command for the container"));
        }
        let mut builder = context.objects(&self.files)?;
        if !target.is_empty() {
            builder = builder.resource_names("pods", &[target.to_owned()]);
        }
        let mut infos = builder.find().await?.into_infos()?;
        if infos.len() != 1 || is_list(infos[0].object()) {
            return Err(message!("cannot exec into multiple objects at a time"));
        }
        let object = infos.swap_remove(0).object.unwrap_or_default();
        let pod = select::attachable(context, object, self.session.timeout).await?;
        let container = containers::runnable(&pod, &self.session.container, self.session.quiet, &context.streams)?;
        let terminal = Terminal::set_up(
            self.session.stdin,
            self.session.tty,
            self.session.quiet,
            &context.streams,
        )?;
        let mut query: Vec<(&str, &str)> = command.iter().map(|word| ("command", word.as_str())).collect();
        query.push(("container", text_at(container, &["name"])));
        terminal.add_streams(&mut query);
        let endpoint = endpoint(context, &pod, "exec", &query).await?;
        let size = terminal.raw.then(terminal::size).flatten();
        terminal
            .run(&endpoint, &context.streams, size.into_iter().collect())
            .await
    }
}
