//! The editor and its file (upstream: `cmd/util/editor/editor.go`).

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use apimachinery::names::random_suffix;
use cli_runtime::{Result, message};

/// How the editor is called, without the file.
fn editor_line() -> (Vec<String>, bool) {
    let editor = ["KUBE_EDITOR", "EDITOR"]
        .iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| "vi".to_owned());
    if editor.contains(['"', '\'', '\\']) && editor.contains(' ') {
        let shell = env::var("SHELL").ok().filter(|shell| !shell.is_empty());
        let shell = shell.unwrap_or_else(|| "/bin/bash".to_owned());
        return (vec![shell, "-c".to_owned(), editor], true);
    }
    (editor.split(' ').map(str::to_owned).collect(), false)
}

/// Opens the editor on a file and waits for its end.
fn launch(path: &Path) -> Result<()> {
    let (mut line, shell) = editor_line();
    match line.last_mut() {
        Some(last) if shell => last.push_str(&format!(" {:?}", path.display().to_string())),
        _ => line.push(path.display().to_string()),
    }
    let called = line.join(" ");
    match Command::new(&line[0]).args(&line[1..]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(message!("there was a problem with the editor {called:?}: {status}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(message!("unable to launch the editor {called:?}"))
        }
        Err(error) => Err(message!("there was a problem with the editor {called:?}: {error}")),
    }
}

/// Writes a text to a new file that only its owner reads.
///
/// # Errors
/// There is no room for it.
pub(super) fn write_new(extension: &str, text: &str) -> Result<PathBuf> {
    let path = env::temp_dir().join(format!("kubectl-edit-{}{extension}", random_suffix(10)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

/// What the user made of the file.
///
/// # Errors
/// The editor failed, or the file is gone.
pub(super) fn edit(path: &Path) -> Result<String> {
    launch(path)?;
    Ok(std::fs::read_to_string(path)?)
}
