//! kubelet.

use std::process::ExitCode;

use component_base::flags::{Command, Invocation, report_and_exit_code};
use component_base::version::VersionInfo;
use component_base::{lifecycle, logs};
use kubelet_config::{KubeletOptions, parse_command_line};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMMAND: Command = Command {
    name: "kubelet",
    about: "The kubelet is the node agent: it runs the pods that are bound to its node, and tells the API server how they and the node are.",
};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (parsed, options) = match parse_command_line(&COMMAND, &arguments) {
        Ok((invocation, options)) => (Ok(invocation), options),
        Err(error) => (Err(error), KubeletOptions::default()),
    };
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    match serve(options, *version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: KubeletOptions, version: VersionInfo) -> anyhow::Result<()> {
    let log = logs::init(&options.configuration.logging, &options.gates)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = lifecycle::shutdown_on_signals()?;
        kubelet::app::run(options, version, log, stop)
            .await
            .map_err(anyhow::Error::from)
    })
}
