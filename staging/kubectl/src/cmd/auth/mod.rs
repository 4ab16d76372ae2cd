//! `kubectl auth`.

mod can_i;
mod reconcile;
mod rules;
mod whoami;

use crate::frame::{Command, Group};

/// The command.
pub static COMMAND: Command = Command {
    name: "auth",
    usage: "[flags]",
    short: "Inspect authorization",
    long: "Inspect authorization.",
    group: Group::Troubleshooting,
    subcommands: &[&can_i::CAN_I, &reconcile::RECONCILE, &whoami::WHOAMI],
    ..Command::EMPTY
};
