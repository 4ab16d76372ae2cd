//! `kubectl cp`: archives through `tar` in the container.

mod archive;
mod path;
mod pipe;

use std::io::{self, Write as _};
use std::time::Duration;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;
use streaming::Endpoint;
use streaming::remotecommand::StreamOptions;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, IoStreams, Result, message};

use self::archive::{Advice, into_folder, pack, require_source, unpack};
use self::path::{FileSpec, archive_prefix, dir};
use self::pipe::{BUFFER, Reader, Writer};
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::{containers, remote, select};

/// The command.
pub static COMMAND: Command = Command {
    name: "cp",
    usage: "<file-spec-src> <file-spec-dest>",
    short: "Copy files and directories to and from containers",
    long: "",
    examples: "# The image of the container must have 'tar'. For symbolic links, patterns or file modes
# use it with 'kubectl exec':
tar cf - /tmp/foo | kubectl exec -i -n <some-namespace> <some-pod> -- tar xf - -C /tmp/bar
kubectl exec -n <some-namespace> <some-pod> -- tar cf - /tmp/foo | tar xf - -C /tmp/bar

# A folder to a pod of the current namespace
kubectl cp /tmp/foo_dir <some-pod>:/tmp/bar_dir

# A file to one of a pod's containers
kubectl cp /tmp/foo <some-pod>:/tmp/bar -c <specific-container>

# A file to a pod of another namespace
kubectl cp /tmp/foo <some-namespace>/<some-pod>:/tmp/bar

# A file of a pod to here
kubectl cp <some-namespace>/<some-pod>:/tmp/foo /tmp/bar",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(CpOptions::default())),
    completion: Completion::Files,
    ..Command::EMPTY
};

/// How long it may take to find out whether the destination is a folder.
const LOOK: Duration = Duration::from_secs(30);

#[derive(Default)]
struct CpOptions {
    container: String,
    no_preserve: bool,
    retries: i64,
}

impl Flags for CpOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("container", &mut self.container, "Container name. If omitted, use the kubectl.kubernetes.io/default-container annotation for selecting the container to be attached or the first container in the pod will be chosen").shorthand('c');
        flags.add(
            "no-preserve",
            &mut self.no_preserve,
            "The copied file/directory's ownership and permissions will not be preserved in the container",
        );
        flags.add("retries", &mut self.retries, "Set number of retries to complete a copy operation from a container. Specify 0 to disable or any negative value for infinite retrying. The default is 0 (no retry).");
    }
}

#[async_trait(?Send)]
impl Run for CpOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let (namespace, _) = context.factory.namespace()?;
        let [source, dest] = &arguments[..] else {
            return Err(message!("source and destination are required"));
        };
        let (source, dest) = (FileSpec::parse(source)?, FileSpec::parse(dest)?);
        if !source.pod.is_empty() && !dest.pod.is_empty() {
            return Err(message!("one of src or dest must be a local file specification"));
        }
        if source.path.is_empty() || dest.path.is_empty() {
            return Err(message!("filepath can not be empty"));
        }
        if !source.pod.is_empty() {
            self.copy_from_pod(context, &namespace, &source, &dest.path).await
        } else if !dest.pod.is_empty() {
            self.copy_to_pod(context, &namespace, &source.path, &dest).await
        } else {
            Err(message!("one of src or dest must be a remote file specification"))
        }
    }
}

/// What a blocking thread came to.
fn joined<T>(outcome: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    outcome.map_err(|error| message!("{error}"))
}

impl CpOptions {
    /// The process of a command in the container that is meant; who is told which goes to `streams.err`.
    async fn process(
        &self,
        context: &Context,
        pod: &Value,
        command: &[&str],
        stdin: bool,
        streams: &IoStreams,
    ) -> Result<Endpoint> {
        let container = containers::runnable(pod, &self.container, false, streams)?;
        let mut query: Vec<(&str, &str)> = command.iter().map(|word| ("command", *word)).collect();
        query.push(("container", text_at(container, &["name"])));
        if stdin {
            query.push(("stdin", "true"));
        }
        query.extend([("stdout", "true"), ("stderr", "true")]);
        remote::endpoint(context, pod, "exec", &query).await
    }

    async fn pod(context: &Context, namespace: &str, spec: &FileSpec) -> Result<Value> {
        let namespace = if spec.namespace.is_empty() {
            namespace
        } else {
            &spec.namespace
        };
        select::object(context, namespace, &spec.pod).await
    }

    /// Whether the destination is a folder; a container without `test` has none.
    async fn is_folder(&self, context: &Context, pod: &Value, path: &str) -> Result<bool> {
        let nobody = IoStreams::memory(b"");
        let look = async {
            let endpoint = self
                .process(context, pod, &["test", "-d", path], false, &nobody)
                .await?;
            let options = StreamOptions {
                stdout: Some(Box::new(tokio::io::sink())),
                stderr: Some(Box::new(tokio::io::sink())),
                ..StreamOptions::default()
            };
            remote::run(&endpoint, options).await
        };
        match tokio::time::timeout(LOOK, look).await {
            Ok(outcome) => Ok(outcome.is_ok()),
            Err(_) => Err(message!("context deadline exceeded")),
        }
    }

