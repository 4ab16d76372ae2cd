//! cluster-dns.

use std::process::ExitCode;

use component_base::{flags::Command, program};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Command {
        name: "cluster-dns",
        about: "The cluster's DNS server answers for Services and Pods from memory, and forwards everything else.",
    };
    program::main(&command, cluster_dns_app::Options::default(), 2, cluster_dns_app::run)
}
