//! The program that compares two folders.

use std::env;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use cli_runtime::{IoStreams, Result, message};

/// How the program is called: its name and its arguments.
fn line(external: &str, folders: [String; 2]) -> (String, Vec<String>) {
    if external.is_empty() {
        let options = ["-u".to_owned(), "-N".to_owned()];
        return ("diff".to_owned(), options.into_iter().chain(folders).collect());
    }
    let mut words = external.split(' ');
    let name = words.next().unwrap_or_default().to_owned();
    // Letters, digits, dashes and equal signs only: nothing that a shell would take for something else.
    let plain = |word: &&str| {
        !word.is_empty()
            && word
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '=')
    };
    let options = words.filter(plain).map(str::to_owned);
    (name, folders.into_iter().chain(options).collect())
}

/// Whether the folders differ.
///
/// # Errors
/// There is no such program, or it failed.
pub(super) fn run(streams: &IoStreams, live: &Path, merged: &Path) -> Result<bool> {
    let external = env::var("KUBECTL_EXTERNAL_DIFF").unwrap_or_default();
    let folders = [live, merged].map(|path| path.display().to_string());
    let (name, arguments) = line(&external, folders);
    let mut command = Command::new(&name);
    command.args(arguments);
    let status = if streams.out.is_terminal() {
        // A program may want to know that a person reads.
        command.stdin(Stdio::null()).status()
    } else {
        command.output().and_then(|output| {
            io::Write::write_all(&mut &streams.out, &output.stdout)?;
            io::Write::write_all(&mut &streams.err, &output.stderr)?;
            Ok(output.status)
        })
    };
    match status {
        Ok(status) if status.success() => Ok(false),
        Ok(status) if status.code() == Some(1) => Ok(true),
        Ok(status) => {
            let what = match status.code() {
                Some(code) => format!("exit status {code}"),
                None => status.to_string(),
            };
            Err(message!("failed to run {name:?}: {what}"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(message!("failed to run {name:?}: executable file not found in $PATH"))
        }
        Err(error) => Err(message!("failed to run {name:?}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_another_program_come_last() {
        for (external, name, expected) in [
            ("", "diff", "-u -N a b"),
            ("colordiff", "colordiff", "a b"),
            (
                "colordiff -N --color=always ;rm $x",
                "colordiff",
                "a b -N --color=always",
            ),
        ] {
            let (found, arguments) = line(external, ["a".to_owned(), "b".to_owned()]);
            assert_eq!((found.as_str(), arguments.join(" ").as_str()), (name, expected));
        }
    }
}
