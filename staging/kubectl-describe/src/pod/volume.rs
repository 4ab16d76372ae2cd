//! Volumes: where each one's content comes from.

use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{flag, items, number, some, sorted, text};

/// A field of a source: its label, its place, and what stands for none.
type Field = (&'static str, &'static str, &'static str);

/// Sources that are a list of fields.
#[rustfmt::skip]
const SOURCES: &[(&str, &str, &[Field])] = &[
    ("hostPath", "HostPath (bare host directory volume)", &[("Path", "/path", ""), ("HostPathType", "/type", "<none>")]),
    ("emptyDir", "EmptyDir (a temporary directory that shares a pod's lifetime)", &[("Medium", "/medium", ""), ("SizeLimit", "/sizeLimit", "<unset>")]),
    ("gcePersistentDisk", "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)", &[("PDName", "/pdName", ""), ("FSType", "/fsType", ""), ("Partition", "/partition", "0"), ("ReadOnly", "/readOnly", "false")]),
    ("awsElasticBlockStore", "AWSElasticBlockStore (a Persistent Disk resource in AWS)", &[("VolumeID", "/volumeID", ""), ("FSType", "/fsType", ""), ("Partition", "/partition", "0"), ("ReadOnly", "/readOnly", "false")]),
    ("gitRepo", "GitRepo (a volume that is pulled from git when the pod is created)", &[("Repository", "/repository", ""), ("Revision", "/revision", "")]),
    ("secret", "Secret (a volume populated by a Secret)", &[("SecretName", "/secretName", ""), ("Optional", "/optional", "false")]),
    ("configMap", "ConfigMap (a volume populated by a ConfigMap)", &[("Name", "/name", ""), ("Optional", "/optional", "false")]),
    ("nfs", "NFS (an NFS mount that lasts the lifetime of a pod)", &[("Server", "/server", ""), ("Path", "/path", ""), ("ReadOnly", "/readOnly", "false")]),
    ("persistentVolumeClaim", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)", &[("ClaimName", "/claimName", ""), ("ReadOnly", "/readOnly", "false")]),
    ("vsphereVolume", "vSphereVolume (a Persistent Disk resource in vSphere)", &[("VolumePath", "/volumePath", ""), ("FSType", "/fsType", ""), ("StoragePolicyName", "/storagePolicyName", "")]),
    ("image", "Image (a container image or OCI artifact)", &[("Reference", "/reference", ""), ("PullPolicy", "/pullPolicy", "")]),
    ("csi", "CSI (a Container Storage Interface (CSI) volume source)", &[("Driver", "/driver", ""), ("FSType", "/fsType", ""), ("ReadOnly", "/readOnly", "false")]),
];

pub(super) fn volumes(volumes: &[Value], space: &str, out: &mut Text) {
    let none = if volumes.is_empty() { "\t<none>" } else { "" };
    put!(out, 0, "{space}Volumes:{none}\n");
    let indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        put!(out, 1, "{indent}{}:\n", text(volume, "/name"));
        source(volume, out);
    }
}

fn source(volume: &Value, out: &mut Text) {
    if let Some(projected) = volume.get("projected") {
        return project(projected, out);
    }
    if let Some(downward) = volume.get("downwardAPI") {
        return downward_api(downward, out);
    }
    let known = SOURCES
        .iter()
        .find_map(|(key, title, fields)| Some((title, fields, volume.get(*key)?)));
    let Some((title, fields, source)) = known else {
        return put!(out, 1, "<unknown>\n");
    };
    put!(out, 2, "Type:\t{title}\n");
    for (label, place, absent) in *fields {
        let value = some(source, place).map_or_else(|| (*absent).to_owned(), go_value);
        put!(out, 2, "{label}:\t{value}\n");
    }
    if volume.get("csi").is_some() {
        put!(out, 2, "VolumeAttributes:\t");
        let attributes = sorted(source.get("volumeAttributes"));
        if attributes.is_empty() {
            put!(out, 0, "<none>\n");
        }
        for (at, (key, value)) in attributes.into_iter().enumerate() {
            // Each piece is indented, as upstream's writer does it.
            let gap = if at == 0 { "    " } else { "        \t    " };
            let line = format!("{key}={}", value.as_str().unwrap_or_default());
            match line.get(..140).filter(|_| line.len() > 140) {
                Some(head) => put!(out, 0, "{gap}{head}...\n"),
                None => put!(out, 0, "{gap}{line}\n"),
            }
        }
    }
}

fn project(projected: &Value, out: &mut Text) {
    put!(
        out,
        2,
        "Type:\tProjected (a volume that contains injected data from multiple sources)\n"
    );
    for source in items(projected, "/sources") {
        let named = |title: &str, source: &Value, out: &mut Text| {
            put!(out, 2, "{title}:\t{}\n", text(source, "/name"));
            put!(out, 2, "Optional:\t{}\n", flag(source, "/optional"));
        };
        if let Some(secret) = source.get("secret") {
            named("SecretName", secret, out);
        } else if source.get("downwardAPI").is_some() {
            put!(out, 2, "DownwardAPI:\ttrue\n");
        } else if let Some(map) = source.get("configMap") {
            named("ConfigMapName", map, out);
        } else if let Some(token) = source.get("serviceAccountToken") {
            put!(
                out,
                2,
                "TokenExpirationSeconds:\t{}\n",
                number(token, "/expirationSeconds")
            );
        }
    }
}

fn downward_api(downward: &Value, out: &mut Text) {
    put!(
        out,
        2,
        "Type:\tDownwardAPI (a volume populated by information about the pod)\n    Items:\n"
    );
    for item in items(downward, "/items") {
        for place in ["/fieldRef/fieldPath", "/resourceFieldRef/resource"] {
            if some(item, place).is_some() {
                put!(out, 3, "{} -> {}\n", text(item, place), text(item, "/path"));
            }
        }
    }
}
