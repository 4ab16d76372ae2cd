//! One run of a program.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use component_base::GoDuration;
use cri_client::api::AuthConfig;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::config::Provider;

/// How long a program may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What an answer is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheKey {
    Image,
    Registry,
    Global,
}

/// What a program answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) key: CacheKey,
    /// How long it may be kept; as configured if it does not say.
    pub(super) life: Option<Duration>,
    /// By pattern of images.
    pub(super) auth: BTreeMap<String, AuthConfig>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "apiVersion", default)]
    api_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    cache_key_type: String,
    cache_duration: Option<GoDuration>,
    #[serde(default)]
    auth: BTreeMap<String, Auth>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    username: String,
    password: String,
}

/// A program and how it is run.
pub(super) struct Program {
    provider: Provider,
    path: PathBuf,
}

impl Program {
    pub(super) fn new(provider: Provider, path: PathBuf) -> Self {
        Self { provider, path }
    }

    pub(super) fn name(&self) -> &str {
        &self.provider.name
    }

    /// Asks for the credentials of an image.
    pub(super) async fn ask(&self, image: &str) -> Result<Answered, String> {
        let output = self.run(image).await?;
        let head: Head =
            serde_json::from_slice(&output).map_err(|error| format!("error reading GVK from response: {error}"))?;
        let expected = &self.provider.api_version;
        if head.api_version != *expected {
            return Err(format!(
                "apiVersion from credential plugin response did not match expected apiVersion:{expected}, actual apiVersion:{}",
                head.api_version
            ));
        }
        // What is wrong with it is not told, since it may hold credentials.
        let response: Response = serde_json::from_slice(&output)
            .map_err(|_| "error decoding credential provider plugin response from stdout".to_owned())?;
        let key = match response.cache_key_type.as_str() {
            "Image" => CacheKey::Image,
            "Registry" => CacheKey::Registry,
            "Global" => CacheKey::Global,
            other => {
                return Err(format!(
                    "credential provider plugin did not return a valid cacheKeyType: {other}"
                ));
            }
        };
        let auth = response.auth.into_iter().map(|(pattern, auth)| {
            let Auth { username, password } = auth;
            let auth = AuthConfig {
                username,
                password,
                ..Default::default()
            };
            (pattern, auth)
        });
        Ok(Answered {
            key,
            life: response.cache_duration.map(|duration| duration.to_std()),
            auth: auth.collect(),
        })
    }

    async fn run(&self, image: &str) -> Result<Vec<u8>, String> {
        let request = serde_json::json!({
            "apiVersion": self.provider.api_version, "kind": "CredentialProviderRequest", "image": image,
        });
        let name = &self.provider.name;
        let failed = |error: &dyn std::fmt::Display| {
            format!("error execing credential provider plugin {name} for image {image}: {error}")
        };
        let variables = self.provider.env.iter().map(|it| (&it.name, &it.value));
        let mut child = Command::new(&self.path)
            .args(&self.provider.args)
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let mut stdin = child.stdin.take().expect("standard input was asked for");
        let talk = async {
            // A program that does not read says why on its standard error, or answers all the same.
            let written = stdin.write_all(request.to_string().as_bytes()).await;
            drop(stdin);
            (written, child.wait_with_output().await)
        };
        let Ok((written, output)) = tokio::time::timeout(TIMEOUT, talk).await else {
            return Err(failed(&"context deadline exceeded"));
        };
        let output = output.map_err(|error| failed(&error))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {words}", failed(&output.status)));
        }
        match written {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failed(&error)),
            _ => Ok(output.stdout),
        }
    }
}
