//! kube-proxy.

use std::process::ExitCode;

use component_base::{
    flags::{Command, Invocation, report_and_exit_code},
    lifecycle, logs,
};
use kube_proxy_app::ProxyOptions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut options = ProxyOptions::default();
    let command = Command {
        name: "kube-proxy",
        about: "The network proxy runs on each node and brings the traffic of Services to their endpoints.",
    };
    let mut given = Vec::new();
    let parsed = command.parse(&mut options, std::env::args().skip(1), &mut given);
    if let Some(code) = report_and_exit_code(&parsed) {
        return code;
    }
    let Ok(Invocation::Run(version)) = parsed else {
        return ExitCode::FAILURE;
    };
    match serve(options, &given, *version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: ProxyOptions, given: &[&str], version: component_base::version::VersionInfo) -> anyhow::Result<()> {
    let log = logs::init(&options.logging, &options.gates)?;
    let completed = options.complete(given)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        let stop = lifecycle::shutdown_on_signals()?;
        kube_proxy_app::run(completed, version, stop)
            .await
            .map_err(anyhow::Error::from)
    });
    log.flush()?;
    result
}
