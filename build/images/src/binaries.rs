//! Builds the workspace's programs for images: static, so that an image needs no C library.
//!
//! Static linking is asked for the last step alone (`cargo rustc ... -- -C target-feature=+crt-static`): the dependencies stay
//! the ones that every other build uses, and nothing is compiled twice.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::busybox::is_static;
use crate::error::{Error, Result};

/// How programs are built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// The workspace.
    pub workspace: PathBuf,
    /// Where cargo builds; `None` is cargo's own choice. Another directory than the usual one keeps clear of its lock.
    pub target_dir: Option<PathBuf>,
    /// Optimised, as for a release.
    pub release: bool,
}

impl Default for BuildOptions {
    fn default() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self {
            workspace,
            target_dir: None,
            release: true,
        }
    }
}

/// The part of cargo's messages that says where a program went.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
}

/// Builds the program of that name in `package`, and returns its path. Does next to nothing when it is up to date; cargo's
/// own lock makes concurrent builds wait for each other.
///
/// # Errors
/// [`Error::Cargo`] with cargo's words if the build fails.
pub fn build(package: &str, program: &str, options: &BuildOptions) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(&options.workspace);
    command.args([
        "rustc",
        "--quiet",
        "--message-format=json-render-diagnostics",
        "--package",
        package,
        "--bin",
        program,
    ]);
    if options.release {
        command.arg("--release");
    }
    if let Some(directory) = &options.target_dir {
        command.arg("--target-dir").arg(directory);
    }
    command.args(["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
    let output = command.output().map_err(|source| Error::Run {
        program: cargo.to_string_lossy().into_owned(),
        source,
    })?;
    let failed = |words: String| Error::Cargo {
        package: package.to_owned(),
        output: words,
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let executable = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .find_map(|message| message.executable)
        .ok_or_else(|| failed("it names no executable".to_owned()))?;
    let content = std::fs::read(&executable).map_err(|source| Error::File {
        action: "read",
        path: executable.clone(),
        source,
    })?;
    if !is_static(&content) {
        return Err(failed(format!("{} needs shared libraries", executable.display())));
    }
    Ok(executable)
}
