//! kube-controller-manager.

use std::process::ExitCode;

use component_base::{flags::Command, program};
use controller_manager::{Completed, ControllerManagerOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Command {
        name: "kube-controller-manager",
        about: "The controller manager runs the control loops of a cluster: each watches the state that the API server keeps, and works towards the state that is wanted.",
    };
    program::main_completed(
        &command,
        ControllerManagerOptions::default(),
        |options, _| Completed::new(options),
        0,
        controller_manager::run,
    )
}
