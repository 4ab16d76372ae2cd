//! `kubectl create secret docker-registry`.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use component_base::flags::FlagSet;
use kubectl_objects::json::go_escape;
use serde_json::Value;

use cli_runtime::{Result, message};

use super::Data;
use crate::cmd::create::generated::{Generated, Generator, require_name};
use crate::cmd::create::sources::files;
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "docker-registry",
    usage: "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]",
    short: "Create a secret for use with a Docker registry",
    long: "Create a new secret for use with Docker registries.\n\n It holds what 'docker login' would leave in the file that 'docker push' and 'docker pull' read.\n\n Where a registry asks for credentials, the nodes need them to pull images. Attach the secret to the service account of the pods. The email address is optional.",
    examples: "# Credentials
kubectl create secret docker-registry my-secret --docker-server=DOCKER_REGISTRY_SERVER --docker-username=DOCKER_USER --docker-password=DOCKER_PASSWORD --docker-email=DOCKER_EMAIL

# The file that docker left
kubectl create secret docker-registry my-secret --from-file=path/to/.docker/config.json",
    options: Some(Generated::<DockerRegistry>::options),
    ..Command::EMPTY
};

/// The key under which nodes look.
const KEY: &str = ".dockerconfigjson";

struct DockerRegistry {
    username: String,
    password: String,
    email: String,
    server: String,
    files: Vec<String>,
    append_hash: bool,
}

impl Default for DockerRegistry {
    fn default() -> Self {
        Self {
            username: String::new(),
            password: String::new(),
            email: String::new(),
            server: "https://index.docker.io/v1/".to_owned(),
            files: Vec::new(),
            append_hash: false,
        }
    }
}

#[async_trait(?Send)]
impl Generator for DockerRegistry {
    const FAILURE: &'static str = super::FAILURE;

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "docker-username",
            &mut self.username,
            "Username for Docker registry authentication",
        );
        flags.add(
            "docker-password",
            &mut self.password,
            "Password for Docker registry authentication",
        );
        flags.add("docker-email", &mut self.email, "Email for Docker registry");
        flags.add("docker-server", &mut self.server, "Server location for Docker registry");
        flags.add("append-hash", &mut self.append_hash, super::APPEND_HASH);
        flags.add("from-file", &mut self.files, "Key files can be specified using their file path, in which case a default name of .dockerconfigjson will be given to them, or optionally with a name and file path, in which case the given name will be used. Specifying a directory will iterate each named file in the directory that is a valid secret key. For this command, the key should always be .dockerconfigjson.");
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        let mut data = Data::default();
        if self.files.is_empty() {
            if self.username.is_empty() || self.password.is_empty() || self.server.is_empty() {
                return Err(message!(
                    "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required"
                ));
            }
            data.add(KEY, self.config().as_bytes())?;
        } else {
            let with_key = |file: &String| match file.contains('=') {
                true => file.clone(),
                false => format!("{KEY}={file}"),
            };
            let sources: Vec<String> = self.files.iter().map(with_key).collect();
            files(&sources, &mut |key, value| data.add(key, &value))?;
        }
        Ok(data.into_secret(name, "kubernetes.io/dockerconfigjson", self.append_hash))
    }
}

impl DockerRegistry {
    /// `~/.docker/config.json`, its members as docker's types declare them.
    fn config(&self) -> String {
        let auth = BASE64_STANDARD.encode(format!("{}:{}", self.username, self.password));
        let members: Vec<String> = [
            ("username", &self.username),
            ("password", &self.password),
            ("email", &self.email),
            ("auth", &auth),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(member, value)| format!("\"{member}\":{}", Value::from(value.as_str())))
        .collect();
        let server = Value::from(self.server.as_str());
        go_escape(&format!("{{\"auths\":{{{server}:{{{}}}}}}}", members.join(",")))
    }
}
