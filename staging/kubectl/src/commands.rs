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
        &cmd::create::COMMAND,
        &cmd::expose::COMMAND,
        &cmd::run::COMMAND,
        &cmd::set::COMMAND,
        // Basic Commands (Intermediate)
        &cmd::explain::COMMAND,
        &cmd::get::COMMAND,
        &cmd::edit::COMMAND,
        &cmd::delete::COMMAND,
        // Deploy Commands
        &cmd::rollout::COMMAND,
        &cmd::scale::COMMAND,
        &cmd::autoscale::COMMAND,
        // Cluster Management Commands
        &cmd::certificate::COMMAND,
        &cmd::clusterinfo::COMMAND,
        &cmd::top::COMMAND,
        &cmd::cordon::CORDON,
        &cmd::cordon::UNCORDON,
        &cmd::drain::COMMAND,
        &cmd::taint::COMMAND,
        // Troubleshooting and Debugging Commands
        &cmd::describe::COMMAND,
        &cmd::logs::COMMAND,
        &cmd::attach::COMMAND,
        &cmd::exec::COMMAND,
        &cmd::portforward::COMMAND,
        &cmd::auth::COMMAND,
        &cmd::proxy::COMMAND,
        &cmd::cp::COMMAND,
        &cmd::debug::COMMAND,
        &cmd::events::COMMAND,
        // Advanced Commands
        &cmd::diff::COMMAND,
        &cmd::apply::COMMAND,
        &cmd::patch::COMMAND,
        &cmd::replace::COMMAND,
        &cmd::wait::COMMAND,
        &cmd::kustomize::COMMAND,
        // Settings Commands
        &cmd::label::COMMAND,
        &cmd::annotate::COMMAND,
        &cmd::completion::COMMAND,
        // Other Commands
        &cmd::apiresources::API_RESOURCES,
        &cmd::apiresources::API_VERSIONS,
        &cmd::config::COMMAND,
        &cmd::kuberc::COMMAND,
        &cmd::options::COMMAND,
        &cmd::plugin::COMMAND,
        &cmd::version::COMMAND,
    ],
    ..Command::EMPTY
};
