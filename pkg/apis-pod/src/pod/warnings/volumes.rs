//! Volumes of types that are gone, and files that would lie on top of each other.

use apimachinery::field::Path;
use k8s_api::{
    core::v1::{DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection},
    primitives::quote,
};

use super::warnings_for_claim_spec;

pub(super) fn warnings_for_types(volumes: &[Volume], path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let before = [
            (
                "photonPersistentDisk",
                volume.photon_persistent_disk.is_some(),
                "deprecated in v1.11, non-functional in v1.16+",
            ),
            (
                "gitRepo",
                volume.git_repo.is_some(),
                "deprecated in v1.11, and disabled by default in v1.33+",
            ),
            (
                "scaleIO",
                volume.scale_io.is_some(),
                "deprecated in v1.16, non-functional in v1.22+",
            ),
            (
                "flocker",
                volume.flocker.is_some(),
                "deprecated in v1.22, non-functional in v1.25+",
            ),
            (
                "storageOS",
                volume.storageos.is_some(),
                "deprecated in v1.22, non-functional in v1.25+",
            ),
            (
                "quobyte",
                volume.quobyte.is_some(),
                "deprecated in v1.22, non-functional in v1.25+",
            ),
            (
                "glusterfs",
                volume.glusterfs.is_some(),
                "deprecated in v1.25, non-functional in v1.26+",
            ),
        ];
        let after = [
            (
                "cephfs",
                volume.cephfs.is_some(),
                "deprecated in v1.28, non-functional in v1.31+",
            ),
            (
                "rbd",
                volume.rbd.is_some(),
                "deprecated in v1.28, non-functional in v1.31+",
            ),
        ];
        let warn = |(name, set, message): (&str, bool, &str)| set.then(|| format!("{}: {message}", path.child(name)));
        warnings.extend(before.into_iter().filter_map(warn));
        let template = volume
            .ephemeral
            .as_ref()
            .and_then(|ephemeral| ephemeral.volume_claim_template.as_ref());
        if let Some(template) = template {
            let path = path.child("ephemeral.volumeClaimTemplate.spec");
            warnings.extend(warnings_for_claim_spec(&template.spec, &path));
        }
        warnings.extend(after.into_iter().filter_map(warn));
    }
    warnings
}

/// A path within a volume, and what puts a file there.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    path: String,
    source: String,
}

impl Entry {
    fn new(path: &str, source: &str) -> Self {
        Self {
            path: path.trim_end_matches('/').to_owned(),
            source: source.to_owned(),
        }
    }

    fn show(&self) -> String {
        let path = quote(&self.path);
        match self.source.as_str() {
            "" => path,
            source => format!("{path} ({source})"),
        }
    }

    /// Whether one lies on, or below, the other.
    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (format!("{}/", self.path), format!("{}/", other.path));
        !self.path.is_empty() && !other.path.is_empty() && (a.starts_with(&b) || b.starts_with(&a))
    }
}

fn of_items(items: &[KeyToPath], source: &str) -> Vec<Entry> {
    items.iter().map(|item| Entry::new(&item.path, source)).collect()
}

fn of_files(files: &[DownwardAPIVolumeFile], source: &str) -> Vec<Entry> {
    files.iter().map(|file| Entry::new(&file.path, source)).collect()
}

/// Each entry with those before it that it overlaps.
fn overlaps(entries: &[Entry]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let before = entries[..index].iter().filter(|other| entry.overlaps(other));
        found.extend(before.map(|other| format!("{} with {}", entry.show(), other.show())));
    }
    found
}

pub(super) fn warnings_for_overlaps(volumes: &[Volume]) -> Vec<String> {
    let mut warnings = Vec::new();
    for volume in volumes {
        let name = quote(&volume.name);
        let mut warn = |kind: &str, entries: &[Entry]| {
            let found = overlaps(entries).into_iter();
            warnings.extend(found.map(|found| format!("volume {name} ({kind}): overlapping paths: {found}")));
        };
        if let Some(config_map) = &volume.config_map {
            let kind = format!("ConfigMap {}", quote(&config_map.name));
            warn(&kind, &of_items(&config_map.items, ""));
        }
        if let Some(secret) = &volume.secret {
            let kind = format!("Secret {}", quote(&secret.secret_name));
            warn(&kind, &of_items(&secret.items, ""));
        }
        if let Some(downward) = &volume.downward_api {
            warn("DownwardAPI", &of_files(&downward.items, ""));
        }
        if let Some(projected) = &volume.projected {
            let entries: Vec<Entry> = projected.sources.iter().flat_map(of_projection).collect();
            warn("Projected", &entries);
            let empty = projected
                .sources
                .iter()
                .filter(|source| **source == VolumeProjection::default());
            warnings.extend(empty.map(|_| format!("volume {name} (Projected) has no sources provided")));
        }
    }
    warnings
}

fn of_projection(source: &VolumeProjection) -> Vec<Entry> {
    if let Some(config_map) = source.config_map.as_ref().filter(|map| !map.items.is_empty()) {
        return of_items(&config_map.items, &format!("ConfigMap {}", quote(&config_map.name)));
    }
    if let Some(secret) = source.secret.as_ref().filter(|secret| !secret.items.is_empty()) {
        return of_items(&secret.items, &format!("Secret {}", quote(&secret.name)));
    }
    if let Some(downward) = source
        .downward_api
        .as_ref()
        .filter(|downward| !downward.items.is_empty())
    {
        return of_files(&downward.items, "DownwardAPI");
    }
    if let Some(token) = &source.service_account_token {
        return vec![Entry::new(&token.path, "ServiceAccountToken")];
    }
    if let Some(bundle) = &source.cluster_trust_bundle {
        let name = bundle.name.as_ref().or(bundle.signer_name.as_ref());
        let name = name.map(String::as_str).unwrap_or_default();
        return vec![Entry::new(&bundle.path, &format!("ClusterTrustBundle {}", quote(name)))];
    }
    let Some(certificate) = &source.pod_certificate else {
        return Vec::new();
    };
    let paths = [
        (&certificate.certificate_chain_path, "PodCertificate chain"),
        (&certificate.key_path, "PodCertificate key"),
        (&certificate.credential_bundle_path, "PodCertificate credential bundle"),
    ];
    let set = paths.into_iter().filter(|(path, _)| !path.is_empty());
    set.map(|(path, source)| Entry::new(path, source)).collect()
}
