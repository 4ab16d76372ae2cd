//! Volumes of pods, persistent volumes and claims: where each one's content comes from.

pub(crate) mod claim;
pub(crate) mod persistent;
mod sources;

use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{flag, items, joined, number, some, sorted, text};

const CSI: &str = "CSI (a Container Storage Interface (CSI) volume source)";

/// What holds the source of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Pod,
    PersistentVolume,
}

/// The class of a volume or a claim: the old annotation goes before the field.
pub(crate) fn class(object: &Value) -> &str {
    match object.pointer("/metadata/annotations/volume.beta.kubernetes.io~1storage-class") {
        Some(class) => class.as_str().unwrap_or_default(),
        None => text(object, "/spec/storageClassName"),
    }
}

/// Access modes in short, in their order.
fn access_modes(modes: &[Value]) -> String {
    let known = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let given = known.iter().filter(|(name, _)| modes.iter().any(|mode| mode == name));
    let short: Vec<_> = given.map(|(_, short)| *short).collect();
    short.join(",")
}

/// A pod's volumes.
pub(crate) fn volumes(volumes: &[Value], space: &str, out: &mut Text) {
    let none = if volumes.is_empty() { "\t<none>" } else { "" };
    put!(out, 0, "{space}Volumes:{none}\n");
    let indent = if space.is_empty() { "" } else { " " };
    for volume in volumes {
        put!(out, 1, "{indent}{}:\n", text(volume, "/name"));
        if let Some(projected) = volume.get("projected") {
            project(projected, out);
        } else if let Some(downward) = volume.get("downwardAPI") {
            downward_api(downward, out);
        } else if let Some(ephemeral) = volume.get("ephemeral") {
            put!(
                out,
                2,
                "Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)\n"
            );
            if let Some(template) = some(ephemeral, "/volumeClaimTemplate") {
                out.indented(2, |out| claim::template(template, out));
            }
        } else {
            source(volume, Holder::Pod, out);
        }
    }
}

fn source(volume: &Value, holder: Holder, out: &mut Text) {
    let own = match holder {
        Holder::Pod => sources::OF_PODS,
        Holder::PersistentVolume => sources::OF_PERSISTENT_VOLUMES,
    };
    let known = own
        .iter()
        .chain(sources::SHARED)
        .find_map(|(member, title, fields)| Some((member, title, fields, volume.get(*member)?)));
    let Some((member, title, fields, source)) = known else {
        return put!(out, 1, "<unknown>\n");
    };
    put!(out, 2, "Type:\t{title}\n");
    for (label, place, absent) in *fields {
        let value = match some(source, place) {
            None => (*absent).to_owned(),
            Some(size) if *place == "/sizeLimit" && size == "0" => (*absent).to_owned(),
            Some(reference) if *place == "/secretRef" => secret_reference(reference, holder),
            Some(_) if *place == "/targetWWNs" => joined(source, place, ", "),
            Some(value) => go_value(value),
        };
        put!(out, 2, "{label}\t{value}\n");
    }
    if *member == "csi" {
        attributes(source, out);
    }
}

/// A reference as Go writes the type that it has there.
fn secret_reference(reference: &Value, holder: Holder) -> String {
    let name = text(reference, "/name");
    match holder {
        Holder::Pod => format!("&LocalObjectReference{{Name:{name},}}"),
        Holder::PersistentVolume => {
            let namespace = text(reference, "/namespace");
            format!("&SecretReference{{Name:{name},Namespace:{namespace},}}")
        }
    }
}

/// What a driver gets.
fn attributes(source: &Value, out: &mut Text) {
    put!(out, 2, "VolumeAttributes:\t");
    let attributes = sorted(source.get("volumeAttributes"));
    if attributes.is_empty() {
        put!(out, 0, "<none>\n");
    }
    for (at, (key, value)) in attributes.into_iter().enumerate() {
        // Each piece is indented, as upstream's writer does it.
        if at > 0 {
            put!(out, 2, "");
            put!(out, 2, "\t");
        }
        let line = format!("{key}={}", value.as_str().unwrap_or_default());
        match line.get(..140).filter(|_| line.len() > 140) {
            Some(head) => put!(out, 2, "{head}...\n"),
            None => put!(out, 2, "{line}\n"),
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
