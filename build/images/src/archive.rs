//! Images to one archive: an OCI image layout that is a docker archive at the same time.
//!
//! Readers of either form find their index (`index.json`, `manifest.json`) over the same blobs.

use std::collections::BTreeMap;
use std::io::Write;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use crate::error::{Error, Result};
use crate::layer::{Layer, header};
use crate::reference::normalize;

/// The time that every image was made at, as far as it says.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What a container of an image runs with unless it is told otherwise.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageConfig {
    /// The program that always runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The program, or the arguments of the entry point, that a container may replace.
    #[serde(rename = "Cmd", skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The environment, each as `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// User and group, by number or by name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The directory that it starts in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
}

/// An image to be written.
#[derive(Clone, Debug)]
pub struct Image {
    /// All names of the image; incomplete ones are completed.
    pub names: Vec<String>,
    /// What its containers run.
    pub config: ImageConfig,
    /// Its files, lowest layer first.
    pub layers: Vec<Layer>,
}

/// The blobs of an archive by their digest.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Keeps a blob and returns its descriptor.
    fn add(&mut self, media_type: &str, content: Vec<u8>) -> Value {
        let hash = hex::encode(digest(&SHA256, &content));
        let descriptor = json!({"mediaType": media_type, "digest": format!("sha256:{hash}"), "size": content.len()});
        self.0.insert(hash, content);
        descriptor
    }
}

/// The path of a descriptor's blob inside the archive.
fn blob_path(descriptor: &Value) -> String {
    descriptor["digest"]
        .as_str()
        .unwrap_or_default()
        .replace(':', "/")
        .replacen("sha256", "blobs/sha256", 1)
}

/// Writes the images as one archive.
///
/// # Errors
/// [`Error::Name`] for a malformed name, [`Error::Pack`] if the output fails.
pub fn write_archive(images: &[Image], output: impl Write) -> Result<()> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    let mut docker = Vec::new();
    for image in images {
        let names = image
            .names
            .iter()
            .map(|name| normalize(name))
            .collect::<Result<Vec<_>>>()?;
        let mut layers = Vec::new();
        for layer in &image.layers {
            layers.push(blobs.add("application/vnd.oci.image.layer.v1.tar", layer.pack()?));
        }
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "created": CREATED,
            "config": image.config,
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer["digest"]).collect::<Vec<_>>()},
            "history": layers.iter().map(|_| json!({"created": CREATED})).collect::<Vec<_>>(),
        });
        let config = blobs.add(
            "application/vnd.oci.image.config.v1+json",
            config.to_string().into_bytes(),
        );
        docker.push(json!({
            "Config": blob_path(&config),
            "RepoTags": names,
            "Layers": layers.iter().map(blob_path).collect::<Vec<_>>(),
        }));
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        let manifest = blobs.add(media_type, manifest.to_string().into_bytes());
        for name in names {
            let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
            let mut named = manifest.clone();
            named["annotations"] = json!({"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag});
            manifests.push(named);
        }
    }
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
    });
    let mut files: BTreeMap<String, Vec<u8>> = blobs
        .0
        .into_iter()
        .map(|(hash, content)| (format!("blobs/sha256/{hash}"), content))
        .collect();
    files.insert("index.json".to_owned(), index.to_string().into_bytes());
    files.insert("manifest.json".to_owned(), Value::from(docker).to_string().into_bytes());
    files.insert("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    pack(&files, output)
}

fn pack(files: &BTreeMap<String, Vec<u8>>, output: impl Write) -> Result<()> {
    let mut builder = Builder::new(output);
    let refused = |path: &str| {
        let path = path.to_owned();
        move |source| Error::Pack { path, source }
    };
    for directory in ["blobs/", "blobs/sha256/"] {
        let mut header = header(EntryType::Directory, 0o755, 0);
        builder
            .append_data(&mut header, directory, std::io::empty())
            .map_err(refused(directory))?;
    }
    for (path, content) in files {
        let mut header = header(EntryType::Regular, 0o644, content.len() as u64);
        builder
            .append_data(&mut header, path, content.as_slice())
            .map_err(refused(path))?;
    }
    builder
        .into_inner()
        .and_then(|mut output| output.flush())
        .map_err(refused("/"))
}

/// The architecture as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn sample() -> Image {
        let mut layer = Layer::new();
        layer.file("/pause", 0o755, "program").expect("file");
        Image {
            names: vec!["registry.example/pause:1".into(), "x/pause".into()],
            config: ImageConfig {
                entrypoint: vec!["/pause".into()],
                user: "65535:65535".into(),
                ..Default::default()
            },
            layers: vec![layer],
        }
    }

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().expect("entries");
        entries
            .map(|entry| {
                let mut entry = entry.expect("entry");
                let path = entry.path().expect("path").display().to_string();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).expect("content");
                (path, content)
            })
            .collect()
    }

    #[test]
    fn the_same_images_give_the_same_bytes() {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        write_archive(&[sample()], &mut one).expect("one");
        write_archive(&[sample()], &mut two).expect("two");
        assert_eq!(one, two);
    }

    #[test]
    fn both_indices_lead_to_the_blobs() {
        let mut archive = Vec::new();
        write_archive(&[sample()], &mut archive).expect("archive");
        let files = files(&archive);
        let index: Value = serde_json::from_slice(&files["index.json"]).expect("index");
        let names: Vec<_> = index["manifests"]
            .as_array()
            .expect("manifests")
            .iter()
            .map(|m| &m["annotations"]["io.containerd.image.name"])
            .collect();
        assert_eq!(names, ["registry.example/pause:1", "docker.io/x/pause:latest"]);
        let manifest: Value = serde_json::from_slice(&files[&blob_path(&index["manifests"][0])]).expect("manifest");
        let config: Value = serde_json::from_slice(&files[&blob_path(&manifest["config"])]).expect("config");
        assert_eq!(
            config["config"],
            json!({"Entrypoint": ["/pause"], "User": "65535:65535"})
        );
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        let layer = &files[&blob_path(&manifest["layers"][0])];
        assert_eq!(manifest["layers"][0]["size"], layer.len());
        let docker: Value = serde_json::from_slice(&files["manifest.json"]).expect("docker manifest");
        assert_eq!(docker[0]["Config"], blob_path(&manifest["config"]));
        assert_eq!(
            docker[0]["RepoTags"],
            json!(["registry.example/pause:1", "docker.io/x/pause:latest"])
        );
        assert!(files.contains_key(docker[0]["Layers"][0].as_str().expect("layer")));
    }
}
