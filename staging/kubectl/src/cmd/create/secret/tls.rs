//! `kubectl create secret tls`.

use async_trait::async_trait;
use component_base::flags::FlagSet;
use serde_json::Value;

use cli_runtime::{Result, io_words, message};

use super::Data;
use crate::cmd::create::generated::{Generated, Generator};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "tls",
    usage: "NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
    short: "Create a TLS secret",
    long: "Create a TLS secret from the given public/private key pair.\n\n Both must exist. The certificate must be PEM encoded, and that of the private key.",
    examples: "# A certificate and its key
kubectl create secret tls tls-secret --cert=path/to/tls.crt --key=path/to/tls.key",
    options: Some(Generated::<Tls>::options),
    ..Command::EMPTY
};

#[derive(Default)]
struct Tls {
    certificate: String,
    key: String,
    append_hash: bool,
}

#[async_trait(?Send)]
impl Generator for Tls {
    const FAILURE: &'static str = super::FAILURE;

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "cert",
            &mut self.certificate,
            "Path to PEM encoded public key certificate.",
        );
        flags.add(
            "key",
            &mut self.key,
            "Path to private key associated with given certificate.",
        );
        flags.add("append-hash", &mut self.append_hash, super::APPEND_HASH);
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        if self.key.is_empty() || self.certificate.is_empty() {
            return Err(message!("key and cert must be specified"));
        }
        let (certificate, key) = (read(&self.certificate)?, read(&self.key)?);
        key_pair::check(&certificate, &key).map_err(|error| message!("{error}"))?;
        let mut data = Data::default();
        data.add("tls.crt", &certificate)?;
        data.add("tls.key", &key)?;
        Ok(data.into_secret(name, "kubernetes.io/tls", self.append_hash))
    }
}

fn read(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| message!("Cannot read file {file}, open {file}: {}", io_words(&error)))
}
