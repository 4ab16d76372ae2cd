//! `kubectl attach`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;
use streaming::remotecommand::TerminalSize;

use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::remote::{Terminal, endpoint};
use crate::pods::{SessionFlags, check_running_timeout, containers, select, terminal};

/// The command.
pub static COMMAND: Command = Command {
    name: "attach",
    usage: "(POD | TYPE/NAME) -c CONTAINER",
    short: "Attach to a running container",
    long: "Attach to a process that is already running inside an existing container.",
    examples: "# The output of a running pod
kubectl attach mypod

# The output of one of its containers
kubectl attach mypod -c ruby-container

# The terminal of a container
kubectl attach mypod -c ruby-container -i -t

# The output of the first pod of a replica set
kubectl attach rs/nginx",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(AttachOptions::default())),
    completion: Completion::Pods,
    ..Command::EMPTY
};

#[derive(Default)]
struct AttachOptions {
    session: SessionFlags,
}

impl Flags for AttachOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.session.add_flags(flags);
    }
}

#[async_trait(?Send)]
impl Run for AttachOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let target = match &arguments[..] {
            [] => return Err(context.usage_error("at least 1 argument is required for attach")),
            [one] => one.clone(),
            [kind, name] => format!("{kind}/{name}"),
            more => {
                return Err(context.usage_error(&format!(
                    "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {}: [{}]",
                    more.len(),
                    more.join(" ")
                )));
            }
        };
        check_running_timeout(self.session.timeout).map_err(|error| context.usage_error(&error.to_string()))?;
        let (namespace, _) = context.factory.namespace()?;
        let object = select::object(context, &namespace, &target).await?;
        let pod = select::attachable(context, object, self.session.timeout).await?;
        attach_to(context, &pod, &self.session, &context.command_path).await
    }
}

/// Attaches to a container of a pod until the session ends. `command` is what attaches again.
///
/// # Errors
/// The pod has ended, has no such container, or cannot be reached.
pub(crate) async fn attach_to(context: &Context, pod: &Value, session: &SessionFlags, command: &str) -> Result<()> {
    let phase = text_at(pod, &["status", "phase"]);
    if matches!(phase, "Succeeded" | "Failed") {
        return Err(message!(
            "cannot attach a container in a completed pod; current phase is {phase}"
        ));
    }
    let streams = &context.streams;
    let container = containers::find_or_default(pod, &session.container, session.quiet, streams)
        .map_err(|error| message!("cannot attach to the container: {error}"))?;
    let name = text_at(container, &["name"]);
    let has_tty = container["tty"] == true;
    if session.tty && !has_tty && !session.quiet {
        streams.err.print(format!(
            "error: Unable to use a TTY - container {name} did not allocate one\n"
        ))?;
    }
    let terminal = Terminal::set_up(session.stdin, has_tty, session.quiet, streams)?;
    if !session.quiet {
        streams.err.print("All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\nIf you don't see a command prompt, try pressing enter.\n")?;
    }
    let mut query = vec![("container", name)];
    terminal.add_streams(&mut query);
    let endpoint = endpoint(context, pod, "attach", &query).await?;
    let sizes = terminal.raw.then(terminal::size).flatten().map(|size| {
        // A change of the size makes the program draw its screen again.
        let larger = TerminalSize {
            width: size.width.saturating_add(1),
            height: size.height.saturating_add(1),
        };
        vec![larger, size]
    });
    terminal.run(&endpoint, streams, sizes.unwrap_or_default()).await?;
    if !session.quiet && terminal.raw {
        let ephemeral = containers::find(pod, name).is_some_and(|(member, _)| member == "ephemeralContainers");
        let again = format!(
            "'{} {} -c {name} -n {} -i -t'",
            command,
            text_at(pod, &["metadata", "name"]),
            text_at(pod, &["metadata", "namespace"])
        );
        let said = if ephemeral {
            format!(
                "Session ended, the ephemeral container will not be restarted but may be reattached using {again} if it is still running\n"
            )
        } else {
            format!("Session ended, resume using {again} command\n")
        };
        streams.out.print(said)?;
    }
    Ok(())
}
