//! `kubectl logs`.

mod sources;

use std::time::Duration;

use async_trait::async_trait;
use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::Method;
use tokio::io::AsyncBufReadExt as _;
use tokio::time::{Instant, sleep};

use cli_runtime::{CommandError, Result, message};

use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use crate::pods::{add_running_timeout_flag, check_running_timeout};
use sources::Source;

/// The command.
pub static COMMAND: Command = Command {
    name: "logs",
    usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
    short: "Print the logs for a container in a pod",
    long: "Print the logs for a container in a pod or specified resource. If the pod has only one container, the container name is optional.",
    examples: "# The log of a pod with one container
kubectl logs nginx

# Of all containers of the pods with a label
kubectl logs -l app=nginx --all-containers=true

# Of the container 'ruby' of the pod before it was restarted
kubectl logs -p -c ruby web-1

# What a container writes, as it comes
kubectl logs -f -c ruby web-1

# The last 20 lines
kubectl logs --tail=20 nginx

# The last hour
kubectl logs --since=1h nginx

# Of the first container of a job
kubectl logs job/hello

# Of a container of a deployment
kubectl logs deployment/nginx -c nginx-1",
    group: Group::Troubleshooting,
    options: Some(|| Box::new(LogsOptions::default())),
    completion: Completion::Pods,
    ..Command::EMPTY
};

const USAGE: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command";

/// The lines of each container that a selector finds, when nothing else is asked for.
const SELECTOR_TAIL: i64 = 10;

struct LogsOptions {
    all_pods: bool,
    all_containers: bool,
    follow: bool,
    timestamps: bool,
    limit_bytes: i64,
    previous: bool,
    tail: i64,
    ignore_errors: bool,
    since_time: String,
    since: GoDuration,
    container: String,
    insecure: bool,
    timeout: GoDuration,
    selector: String,
    max_log_requests: i32,
    prefix: bool,
}

impl Default for LogsOptions {
    fn default() -> Self {
        Self {
            all_pods: false,
            all_containers: false,
            follow: false,
            timestamps: false,
            limit_bytes: 0,
            previous: false,
            tail: -1,
            ignore_errors: false,
            since_time: String::new(),
            since: GoDuration::from_secs(0),
            container: String::new(),
            insecure: false,
            timeout: GoDuration::from_secs(20),
            selector: String::new(),
            max_log_requests: 5,
            prefix: false,
        }
    }
}

impl Flags for LogsOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "all-pods",
            &mut self.all_pods,
            "Get logs from all pod(s). Sets prefix to true.",
        );
        flags.add(
            "all-containers",
            &mut self.all_containers,
            "Get all containers' logs in the pod(s).",
        );
        flags
            .add("follow", &mut self.follow, "Specify if the logs should be streamed.")
            .shorthand('f');
        flags.add(
            "timestamps",
            &mut self.timestamps,
            "Include timestamps on each line in the log output",
        );
        flags.add(
            "limit-bytes",
            &mut self.limit_bytes,
            "Maximum bytes of logs to return. Defaults to no limit.",
        );
        flags
            .add(
                "previous",
                &mut self.previous,
                "If true, print the logs for the previous instance of the container in a pod if it exists.",
            )
            .shorthand('p');
        flags.add("tail", &mut self.tail, "Lines of recent log file to display. Defaults to -1 with no selector, showing all log lines otherwise 10, if a selector is provided.");
        flags.add(
            "ignore-errors",
            &mut self.ignore_errors,
            "If watching / following pod logs, allow for any errors that occur to be non-fatal",
        );
        flags.add("since-time", &mut self.since_time, "Only return logs after a specific date (RFC3339). Defaults to all logs. Only one of since-time / since may be used.");
        flags.add("since", &mut self.since, "Only return logs newer than a relative duration like 5s, 2m, or 3h. Defaults to all logs. Only one of since-time / since may be used.");
        flags
            .add("container", &mut self.container, "Print the logs of this container")
            .shorthand('c');
        flags.add("insecure-skip-tls-verify-backend", &mut self.insecure, "Skip verifying the identity of the kubelet that logs are requested from.  In theory, an attacker could provide invalid log content back. You might want to use this if your kubelet serving certificates have expired.");
        add_running_timeout_flag(flags, &mut self.timeout);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "max-log-requests",
            &mut self.max_log_requests,
            "Specify maximum number of concurrent logs to follow when using by a selector. Defaults to 5.",
        );
        flags.add(
            "prefix",
            &mut self.prefix,
            "Prefix each log line with the log source (pod name and container name)",
        );
    }
}

impl LogsOptions {
    /// Takes the words over: what is meant, and perhaps its container.
    fn target(&mut self, context: &Context, arguments: &Arguments) -> Result<String> {
        let target = match &arguments[..] {
            [] if self.selector.is_empty() => return Err(context.usage_error(USAGE)),
            [] => String::new(),
            [_] if !self.selector.is_empty() => {
                return Err(context.usage_error("only a selector (-l) or a POD name is allowed"));
            }
            [one] => one.clone(),
            [one, container] => {
                if arguments.given("container") {
                    return Err(message!("only one of -c or an inline [CONTAINER] arg is allowed"));
                }
                self.container.clone_from(container);
                one.clone()
            }
            _ => return Err(context.usage_error(USAGE)),
        };
        self.prefix |= self.all_pods;
        check_running_timeout(self.timeout)?;
        Ok(target)
    }

