//! kubelet.

use std::process::ExitCode;

use component_base::{flags::Command, program};
use kubelet_config::parse_command_line;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMMAND: Command = Command {
    name: "kubelet",
    about: "The kubelet is the node agent: it runs the pods that are bound to its node, and tells the API server how they and the node are.",
};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let parsed = parse_command_line(&COMMAND, &arguments);
    let parsed = parsed.map(|(invocation, options)| {
        let given = options.given.clone();
        (invocation, options, given)
    });
    program::main_parsed(parsed, 0, kubelet::app::run)
}
