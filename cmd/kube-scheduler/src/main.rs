//! kube-scheduler.

use std::process::ExitCode;

use component_base::{flags::Command, program};
use scheduler::app::{Completed, SchedulerOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Command {
        name: "kube-scheduler",
        about: "The scheduler gives each pod a node: one that has what the pod requires, and of those the one that suits best.",
    };
    program::main_completed(
        &command,
        SchedulerOptions::default(),
        Completed::new,
        // Scheduling has threads of its own; the rest is input and output, which one thread does with fewer switches.
        1,
        scheduler::app::run,
    )
}