    fn check(&self) -> Result<()> {
        if !self.since_time.is_empty() && self.since != GoDuration::ZERO {
            return Err(message!(
                "at most one of `sinceTime` or `sinceSeconds` may be specified"
            ));
        }
        if self.all_containers && !self.container.is_empty() {
            return Err(message!(
                "--all-containers=true should not be specified with container name {}",
                self.container
            ));
        }
        if self.limit_bytes < 0 {
            return Err(message!("--limit-bytes must be greater than 0"));
        }
        if self.since < GoDuration::ZERO {
            return Err(message!("--since must be greater than 0"));
        }
        if self.tail < -1 {
            return Err(message!("--tail must be greater than or equal to -1"));
        }
        if !self.since_time.is_empty()
            && let Err(error) = self.since_time.parse::<jiff::Timestamp>()
        {
            return Err(message!("{error}"));
        }
        Ok(())
    }

    /// The parameters of each request but for the container.
    fn query(&self, tail_given: bool) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        for (name, wanted) in [
            ("follow", self.follow),
            ("insecureSkipTLSVerifyBackend", self.insecure),
            ("previous", self.previous),
            ("timestamps", self.timestamps),
        ] {
            if wanted {
                query.push((name, "true".to_owned()));
            }
        }
        if self.limit_bytes != 0 {
            query.push(("limitBytes", self.limit_bytes.to_string()));
        }
        if self.since != GoDuration::ZERO {
            query.push(("sinceSeconds", format!("{:.0}", self.since.as_secs_f64().round())));
        }
        if !self.since_time.is_empty() {
            query.push(("sinceTime", self.since_time.clone()));
        }
        if !self.selector.is_empty() && self.tail == -1 && !tail_given {
            query.push(("tailLines", SELECTOR_TAIL.to_string()));
        } else if self.tail != -1 {
            query.push(("tailLines", self.tail.to_string()));
        }
        query
    }

    /// Writes one log line by line, so that several do not get mixed within a line.
    async fn copy(&self, context: &Context, source: &Source, query: &[(&'static str, String)]) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}/pods/{}/log", source.namespace, source.pod);
        let mut request = context
            .factory
            .client()?
            .request(Method::GET, path)
            .query("container", &source.container)
            .accept("*/*");
        for (name, value) in query {
            request = request.query(name, value);
        }
        let mut reader = request.stream().await?.into_reader();
        let prefix = if self.prefix { source.prefix() } else { String::new() };
        let mut line = prefix.clone().into_bytes();
        while reader.read_until(b'\n', &mut line).await? > 0 {
            context.streams.out.print(&line)?;
            line.truncate(prefix.len());
        }
        Ok(())
    }

    /// Like [`Self::copy`]; while logs are followed, a refusal of the server is not the end.
    async fn copy_patiently(&self, context: &Context, source: &Source, query: &[(&'static str, String)]) -> Result<()> {
        let deadline = Instant::now() + self.timeout.to_std();
        loop {
            let error = match self.copy(context, source, query).await {
                Err(error) if !matches!(error, CommandError::BrokenPipe) => error,
                done => return done,
            };
            let text = error
                .status()
                .map_or_else(|| error.to_string(), |status| status.to_string());
            if self.ignore_errors {
                context.streams.out.print(format!("error: {text}\n"))?;
                return Ok(());
            }
            if !self.follow {
                return Err(error);
            }
            context.streams.err.print(format!("{text}\n"))?;
            if error.status().is_none() {
                return Err(error);
            }
            if Instant::now() >= deadline {
                return Err(message!("timed out waiting for the condition"));
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

#[async_trait(?Send)]
impl Run for LogsOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let target = self.target(context, arguments)?;
        self.check()?;
        let query = self.query(arguments.given("tail"));
        let wanted = sources::Wanted {
            selector: &self.selector,
            container: &self.container,
            all_containers: self.all_containers,
            all_pods: self.all_pods,
            timeout: self.timeout,
        };
        let sources = wanted.find(context, &target).await?;
        if self.follow && sources.len() > 1 {
            let most = usize::try_from(self.max_log_requests).unwrap_or(0);
            if sources.len() > most {
                return Err(message!(
                    "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
                    sources.len(),
                    self.max_log_requests
                ));
            }
            let mut running: FuturesUnordered<_> = sources
                .iter()
                .map(|source| self.copy_patiently(context, source, &query))
                .collect();
            while let Some(done) = running.next().await {
                done?;
            }
            return Ok(());
        }
        for source in &sources {
            self.copy_patiently(context, source, &query).await?;
        }
        Ok(())
    }
}
