//! kube-proxy.

use std::process::ExitCode;

use component_base::{flags::Command, program};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Command {
        name: "kube-proxy",
        about: "The network proxy runs on each node and brings the traffic of Services to their endpoints.",
    };
    program::main(
        &command,
        kube_proxy_app::ProxyOptions::default(),
        2,
        kube_proxy_app::run,
    )
}
