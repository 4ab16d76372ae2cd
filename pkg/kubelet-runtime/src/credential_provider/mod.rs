//! Credentials of registries that programs of the node give (upstream: `pkg/credentialprovider/plugin`).
//!
//! A program is asked for the images that its patterns match: the request goes to its standard input, the answer comes
//! from its standard output and is kept as long as it says, for the image, its registry, or all images.

mod config;
mod exec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use cri_client::api::AuthConfig;
use kubelet_types::image::repository;
use tokio::sync::Mutex;

pub use config::ProviderError;

use crate::credentials::{Credential, Keyring, covers};
use config::Provider;
use exec::{CacheKey, Program};

/// The programs of a node.
pub struct CredentialProviders(Vec<Source>);

struct Source {
    match_images: Vec<String>,
    default_life: Duration,
    program: Program,
    /// What was answered, by what it is good for, until when. Held while the program runs, so that it is asked once.
    kept: Mutex<BTreeMap<String, (Instant, Answer)>>,
}

type Answer = BTreeMap<String, AuthConfig>;

/// The key of what is good for every image.
const ALL: &str = "<global>";

fn registry(image: &str) -> &str {
    image.split_once('/').map_or(image, |(registry, _)| registry)
}

impl CredentialProviders {
    /// The programs of a configuration (a file or a directory of them), which lie in `programs`.
    ///
    /// # Errors
    /// If the configuration cannot be used, or a program is missing.
    pub fn load(config: &Path, programs: &Path) -> Result<Self, ProviderError> {
        if !programs.is_dir() {
            return Err(ProviderError::NoDirectory(programs.display().to_string()));
        }
        let sources = config::read(config)?.into_iter().map(|provider| {
            let path = programs.join(&provider.name);
            if !path.is_file() {
                return Err(ProviderError::NoProgram(path.display().to_string()));
            }
            Ok(Source::new(provider, path))
        });
        sources.collect::<Result<_, _>>().map(Self)
    }

    /// The credentials to try for an image, in order. A program that fails is logged and gives none.
    pub async fn lookup(&self, image: &str) -> Vec<Credential> {
        let mut keyring = Keyring::default();
        for source in &self.0 {
            match source.credentials(image).await {
                Ok(answer) => keyring.add(answer),
                Err(error) => {
                    let provider = source.program.name();
                    tracing::error!(error, provider, image, "Failed to provide credentials for image");
                }
            }
        }
        keyring.lookup(image)
    }
}

impl Source {
    fn new(provider: Provider, path: std::path::PathBuf) -> Self {
        let default_life = provider.default_cache_duration.map_or(Duration::ZERO, |it| it.to_std());
        Self {
            match_images: provider.match_images.clone(),
            default_life,
            program: Program::new(provider, path),
            kept: Mutex::default(),
        }
    }

    async fn credentials(&self, image: &str) -> Result<Answer, String> {
        let target = repository(image);
        if !self.match_images.iter().any(|pattern| covers(pattern, &target)) {
            return Ok(Answer::new());
        }
        let mut kept = self.kept.lock().await;
        let now = Instant::now();
        kept.retain(|_, (until, _)| *until > now);
        let known = [image, registry(image), ALL].into_iter().find_map(|key| kept.get(key));
        if let Some((_, answer)) = known {
            return Ok(answer.clone());
        }
        let answered = self.program.ask(image).await?;
        let key = match answered.key {
            CacheKey::Image => image,
            CacheKey::Registry => registry(image),
            CacheKey::Global => ALL,
        };
        let life = answered.life.unwrap_or(self.default_life);
        if !life.is_zero() {
            kept.insert(key.to_owned(), (now + life, answered.auth.clone()));
        }
        Ok(answered.auth)
    }
}
