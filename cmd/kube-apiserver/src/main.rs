//! kube-apiserver.

mod storage;

use std::process::ExitCode;

use component_base::{flags::Command, program};
use controlplane::ServerOptions;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("storage").is_some() {
        return storage::main(arguments);
    }
    let command = Command {
        name: "kube-apiserver",
        about: "The API server stores and serves the objects of a cluster, and is the one place through which all else meets.",
    };
    program::main(&command, ServerOptions::default(), 0, |options, start| {
        controlplane::run(options, start.version, start.log, start.stop)
    })
}
