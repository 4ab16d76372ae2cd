//! Where manifests come from: files, folders, standard input, URLs, texts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use client_go::Config;
use client_go::rest::Client;
use http::Method;
use k8s_api::primitives::quote;

use crate::{IoStreams, Result, io_words, message};

/// Endings of manifests within folders.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
/// How often a URL is asked for.
const ATTEMPTS: u32 = 3;

/// One source of documents.
#[derive(Clone, Debug)]
pub(super) enum Source {
    File(PathBuf),
    Stdin,
    Url(String),
    Kustomization(PathBuf),
    Text { name: String, bytes: Vec<u8> },
}

impl Source {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Kustomization(path) => path.display().to_string(),
            Self::Stdin => "STDIN".to_owned(),
            Self::Url(url) => url.clone(),
            Self::Text { name, .. } => name.clone(),
        }
    }

    pub(super) async fn read(&self, streams: &IoStreams) -> Result<Vec<u8>> {
        match self {
            Self::File(path) => fs::read(path).map_err(|error| message!("{}", open_error(path, &error))),
            Self::Stdin => Ok(streams.input.read_all()?),
            Self::Url(url) => download(url).await,
            Self::Kustomization(path) => build(path, streams),
            Self::Text { bytes, .. } => Ok(bytes.clone()),
        }
    }
}

/// What a kustomization means, as YAML.
fn build(folder: &Path, streams: &IoStreams) -> Result<Vec<u8>> {
    let built = kustomize::build(folder, kustomize::Options::default());
    for warning in built.warnings {
        streams.err.print(format!("{warning}\n"))?;
    }
    let objects = built.objects.map_err(|error| message!("{error}"))?;
    Ok(kustomize::to_yaml(&objects).into_bytes())
}

fn open_error(path: &Path, error: &io::Error) -> String {
    // Go opens a folder, and fails to read it.
    let step = if error.kind() == io::ErrorKind::IsADirectory {
        "read"
    } else {
        "open"
    };
    format!("{step} {}: {}", path.display(), io_words(error))
}

async fn download(url: &str) -> Result<Vec<u8>> {
    let parsed = url::Url::parse(url)
        .map_err(|error| message!("the URL passed to filename {} is not valid: {error}", quote(url)))?;
    let origin = parsed.origin().ascii_serialization();
    let path = url::Position::BeforePath;
    let client = Client::new(&Config {
        host: origin,
        ..Config::default()
    })?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let request = client
            .request(Method::GET, &parsed[path..url::Position::AfterQuery])
            .accept("*/*");
        let error = match request.max_retries(0).send().await {
            Ok(response) => return Ok(response.body.to_vec()),
            Err(error) => error,
        };
        let code = error.status().map_or(0, |status| status.code());
        let again = code == 0 || (500..600).contains(&code);
        if !again || attempt >= ATTEMPTS {
            let Ok(code) = u16::try_from(code) else {
                return Err(error.into());
            };
            let Ok(status) = http::StatusCode::from_u16(code) else {
                return Err(error.into());
            };
            return Err(message!(
                "unable to read URL {}, server reported {status}, status code={code}",
                quote(url)
            ));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The manifests that a path means, in the order of their names.
pub(super) fn expand(path: &Path, recursive: bool) -> Result<Vec<Source>> {
    let shown = path.display().to_string();
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => message!("the path {} does not exist", quote(&shown)),
        _ => message!(
            "the path {} cannot be accessed: {}",
            quote(&shown),
            open_error(path, &error)
        ),
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![Source::File(path.to_owned())]);
    }
    let mut found = Vec::new();
    walk(path, recursive, &mut found).map_err(|error| message!("error reading {}: {error}", quote(&shown)))?;
    Ok(found)
}

fn walk(folder: &Path, recursive: bool, found: &mut Vec<Source>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link is not followed, as ever.
        if entry.file_type()?.is_dir() {
            if recursive {
                walk(&path, recursive, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|ending| EXTENSIONS.iter().any(|known| ending == *known))
        {
            found.push(Source::File(path));
        }
    }
    Ok(())
}
