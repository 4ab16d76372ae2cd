//! How many pods a second the scheduler gives a node, and what that costs it.
//!
//! usage: `scheduler-perf [--server DIR] [--shrink N] [--list] [PART_OF_A_NAME]...`
//!
//! Without `--server` the scheduler runs in this process against an API server in memory; with it against the programs
//! `kube-apiserver` and `kube-scheduler` of that directory. `--shrink` divides all counts. Ends with 1 if a workload stays
//! below its floor.

mod memory;
mod programs;
mod steps;
mod target;
mod workload;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use workload::{Workload, Workloads};

/// What a run of a workload has shown.
pub(crate) struct Measured {
    pods: usize,
    seconds: f64,
    cpu: Usage,
}

/// Processor time by who used it, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    scheduler: f64,
    /// The API server and its store.
    server: f64,
    /// What creates the pods and counts the bound ones.
    driver: f64,
}

impl std::ops::Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            scheduler: self.scheduler - before.scheduler,
            server: self.server - before.server,
            driver: self.driver - before.driver,
        }
    }
}

#[derive(Default)]
struct Arguments {
    programs: Option<PathBuf>,
    shrink: usize,
    list: bool,
    names: Vec<String>,
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        shrink: 1,
        ..Arguments::default()
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--server" => arguments.programs = Some(given.next()?.into()),
            "--shrink" => arguments.shrink = given.next()?.parse().ok().filter(|by| *by > 0)?,
            "--list" => arguments.list = true,
            flag if flag.starts_with('-') => return None,
            _ => arguments.names.push(argument),
        }
    }
    Some(arguments)
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("workloads.yaml: {0}")]
    Workloads(String),
    #[error("{0} has no template {1:?}")]
    Template(String, String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Start(#[from] perf::process::StartError),
    #[error(transparent)]
    Client(#[from] client_go::rest::Error),
    #[error("{0}")]
    Other(String),
    #[error("{bound} of {wanted} pods had a node after {seconds} s without a further one")]
    Stuck { bound: usize, wanted: usize, seconds: u64 },
}

fn run(workload: &Workload, all: &Workloads, programs: Option<&PathBuf>) -> Result<Measured, Failure> {
    match programs {
        Some(programs) => programs::run(workload, all, programs),
        None => memory::run(workload, all),
    }
}

fn line(workload: &Workload, outcome: &Result<Measured, Failure>) -> (String, bool) {
    let mut text = format!("{:55} {:20} ", workload.name, workload.size);
    let good = match outcome {
        Ok(measured) => {
            let rate = measured.pods as f64 / measured.seconds;
            let cost = |seconds: f64| seconds * 1000.0 / measured.pods as f64;
            let (own, server, driver) = (
                cost(measured.cpu.scheduler),
                cost(measured.cpu.server),
                cost(measured.cpu.driver),
            );
            let (floor, times) = (workload.floor, rate / workload.floor);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{rate:8.0}/s  floor {floor:5.0}  x{times:6.1}  {own:7.3} ms CPU a pod  (server {server:.3}, driver {driver:.3})"
            );
            rate >= workload.floor
        }
        Err(error) => {
            let _ = write!(text, "failed: {error}");
            false
        }
    };
    (text, good)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: scheduler-perf [--server DIR] [--shrink N] [--list] [PART_OF_A_NAME]...");
        return ExitCode::FAILURE;
    };
    let mut all = match Workloads::load() {
        Ok(all) => all,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    all.shrink(arguments.shrink);
    let names = &arguments.names;
    let wanted = |workload: &&Workload| {
        let full = format!("{}/{}", workload.name, workload.size);
        names.is_empty() || names.iter().any(|name| full.contains(name.as_str()))
    };
    let mut good = true;
    let mut out = std::io::stdout();
    for workload in all.workloads.iter().filter(wanted) {
        let text = if arguments.list {
            format!("{}/{} {}", workload.name, workload.size, workload.floor)
        } else {
            let (text, reached) = line(workload, &run(workload, &all, arguments.programs.as_ref()));
            good &= reached;
            text
        };
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
