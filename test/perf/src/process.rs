//! Programs that a benchmark starts, and the way to them.

use std::{
    fs::File,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use client_go::config::{Config, TlsConfig};

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its log cannot be written.
    #[error("{}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be started.
    #[error("{}: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A program that ends with this.
#[derive(Debug)]
pub struct Program(Child);

impl Program {
    /// Starts a program; what it prints goes to `log`.
    ///
    /// # Errors
    /// The log cannot be written, or the program is not there.
    pub fn start(program: &Path, log: &Path, arguments: &[String]) -> Result<Self, StartError> {
        let of_log = |source| StartError::Log {
            path: log.to_owned(),
            source,
        };
        let output = File::create(log).map_err(of_log)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(of_log)?)
            .stderr(output)
            .spawn();
        child.map(Self).map_err(|source| StartError::Spawn {
            program: program.to_owned(),
            source,
        })
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `--name=value` of each.
#[must_use]
pub fn flags<const N: usize>(flags: [(&str, String); N]) -> Vec<String> {
    flags.map(|(flag, value)| format!("--{flag}={value}")).into()
}

/// A port that nobody listens on.
///
/// # Errors
/// There is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A client's configuration for a server on this machine, without a rate limit.
#[must_use]
pub fn client_config(port: u16, token: &str) -> Config {
    Config {
        host: format!("https://127.0.0.1:{port}"),
        bearer_token: token.to_owned(),
        tls: TlsConfig {
            insecure: true,
            ..TlsConfig::default()
        },
        qps: -1.0,
        ..Config::default()
    }
}

/// The last lines of a program's log.
#[must_use]
pub fn last_lines(log: &Path, count: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
