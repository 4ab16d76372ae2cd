//! What the API server costs: processor time an operation, latency, memory.
//!
//! usage: `api-perf [--server DIR|BIN] [--etcd] [--against BIN] [--pods N] [--list] [PART_OF_A_NAME]...`
//!
//! The program `kube-apiserver` (of this program's directory without `--server`) is started with authentication, RBAC and
//! Node authorization, the default admission and flow control, on its embedded store, or on an etcd of its own with
//! `--etcd`. Processor time is that of the server and its store, so that it holds on a busy machine too; the store's time
//! is not taken off. `--against` does the same work with another API server on etcd and adds the ratio. Ends with 1 if
//! something cannot be measured, with 2 on misuse; a figure above its budget is a figure.

#![allow(clippy::print_stdout, reason = "figures are what the program is for")]

mod cluster;
mod load;
mod report;
mod scenarios;
mod watchers;

use std::{path::PathBuf, process::ExitCode};

use cluster::{Cluster, Setup};
use report::Measured;
use scenarios::{SCENARIOS, Scenario};

/// Pods that lists and memory are measured with.
const PODS: usize = 5_000;

const USAGE: &str =
    "usage: api-perf [--server DIR|BIN] [--etcd] [--against BIN] [--pods N] [--list] [PART_OF_A_NAME]...";

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Start(#[from] perf::process::StartError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Client(#[from] client_go::rest::Error),
    #[error(transparent)]
    Transport(#[from] client_go::transport::TransportError),
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
    #[error("{program} did not come up:\n{log}")]
    NotReady { program: String, log: String },
    #[error("{got} of {wanted} watch events arrived")]
    Events { got: u64, wanted: u64 },
    #[error("the answer has no {0}")]
    Answer(&'static str),
}

#[derive(Debug)]
struct Arguments {
    server: PathBuf,
    etcd: bool,
    against: Option<PathBuf>,
    pods: usize,
    list: bool,
    names: Vec<String>,
}

impl Arguments {
    fn parse(given: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut arguments = Self {
            server: std::env::current_exe().ok()?.parent()?.to_owned(),
            etcd: false,
            against: None,
            pods: PODS,
            list: false,
            names: Vec::new(),
        };
        let mut given = given.into_iter();
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--server" => arguments.server = given.next()?.into(),
                "--etcd" => arguments.etcd = true,
                "--against" => arguments.against = Some(given.next()?.into()),
                "--pods" => arguments.pods = given.next()?.parse().ok().filter(|pods| *pods >= perf::pod::GROUPS)?,
                "--list" => arguments.list = true,
                flag if flag.starts_with('-') => return None,
                _ => arguments.names.push(argument),
            }
        }
        if arguments.server.is_dir() {
            arguments.server.push("kube-apiserver");
        }
        Some(arguments)
    }

    fn scenarios(&self) -> impl Iterator<Item = &'static Scenario> {
        let wanted = |scenario: &&Scenario| {
            self.names.is_empty() || self.names.iter().any(|name| scenario.name.contains(name.as_str()))
        };
        SCENARIOS.iter().filter(wanted)
    }
}

/// Measures one server with every scenario that is asked for.
fn measure(arguments: &Arguments, setup: Setup) -> Result<Vec<Measured>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let measured = runtime.block_on(async {
        let mut cluster = Cluster::start(setup, arguments.pods).await?;
        let mut measured = Vec::new();
        for scenario in arguments.scenarios() {
            eprintln!("{}: {}", cluster.name(), scenario.name);
            match scenario.run(&mut cluster).await {
                Ok(figures) => measured.push(figures),
                Err(error) => return Err(cluster.explain(error)),
            }
        }
        Ok(measured)
    });
    runtime.shutdown_background();
    measured
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let ours = Setup {
        program: arguments.server.clone(),
        etcd: arguments.etcd,
    };
    let measured = measure(arguments, ours)?;
    let other = arguments.against.clone().map(|program| Setup { program, etcd: true });
    let other = other.map(|setup| measure(arguments, setup)).transpose()?;
    report::print(arguments.scenarios(), &measured, other.as_deref());
    Ok(())
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if arguments.scenarios().next().is_none() {
        eprintln!("no scenario has such a name; --list shows them");
        return ExitCode::from(2);
    }
    if arguments.list {
        arguments.scenarios().for_each(|scenario| println!("{}", scenario.name));
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, PODS};

    fn parse(arguments: &[&str]) -> Option<Arguments> {
        Arguments::parse(arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        for wrong in [&["--server"][..], &["--pods", "0"], &["--pods", "many"], &["--budget"]] {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn a_directory_holds_the_server() {
        let arguments = parse(&["--server", "/tmp", "--against", "/x/other", "get"]).expect("they make sense");
        assert_eq!(arguments.server.to_str(), Some("/tmp/kube-apiserver"));
        assert_eq!(
            arguments.against.as_deref().and_then(|path| path.to_str()),
            Some("/x/other")
        );
        assert_eq!(arguments.pods, PODS);
        let names: Vec<&str> = arguments.scenarios().map(|scenario| scenario.name).collect();
        assert_eq!(names, ["get"]);
    }
}
