//! What the server serves, kept on disk in upstream's files (upstream: `client-go/discovery/cached/disk`).
//!
//! `<cache>/discovery/<host>/servergroups.json` and `<group>/<version>/serverresources.json`, each good for six hours.
//! **Invariant:** a cache that cannot be read or written costs requests, never an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use client_go::discovery::{ApiGroup, ApiResource, ApiVersion, Discovered, RestMapper, discover};
use client_go::rest::Client;
use k8s_api::scheme::api_version;
use serde_json::{Value, json};

use crate::Result;

/// How long the files are good.
const TTL: Duration = Duration::from_secs(6 * 60 * 60);

/// What a server serves.
#[derive(Debug, Default)]
pub struct Served {
    /// From names and kinds to resources.
    pub mapper: RestMapper,
    /// Versions that could not be asked: `group/version` and why.
    pub failed: Vec<(String, String)>,
    /// Whether the server said so just now.
    pub fresh: bool,
}

/// The files of one server.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

/// The host as a folder's name.
fn folder_name(host: &str) -> String {
    let schemeless = host.trim_start_matches("https://").trim_start_matches("http://");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '(' | ')');
    schemeless.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

impl Cache {
    /// The cache for a host below the cache folder.
    #[must_use]
    pub fn new(cache_dir: &str, host: &str) -> Self {
        Self {
            folder: Path::new(cache_dir).join("discovery").join(folder_name(host)),
        }
    }

    /// From the files if they are fresh, else from the server.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn load(&self, client: &Client) -> Result<Served> {
        match self.read() {
            Some(groups) => Ok(Served {
                mapper: RestMapper::new(groups),
                failed: Vec::new(),
                fresh: false,
            }),
            None => self.fetch(client).await,
        }
    }

    /// From the server.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub async fn fetch(&self, client: &Client) -> Result<Served> {
        let Discovered { groups, failed } = discover(client).await?;
        if failed.is_empty() {
            self.write(&groups);
        }
        Ok(Served {
            mapper: RestMapper::new(groups),
            failed,
            fresh: true,
        })
    }

    fn read(&self) -> Option<Vec<ApiGroup>> {
        let list = read_fresh(&self.folder.join("servergroups.json"))?;
        let mut groups = Vec::new();
        for group in list["groups"].as_array()? {
            let name = text(group, "name");
            let mut versions = Vec::new();
            for version in group["versions"].as_array()? {
                let version = text(version, "version");
                let file = self.folder.join(&name).join(&version).join("serverresources.json");
                let resources = resources_of(&read_fresh(&file)?, &name, &version);
                versions.push(ApiVersion { version, resources });
            }
            groups.push(ApiGroup { name, versions });
        }
        Some(groups)
    }

    fn write(&self, groups: &[ApiGroup]) {
        for group in groups {
            for version in &group.versions {
                let file = self
                    .folder
                    .join(&group.name)
                    .join(&version.version)
                    .join("serverresources.json");
                if write_file(&file, &resource_list(&group.name, version)).is_err() {
                    return;
                }
            }
        }
        // Last, so that a half-written cache has no index. Failing is as good as having no cache.
        let _ = write_file(&self.folder.join("servergroups.json"), &group_list(groups));
    }
}

fn read_fresh(path: &Path) -> Option<Value> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    if SystemTime::now().duration_since(modified).is_ok_and(|age| age > TTL) {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write_file(path: &Path, content: &Value) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".{}.{}", std::process::id(), "tmp"));
    fs::write(&temporary, content.to_string())?;
    fs::rename(&temporary, path)
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value, member: &str) -> Vec<String> {
    let list = value[member].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn group_list(groups: &[ApiGroup]) -> Value {
    let version = |group: &ApiGroup, version: &ApiVersion| json!({"groupVersion": api_version(&group.name, &version.version), "version": version.version});
    let group = |group: &ApiGroup| {
        let versions: Vec<_> = group.versions.iter().map(|entry| version(group, entry)).collect();
        json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
    };
    let groups: Vec<_> = groups.iter().map(group).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn resource_list(group: &str, version: &ApiVersion) -> Value {
    let mut resources = Vec::new();
    for resource in &version.resources {
        let mut entry = json!({
            "name": resource.name,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": resource.verbs,
        });
        for (member, list) in [
            ("shortNames", &resource.short_names),
            ("categories", &resource.categories),
        ] {
            if !list.is_empty() {
                entry[member] = json!(list);
            }
        }
        resources.push(entry);
        for subresource in &resource.subresources {
            resources.push(json!({
                "name": format!("{}/{subresource}", resource.name),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": ["get"],
            }));
        }
    }
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, &version.version),
        "resources": resources,
    })
}

fn resources_of(list: &Value, group: &str, version: &str) -> Vec<ApiResource> {
    let entries = list["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut resources, mut subresources) = (Vec::<ApiResource>::new(), Vec::new());
    for entry in entries {
        let name = text(entry, "name");
        if let Some((owner, subresource)) = name.split_once('/') {
            subresources.push((owner.to_owned(), subresource.to_owned()));
            continue;
        }
        resources.push(ApiResource {
            group: entry["group"].as_str().unwrap_or(group).to_owned(),
            version: entry["version"].as_str().unwrap_or(version).to_owned(),
            name,
            singular: text(entry, "singularName"),
            kind: text(entry, "kind"),
            namespaced: entry["namespaced"].as_bool().unwrap_or_default(),
            verbs: texts(entry, "verbs"),
            short_names: texts(entry, "shortNames"),
            categories: texts(entry, "categories"),
            subresources: Vec::new(),
        });
    }
    for (owner, subresource) in subresources {
        if let Some(resource) = resources.iter_mut().find(|resource| resource.name == owner) {
            resource.subresources.push(subresource);
        }
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(&folder.path().display().to_string(), "https://[::1]:6443/prefix");
        let pods = ApiResource {
            version: "v1".into(),
            name: "pods".into(),
            singular: "pod".into(),
            kind: "Pod".into(),
            namespaced: true,
            verbs: vec!["get".into(), "list".into()],
            short_names: vec!["po".into()],
            categories: vec!["all".into()],
            subresources: vec!["log".into(), "status".into()],
            ..ApiResource::default()
        };
        let groups = vec![ApiGroup {
            name: String::new(),
            versions: vec![ApiVersion {
                version: "v1".into(),
                resources: vec![pods],
            }],
        }];
        cache.write(&groups);
        assert_eq!(cache.read(), Some(groups));
        assert!(
            folder
                .path()
                .join("discovery/___1__6443/prefix/servergroups.json")
                .exists()
        );
        assert!(
            folder
                .path()
                .join("discovery/___1__6443/prefix/v1/serverresources.json")
                .exists()
        );
    }
}
