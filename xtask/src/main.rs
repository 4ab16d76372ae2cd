//! The project's own build steps. `cargo xtask --help` lists them.
//!
//! * `codegen` writes `staging/api/src/generated` from the tables in `api/`; `codegen --check`
//!   fails when the committed files differ from what the tables say.
//! * `text-order` notes which functions of the programs run, and writes `build/text-order`.

use std::{path::PathBuf, process::ExitCode};

mod codegen;
mod text_order;

const USAGE: &str = "usage: cargo xtask codegen [--check]
       cargo xtask text-order record DIR PROGRAM [ARGUMENT...]
       cargo xtask text-order merge DIR NAME
       cargo xtask text-order check DIR";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["codegen"] => codegen::run(&root(), false),
        ["codegen", "--check"] => codegen::run(&root(), true),
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        ["text-order", "record", directory, program, arguments @ ..] => {
            text_order::record(directory, program, arguments)
        }
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        ["text-order", "watch", directory, program, pid] => text_order::watch(directory, program, pid),
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        ["text-order", "check", directory] => text_order::check(&root(), directory),
        ["text-order", "merge", directory, name] => text_order::merge(&root(), directory, name),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The top of the repository: this crate lies one folder below it.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies inside the repository")
        .to_owned()
}
