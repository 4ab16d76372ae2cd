//! kube-apiserver.

mod storage;

use std::process::ExitCode;

use component_base::{
    flags::{Command, Invocation, report_and_exit_code},
    lifecycle, logs,
};
use controlplane::ServerOptions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("storage").is_some() {
        return storage::main(arguments);
    }
    let mut options = ServerOptions::default();
    let command = Command {
        name: "kube-apiserver",
        about: "The API server stores and serves the objects of a cluster, and is the one place through which all else meets.",
    };
    let parsed = command.parse(&mut options, arguments, &mut Vec::new());
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

fn serve(options: ServerOptions, version: component_base::version::VersionInfo) -> anyhow::Result<()> {
    let log = logs::init(&options.logging, &options.gates)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let stop = lifecycle::shutdown_on_signals()?;
        controlplane::run(options, version, log.clone(), stop)
            .await
            .map_err(anyhow::Error::from)
    });
    log.flush()?;
    result
}
