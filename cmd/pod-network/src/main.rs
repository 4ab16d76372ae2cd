//! pod-network.

use std::process::ExitCode;

use component_base::{flags::Command, program};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Command {
        name: "pod-network",
        about: "The pod network gives the node's pods addresses out of its pod ranges, and routes to those of other nodes.",
    };
    program::main(
        &command,
        pod_network_agent::Options::default(),
        2,
        pod_network_agent::run,
    )
}
