//! `kube-apiserver storage …`: copies of the embedded store.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use component_base::flags::{Command, FlagSet, Flags, Invocation, report_and_exit_code};
use controlplane::StorageOptions;

const USAGE: &str = "kube-apiserver storage snapshot --to FILE [--data-dir DIRECTORY]
kube-apiserver storage restore --from FILE [--data-dir DIRECTORY] [--bump-revision N]
";

/// Flags of `snapshot`.
struct Snapshot {
    data_dir: PathBuf,
    to: PathBuf,
}

impl Flags for Snapshot {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("snapshot")
            .add("data-dir", &mut self.data_dir, "directory of the embedded store")
            .add("to", &mut self.to, "file to write; it appears whole or not at all");
    }
}

/// Flags of `restore`.
struct Restore {
    data_dir: PathBuf,
    from: PathBuf,
    bump_revision: u64,
}

impl Flags for Restore {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("restore")
            .add("data-dir", &mut self.data_dir, "empty directory to restore into")
            .add("from", &mut self.from, "snapshot to restore")
            .add(
                "bump-revision",
                &mut self.bump_revision,
                "by how much the revision moves forward, so that clients that know later ones list again",
            );
    }
}

/// What comes after `storage`.
pub(crate) fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let data_dir = StorageOptions::default().data_dir;
    match arguments.next().as_deref() {
        Some("snapshot") => {
            let mut flags = Snapshot {
                data_dir,
                to: PathBuf::new(),
            };
            let command = Command {
                name: "kube-apiserver storage snapshot",
                about: "Writes the embedded store to a file, while a server serves it or none does.",
            };
            parse(&command, &mut flags, arguments).unwrap_or_else(|| end(snapshot(&flags)))
        }
        Some("restore") => {
            let mut flags = Restore {
                data_dir,
                from: PathBuf::new(),
                bump_revision: 0,
            };
            let command = Command {
                name: "kube-apiserver storage restore",
                about: "Makes an embedded store from a snapshot, in an empty directory.",
            };
            parse(&command, &mut flags, arguments).unwrap_or_else(|| end(restore(&flags)))
        }
        Some("-h" | "--help" | "help") => say(USAGE),
        _ => {
            eprint!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// Fills in the flags; the code to end with if there is nothing more to do.
fn parse(command: &Command, flags: &mut impl Flags, arguments: impl Iterator<Item = String>) -> Option<ExitCode> {
    let parsed = command.parse(flags, arguments, &mut Vec::new());
    report_and_exit_code(&parsed).or(match parsed {
        Ok(Invocation::Run(_)) => None,
        _ => Some(ExitCode::FAILURE),
    })
}

/// Prints to standard output; that nobody reads it is a failure.
fn say(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn end(result: anyhow::Result<String>) -> ExitCode {
    match result {
        Ok(line) => say(&format!("{line}\n")),
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn snapshot(flags: &Snapshot) -> anyhow::Result<String> {
    anyhow::ensure!(flags.to != PathBuf::new(), "--to must be specified");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let revision = runtime.block_on(controlplane::snapshot(&flags.data_dir, &flags.to))?;
    Ok(format!("{} is the store at revision {revision}", flags.to.display()))
}

fn restore(flags: &Restore) -> anyhow::Result<String> {
    anyhow::ensure!(flags.from != PathBuf::new(), "--from must be specified");
    let revision = controlplane::restore(&flags.from, &flags.data_dir, flags.bump_revision)?;
    Ok(format!("{} is at revision {revision}", flags.data_dir.display()))
}
