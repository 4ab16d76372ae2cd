//! kube-controller-manager.

use std::process::ExitCode;

use component_base::{
    flags::{Command, Invocation, report_and_exit_code},
    lifecycle, logs,
    version::VersionInfo,
};
use controller_manager::ControllerManagerOptions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut options = ControllerManagerOptions::default();
    let command = Command {
        name: "kube-controller-manager",
        about: "The controller manager runs the control loops of a cluster: each watches the state that the API server keeps, and works towards the state that is wanted.",
    };
    let parsed = command.parse(&mut options, std::env::args().skip(1), &mut Vec::new());
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    match manage(options, *version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn manage(mut options: ControllerManagerOptions, version: VersionInfo) -> anyhow::Result<()> {
    let versions = options.complete()?;
    let log = logs::init(&options.logging, &versions.gates)?;
    let version = version.with_effective(versions.emulation, versions.min_compatibility);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = lifecycle::shutdown_on_signals()?;
        controller_manager::run(options, versions, version, log.clone(), stop)
            .await
            .map_err(anyhow::Error::from)
    });
    log.flush()?;
    outcome
}
