//! Choosing, renaming and deleting entries.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};

use cli_runtime::{Result, message};
use k8s_api::primitives::quote;

use super::{Files, words};
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// `current-context`.
pub(super) static CURRENT_CONTEXT: Command = Command {
    name: "current-context",
    usage: "[flags]",
    short: "Display the current-context",
    long: "Display the current-context.",
    examples: "# Which context is current\nkubectl config current-context",
    options: Some(|| Box::new(Edit::CurrentContext)),
    ..Command::EMPTY
};

/// `use-context`.
pub(super) static USE_CONTEXT: Command = Command {
    name: "use-context",
    usage: "CONTEXT_NAME",
    short: "Set the current-context in a kubeconfig file",
    long: "Set the current-context in a kubeconfig file.",
    examples: "# Use the context minikube from here on\nkubectl config use-context minikube",
    aliases: &["use"],
    options: Some(|| Box::new(Edit::UseContext)),
    completion: Completion::Contexts,
    ..Command::EMPTY
};

/// `rename-context`.
pub(super) static RENAME_CONTEXT: Command = Command {
    name: "rename-context",
    usage: "CONTEXT_NAME NEW_NAME",
    short: "Rename a context from the kubeconfig file",
    long: "Renames a context from the kubeconfig file.\n\n CONTEXT_NAME is the context's name, NEW_NAME the one it gets. If it is the current context, it stays so under its new name.",
    examples: "# Rename the context 'old-name' to 'new-name'\nkubectl config rename-context old-name new-name",
    options: Some(|| Box::new(Edit::RenameContext)),
    completion: Completion::Contexts,
    ..Command::EMPTY
};

/// `delete-context`.
pub(super) static DELETE_CONTEXT: Command = Command {
    name: "delete-context",
    usage: "NAME",
    short: "Delete the specified context from the kubeconfig",
    long: "Delete the specified context from the kubeconfig.",
    examples: "# Delete the context minikube\nkubectl config delete-context minikube",
    options: Some(|| Box::new(Edit::DeleteContext)),
    completion: Completion::Contexts,
    ..Command::EMPTY
};

/// `delete-cluster`.
pub(super) static DELETE_CLUSTER: Command = Command {
    name: "delete-cluster",
    usage: "NAME",
    short: "Delete the specified cluster from the kubeconfig",
    long: "Delete the specified cluster from the kubeconfig.",
    examples: "# Delete the cluster minikube\nkubectl config delete-cluster minikube",
    options: Some(|| Box::new(Edit::DeleteCluster)),
    completion: Completion::Clusters,
    ..Command::EMPTY
};

/// `delete-user`.
pub(super) static DELETE_USER: Command = Command {
    name: "delete-user",
    usage: "NAME",
    short: "Delete the specified user from the kubeconfig",
    long: "Delete the specified user from the kubeconfig.",
    examples: "# Delete the user minikube\nkubectl config delete-user minikube",
    options: Some(|| Box::new(Edit::DeleteUser)),
    completion: Completion::Users,
    ..Command::EMPTY
};

/// The commands without flags.
enum Edit {
    CurrentContext,
    UseContext,
    RenameContext,
    DeleteContext,
    DeleteCluster,
    DeleteUser,
}

impl Flags for Edit {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for Edit {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let mut files = Files::load(context)?;
        let said = match self {
            Self::CurrentContext => current_context(&files)?,
            Self::UseContext => use_context(&mut files, context, arguments)?,
            Self::RenameContext => rename_context(&mut files, context, arguments)?,
            Self::DeleteUser => delete_user(&mut files, context, arguments)?,
            Self::DeleteContext | Self::DeleteCluster => {
                let [name] = arguments.words.as_slice() else {
                    return context.print_help();
                };
                if matches!(self, Self::DeleteContext) {
                    delete_context(&mut files, context, name)?
                } else {
                    delete_cluster(&mut files, name)?
                }
            }
        };
        Ok(context.streams.out.print(said)?)
    }
}

fn current_context(files: &Files) -> Result<String> {
    match files.config.current_context.as_str() {
        "" => Err(message!("current-context is not set")),
        name => Ok(format!("{name}\n")),
    }
}

fn use_context(files: &mut Files, context: &Context, arguments: &[String]) -> Result<String> {
    let [name] = arguments else {
        return Err(context.help_error(&format!("Unexpected args: {}", words(arguments))));
    };
    if name.is_empty() {
        return Err(message!("empty context names are not allowed"));
    }
    if !files.config.contexts.contains_key(name) {
        return Err(message!("no context exists with the name: {}", quote(name)));
    }
    files.config.current_context.clone_from(name);
    files.write()?;
    Ok(format!("Switched to context {}.\n", quote(name)))
}

fn rename_context(files: &mut Files, context: &Context, arguments: &[String]) -> Result<String> {
    let [old, new] = arguments else {
        return Err(context.help_error(&format!("Unexpected args: {}", words(arguments))));
    };
    if new.is_empty() {
        return Err(message!("You must specify a new non-empty context name"));
    }
    let file = files.file();
    let contexts = &mut files.config.contexts;
    if !contexts.contains_key(old) {
        return Err(message!(
            "cannot rename the context {}, it's not in {}",
            quote(old),
            file.display()
        ));
    }
    if contexts.contains_key(new) {
        return Err(message!(
            "cannot rename the context {}, the context {} already exists in {}",
            quote(old),
            quote(new),
            file.display()
        ));
    }
    if let Some(entry) = contexts.remove(old) {
        contexts.insert(new.clone(), entry);
    }
    if files.config.current_context == *old {
        files.config.current_context.clone_from(new);
    }
    files.write()?;
    Ok(format!("Context {} renamed to {}.\n", quote(old), quote(new)))
}

fn delete_context(files: &mut Files, context: &Context, name: &str) -> Result<String> {
    let file = files.file();
    if files.config.contexts.remove(name).is_none() {
        return Err(message!("cannot delete context {name}, not in {}", file.display()));
    }
    if files.config.current_context == name {
        context.streams.err.print(
            "warning: this removed your active context, use \"kubectl config use-context\" to select a different one\n",
        )?;
    }
    files.write()?;
    Ok(format!("deleted context {name} from {}\n", file.display()))
}

fn delete_cluster(files: &mut Files, name: &str) -> Result<String> {
    let file = files.file();
    if files.config.clusters.remove(name).is_none() {
        return Err(message!("cannot delete cluster {name}, not in {}", file.display()));
    }
    files.write()?;
    Ok(format!("deleted cluster {name} from {}\n", file.display()))
}

fn delete_user(files: &mut Files, context: &Context, arguments: &[String]) -> Result<String> {
    let [name] = arguments else {
        return Err(context.usage_error("user to delete is required"));
    };
    let file = files.file();
    if files.config.auth_infos.remove(name).is_none() {
        return Err(message!("cannot delete user {name}, not in {}", file.display()));
    }
    files.write()?;
    Ok(format!("deleted user {name} from {}\n", file.display()))
}
