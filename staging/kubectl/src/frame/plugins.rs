//! Programs on the `PATH` that are called `kubectl-…` (upstream: `kubectl/pkg/cmd/plugin.go`).

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use cli_runtime::{CommandError, message};

/// What the names of plugins begin with.
pub(crate) const PREFIX: &str = "kubectl-";

/// Whether the file can be run.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn look_up(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

/// The plugin that the line means, the longest name first, and how many words name it. `at_least` of the words must.
fn plugin(line: &[&str], at_least: usize) -> Option<(PathBuf, usize)> {
    let words: Vec<String> = line
        .iter()
        .take_while(|word| !word.starts_with('-'))
        .map(|word| word.replace('-', "_"))
        .collect();
    (at_least.max(1)..=words.len()).rev().find_map(|count| {
        let path = look_up(&format!("{PREFIX}{}", words[..count].join("-")))?;
        Some((path, count))
    })
}

/// Becomes the plugin that the line means. Returns if there is none, with the reason if it cannot be run.
pub(super) fn become_plugin(line: &[&str], at_least: usize) -> Option<CommandError> {
    let (path, count) = plugin(line, at_least)?;
    let error = std::process::Command::new(&path).args(&line[count..]).exec();
    Some(message!("failed to run {}: {error}", path.display()))
}

/// Every plugin on the `PATH`, in its order.
pub(crate) fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in env::var_os("PATH").iter().flat_map(env::split_paths) {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut names: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
            })
            .collect();
        names.sort();
        found.extend(names);
    }
    found
}
