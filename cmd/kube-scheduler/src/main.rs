//! kube-scheduler.

use std::process::ExitCode;

use component_base::{
    flags::{Command, Invocation, report_and_exit_code},
    lifecycle, logs,
    version::VersionInfo,
};
use scheduler::app::SchedulerOptions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut options = SchedulerOptions::default();
    let command = Command {
        name: "kube-scheduler",
        about: "The scheduler gives each pod a node: one that has what the pod requires, and of those the one that suits best.",
    };
    let mut given = Vec::new();
    let parsed = command.parse(&mut options, std::env::args().skip(1), &mut given);
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    match schedule(options, &given, *version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn schedule(mut options: SchedulerOptions, given: &[&str], version: VersionInfo) -> anyhow::Result<()> {
    let complete = options.complete(given)?;
    let log = logs::init(&options.logging, &complete.versions.gates)?;
    let version = version.with_effective(complete.versions.emulation, complete.versions.min_compatibility);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = lifecycle::shutdown_on_signals()?;
        scheduler::app::run(options, complete, version, log.clone(), stop)
            .await
            .map_err(anyhow::Error::from)
    });
    log.flush()?;
    outcome
}
