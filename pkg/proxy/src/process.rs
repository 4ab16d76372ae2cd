//! Runs the packet filters' own programs.

use component_base::command;

use crate::backend::{CommandError, CommandRunner};

/// Runs programs found on the path, in the network namespace of the calling thread.
#[derive(Debug, Default)]
pub struct SystemCommands;

impl CommandRunner for SystemCommands {
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, CommandError> {
        command::run(program, arguments, input)
    }
}
