//! The table of all commands. The order within a group is that of the help.

use crate::cmd;
use crate::frame::Command;

/// `kubectl` itself.
pub static ROOT: Command = Command {
    name: "kubectl",
    usage: "",
    short: "kubectl controls the Kubernetes cluster manager",
    long: "kubectl controls the Kubernetes cluster manager.\n\n Find more information at: https://kubernetes.io/docs/reference/kubectl/",
    subcommands: &[
        // Basic Commands (Beginner)
        // Basic Commands (Intermediate)
        &cmd::explain::COMMAND,
        &cmd::get::COMMAND,
        // Deploy Commands
        // Cluster Management Commands
        &cmd::clusterinfo::COMMAND,
        // Troubleshooting and Debugging Commands
        &cmd::auth::COMMAND,
        // Advanced Commands
        // Settings Commands
        // Other Commands
        &cmd::apiresources::API_RESOURCES,
        &cmd::apiresources::API_VERSIONS,
        &cmd::config::COMMAND,
        &cmd::options::COMMAND,
        &cmd::plugin::COMMAND,
        &cmd::version::COMMAND,
    ],
    ..Command::EMPTY
};
