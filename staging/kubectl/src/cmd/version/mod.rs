//! `kubectl version`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use component_base::version::VersionInfo;
use http::Method;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use cli_runtime::{Result, message};

use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "version",
    usage: "[flags]",
    short: "Print the client and server version information",
    long: "Print the client and server version information for the current context.",
    examples: "# The versions of kubectl and of the server\nkubectl version",
    options: Some(|| Box::new(Version::default())),
    ..Command::EMPTY
};

/// How many minor versions kubectl and the server may be apart.
const SUPPORTED_SKEW: u32 = 1;

#[derive(Default)]
struct Version {
    client: bool,
    output: String,
}

/// What is printed. No kustomize is built in, so its version is absent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client_version: VersionInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_version: Option<VersionInfo>,
}

impl Flags for Version {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "client",
            &mut self.client,
            "If true, shows client version only (no server required).",
        );
        flags
            .add("output", &mut self.output, "One of 'yaml' or 'json'.")
            .shorthand('o');
    }
}

async fn server_version(context: &Context) -> Result<VersionInfo> {
    let response = context
        .factory
        .client()?
        .request(Method::GET, "/version")
        .send()
        .await?;
    serde_json::from_slice(&response.body).map_err(|error| message!("unable to parse the server version: {error}"))
}

/// Major and minor of `v1.36.2+build`.
fn numbers(which: &str, version: &VersionInfo) -> Result<(u32, u32)> {
    let bare = version.git_version.trim_start_matches('v');
    let mut parts = bare.split('.');
    let mut next = || parts.next().and_then(|part| part.parse().ok());
    match (next(), next()) {
        (Some(major), Some(minor)) => Ok((major, minor)),
        _ => Err(message!(
            "{which} version error: could not parse {:?} as version",
            version.git_version
        )),
    }
}

fn skew_warning(client: &VersionInfo, server: &VersionInfo) -> Result<Option<String>> {
    let (client, server) = (numbers("client", client)?, numbers("server", server)?);
    if client.0 == server.0 && client.1.abs_diff(server.1) <= SUPPORTED_SKEW {
        return Ok(None);
    }
    Ok(Some(format!(
        "version difference between client ({}.{}) and server ({}.{}) exceeds the supported minor version skew of +/-{SUPPORTED_SKEW}",
        client.0, client.1, server.0, server.1
    )))
}

impl Version {
    fn text(&self, versions: &Versions) -> Result<String> {
        let unencodable = |error: serde_json::Error| message!("{error}");
        Ok(match self.output.as_str() {
            "yaml" => {
                let value = serde_json::to_value(versions).map_err(unencodable)?;
                apimachinery::codec::yaml::to_string(&value) + "\n"
            }
            "json" => {
                let mut bytes = Vec::new();
                let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"  "));
                versions.serialize(&mut serializer).map_err(unencodable)?;
                String::from_utf8_lossy(&bytes).into_owned() + "\n"
            }
            _ => {
                let mut text = format!("Client Version: {}\n", versions.client_version.git_version);
                if let Some(server) = &versions.server_version {
                    text.push_str(&format!("Server Version: {}\n", server.git_version));
                }
                text
            }
        })
    }
}

#[async_trait(?Send)]
impl Run for Version {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !self.client && !arguments.is_empty() {
            return Err(message!("extra arguments: [{}]", arguments.join(" ")));
        }
        if !matches!(self.output.as_str(), "" | "yaml" | "json") {
            return Err(message!("--output must be 'yaml' or 'json'"));
        }
        let mut versions = Versions {
            client_version: VersionInfo::current(),
            server_version: None,
        };
        let mut failure = None;
        if !self.client {
            match server_version(context).await {
                Ok(version) => versions.server_version = Some(version),
                Err(error) => failure = Some(error),
            }
        }
        context.streams.out.print(self.text(&versions)?)?;
        if let Some(server) = &versions.server_version
            && let Some(warning) = skew_warning(&versions.client_version, server)?
        {
            context.streams.err.print(format!("Warning: {warning}\n"))?;
        }
        failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_far_apart_are_warned_of() {
        let of = |text: &str| VersionInfo {
            git_version: text.to_owned(),
            ..VersionInfo::current()
        };
        let warning = |client, server| skew_warning(&of(client), &of(server)).expect("versions");
        assert_eq!(warning("v1.36.2", "v1.35.0-rc.1"), None);
        assert_eq!(warning("v1.36.2+x", "v1.37.1"), None);
        assert_eq!(
            warning("v1.36.2", "v1.34.0").as_deref(),
            Some(
                "version difference between client (1.36) and server (1.34) exceeds the supported minor version skew of +/-1"
            )
        );
    }
}
