//! `kubectl config`: the kubeconfig files.

mod contexts;
mod credentials;
mod list;
mod property;
mod set;
mod view;

use std::path::PathBuf;

use client_go::config::{Kubeconfig, LoadingRules};

use cli_runtime::Result;

use crate::frame::{Command, Context};

/// The command.
pub static COMMAND: Command = Command {
    name: "config",
    usage: "SUBCOMMAND",
    short: "Modify kubeconfig files",
    long: "Modify kubeconfig files using subcommands like \"kubectl config set current-context my-context\".\n\n Which files are read:\n\n  1.  With --kubeconfig only that file, and nothing is merged.\n  2.  With the environment variable $KUBECONFIG the files of that list, merged. A changed entry is written to the file it stands in, a new one to the first file that exists, or to the last of the list if none does.\n  3.  Otherwise ${HOME}/.kube/config alone.",
    subcommands: &[
        &view::VIEW,
        &set::SET_CLUSTER,
        &credentials::SET_CREDENTIALS,
        &set::SET_CONTEXT,
        &property::SET,
        &property::UNSET,
        &contexts::CURRENT_CONTEXT,
        &contexts::USE_CONTEXT,
        &list::GET_CONTEXTS,
        &list::GET_CLUSTERS,
        &list::GET_USERS,
        &contexts::DELETE_CLUSTER,
        &contexts::DELETE_CONTEXT,
        &contexts::DELETE_USER,
        &contexts::RENAME_CONTEXT,
    ],
    ..Command::EMPTY
};

/// The words as Go's `%v` writes a slice.
fn words(arguments: &[String]) -> String {
    format!("[{}]", arguments.join(" "))
}

/// The files, and what is in them; paths stand as they are written.
struct Files {
    rules: LoadingRules,
    config: Kubeconfig,
}

impl Files {
    fn load(context: &Context) -> Result<Self> {
        let rules = context.factory.flags().loading_rules();
        // A file that is named need not be there yet.
        let missing = rules.explicit.as_ref().is_some_and(|file| !file.exists());
        let config = if missing {
            Kubeconfig::default()
        } else {
            rules.load_raw()?
        };
        Ok(Self { rules, config })
    }

    /// The file that messages name.
    fn file(&self) -> PathBuf {
        self.rules.default_file()
    }

    fn write(&self) -> Result<()> {
        if let Some(file) = self.rules.explicit.as_ref().filter(|file| !file.exists()) {
            Kubeconfig::default().write(file)?;
        }
        Ok(self.rules.modify(&self.config)?)
    }

    /// An absolute path, or one from the folder of the file it is written to, if it lies within.
    fn stored_path(&self, path: &str, origin: Option<&PathBuf>) -> Result<String> {
        if path.is_empty() {
            return Ok(String::new());
        }
        let path = std::path::absolute(path)?;
        let file = std::path::absolute(origin.cloned().unwrap_or_else(|| self.file()))?;
        let inside = file.parent().and_then(|folder| path.strip_prefix(folder).ok());
        Ok(inside.unwrap_or(&path).display().to_string())
    }
}