    async fn copy_to_pod(&self, context: &Context, namespace: &str, source: &str, dest: &FileSpec) -> Result<()> {
        require_source(source)?;
        let pod = Self::pod(context, namespace, dest).await?;
        let mut path = dest.path.clone();
        if self.is_folder(context, &pod, &path).await? {
            path = into_folder(&path, source);
        }
        let mut command = vec!["tar"];
        if self.no_preserve {
            command.extend(["--no-same-permissions", "--no-same-owner"]);
        }
        let folder = dir(&path);
        command.extend(["-xmf", "-", "-C", &folder]);
        let endpoint = self.process(context, &pod, &command, true, &context.streams).await?;
        let (near, far) = tokio::io::duplex(BUFFER);
        let out = Writer {
            stream: near,
            runtime: Handle::current(),
        };
        let source = source.to_owned();
        let packing = spawn_blocking(move || pack(&source, &path, out));
        let options = StreamOptions {
            stdin: Some(Box::new(far)),
            stdout: Some(remote::writer(&context.streams.out)),
            stderr: Some(remote::writer(&context.streams.err)),
            ..StreamOptions::default()
        };
        let ended = remote::run(&endpoint, options).await;
        match joined(packing.await)? {
            // The process did not want all of it, and says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && ended.is_err() => ended,
            Err(error) => Err(error.into()),
            Ok(()) => ended,
        }
    }

    async fn copy_from_pod(&self, context: &Context, namespace: &str, source: &FileSpec, dest: &str) -> Result<()> {
        let pod = Self::pod(context, namespace, source).await?;
        // What tar says is no error of ours: it goes where the copy's progress goes.
        let streams = IoStreams {
            err: context.streams.out.clone(),
            ..context.streams.clone()
        };
        let (mut reader, mut wants) = Reader::new();
        let advice = Advice {
            command: context
                .command_path
                .rsplit_once(' ')
                .map_or("", |(parent, _)| parent)
                .to_owned(),
            namespace: source.namespace.clone(),
            pod: source.pod.clone(),
            source: source.path.clone(),
        };
        let (prefix, dest) = (archive_prefix(&source.path), dest.to_owned());
        let warnings = context.streams.err.clone();
        let unpacking = spawn_blocking(move || {
            let outcome = unpack(&mut reader, &prefix, &dest, &advice, &warnings);
            if outcome.is_ok() {
                reader.drain();
            }
            outcome
        });
        let mut ended: Option<Result<()>> = None;
        let mut retries = 0;
        while let Some(read) = wants.asks.recv().await {
            if let Some(outcome) = ended.take() {
                if matches!(outcome, Err(CommandError::ExitWith { .. })) {
                    return outcome;
                }
                if self.retries >= 0 && retries >= self.retries {
                    outcome?;
                    writeln!(&context.streams.out, "Dropping out copy after {retries} retries")?;
                    break;
                }
                retries += 1;
                writeln!(
                    &context.streams.out,
                    "Resuming copy at {read} bytes, retry {retries}/{}",
                    self.retries
                )?;
            }
            let (near, far) = tokio::io::duplex(BUFFER);
            let command = self.tar(&source.path, read);
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            let endpoint = self.process(context, &pod, &command, false, &streams).await?;
            if wants.streams.send(far).await.is_err() {
                break;
            }
            ended = Some(attempt(&endpoint, near, &streams).await);
        }
        drop(wants);
        joined(unpacking.await)??;
        match ended {
            Some(Err(error @ CommandError::ExitWith { .. })) => Err(error),
            _ => Ok(()),
        }
    }

    /// What makes the archive, from a byte on if it may be tried again.
    fn tar(&self, path: &str, read: u64) -> Vec<String> {
        if self.retries == 0 {
            return ["tar", "cf", "-", path].map(str::to_owned).to_vec();
        }
        let quoted = path.replace('\'', r"'\''");
        let from = if read == 0 { 0 } else { read + 1 };
        let script = format!("tar cf - '{quoted}' | tail -c+{from}");
        vec!["sh".to_owned(), "-c".to_owned(), script]
    }
}

async fn attempt(endpoint: &Endpoint, out: DuplexStream, streams: &IoStreams) -> Result<()> {
    let options = StreamOptions {
        stdout: Some(Box::new(out)),
        stderr: Some(remote::writer(&streams.err)),
        ..StreamOptions::default()
    };
    remote::run(endpoint, options).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_in_the_container() {
        let tried_again = |retries: i64| CpOptions {
            retries,
            ..CpOptions::default()
        };
        for (retries, path, read, expected) in [
            (0, "/a b", 0, vec!["tar", "cf", "-", "/a b"]),
            (-1, "/a", 0, vec!["sh", "-c", "tar cf - '/a' | tail -c+0"]),
            (2, "/it's", 512, vec!["sh", "-c", r"tar cf - '/it'\''s' | tail -c+513"]),
        ] {
            assert_eq!(tried_again(retries).tar(path, read), expected);
        }
    }
}
