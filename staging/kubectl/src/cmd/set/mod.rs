//! `kubectl set`: certain members of objects.

mod env;
mod image;
mod pattern;
mod resources;
mod selector;
mod serviceaccount;
mod subject;
mod targets;

use crate::frame::{Command, Group};

/// The command.
pub static COMMAND: Command = Command {
    name: "set",
    usage: "SUBCOMMAND",
    short: "Set specific features on objects",
    long: "Configure application resources.\n\n These commands help you make changes to existing application resources.",
    subcommands: &[
        &env::COMMAND,
        &image::COMMAND,
        &resources::COMMAND,
        &selector::COMMAND,
        &serviceaccount::COMMAND,
        &subject::COMMAND,
    ],
    group: Group::Beginner,
    ..Command::EMPTY
};
