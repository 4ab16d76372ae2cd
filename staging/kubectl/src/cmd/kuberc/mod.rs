//! `kubectl kuberc`: the file of preferences.

mod set;
mod view;

use std::path::PathBuf;

use cli_runtime::{Result, message};

use crate::frame::Command;
use crate::kuberc;

/// The command.
pub static COMMAND: Command = Command {
    name: "kuberc",
    usage: "SUBCOMMAND",
    short: "Manage kuberc configuration files",
    long: "Manage the file of user preferences (kuberc).\n\n With it kubectl behaves as you like it.",
    examples: "# The preferences
kubectl kuberc view

# Another default for a flag
kubectl kuberc set --section defaults --command get --option output=wide

# Another word for a command
kubectl kuberc set --section aliases --name getn --command get --prependarg nodes --option output=wide",
    subcommands: &[&view::VIEW, &set::SET],
    ..Command::EMPTY
};

/// Which file is meant, and whether somebody asked for it.
fn chosen(flag: &str) -> Result<(PathBuf, bool)> {
    kuberc::file(flag)
        .map_err(|error| message!("{error}"))?
        .ok_or_else(|| message!("KUBERC is disabled via KUBERC=off environment variable"))
}

/// What `--kuberc` says of itself.
const FLAG: &str = "Path to the kuberc file to use for preferences. This can be disabled by exporting KUBECTL_KUBERC=false feature gate or turning off the feature KUBERC=off.";
