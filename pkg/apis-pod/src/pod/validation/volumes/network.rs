//! Volumes that other machines and clouds provide.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    AWSElasticBlockStoreVolumeSource, AzureDiskVolumeSource, AzureFileVolumeSource, CephFSVolumeSource,
    CinderVolumeSource, FCVolumeSource, FlockerVolumeSource, GCEPersistentDiskVolumeSource, GlusterfsVolumeSource,
    ISCSIVolumeSource, LocalObjectReference, NFSVolumeSource, QuobyteVolumeSource, RBDVolumeSource,
    ScaleIOVolumeSource, StorageOSVolumeSource,
};

use crate::rules::{dns_label, named, one_of, required};

const MANAGED_DISK: &str =
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
const BLOB_DISK: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";

fn all_required<const N: usize>(path: &Path<'_>, members: [(&str, &str); N]) -> ErrorList {
    let missing = members.into_iter();
    missing
        .filter_map(|(name, value)| required(&path.child(name), value))
        .collect()
}

fn validate_partition(partition: i32, path: &Path<'_>) -> Option<Error> {
    let fault = !(0..=255).contains(&partition);
    fault.then(|| {
        Error::invalid(
            &path.child("partition"),
            partition,
            names::inclusive_range_error(1, 255),
        )
    })
}

fn validate_lun(lun: i32, path: &Path<'_>) -> Option<Error> {
    let fault = !(0..=255).contains(&lun);
    fault.then(|| Error::invalid(&path.child("lun"), lun, names::inclusive_range_error(0, 255)))
}

fn validate_secret_name(secret: Option<&LocalObjectReference>, path: &Path<'_>) -> Option<Error> {
    required(&path.child("secretRef.name"), &secret?.name)
}

pub(super) fn validate_gce_disk(source: &GCEPersistentDiskVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("pdName", &source.pd_name)]);
    errors.extend(validate_partition(source.partition, path));
    errors
}

pub(super) fn validate_aws_store(source: &AWSElasticBlockStoreVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("volumeID", &source.volume_id)]);
    errors.extend(validate_partition(source.partition, path));
    errors
}

pub(super) fn validate_nfs(source: &NFSVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("server", &source.server), ("path", &source.path)]);
    if !source.path.starts_with('/') {
        errors.push(Error::invalid(
            &path.child("path"),
            &source.path,
            "must be an absolute path",
        ));
    }
    errors
}

/// Whether a name of an initiator or target has the form that its first three letters promise;
/// `None` if they promise none.
fn iscsi_name(name: &str) -> Option<bool> {
    match name.get(..3)? {
        "iqn" => Some(is_iqn(name)),
        // The fourth character may be any, as upstream has it.
        kind @ ("eui" | "naa") => {
            let length = if kind == "eui" { 16 } else { 32 };
            let mut rest = name[3..].chars();
            let separator = rest.next().is_some_and(|c| c != '\n');
            let identifier = rest.as_str();
            Some(separator && identifier.len() == length && identifier.bytes().all(|b| b.is_ascii_alphanumeric()))
        }
        _ => None,
    }
}

/// `iqn.` year `-` month `.` authority, then `:` and anything without separators; may begin anywhere.
fn is_iqn(name: &str) -> bool {
    name.match_indices("iqn.").any(|(at, _)| {
        let Some((date, rest)) = name[at + 4..].split_at_checked(7) else {
            return false;
        };
        let date_valid = date.bytes().enumerate().all(|(at, b)| match at {
            4 => b == b'-',
            _ => b.is_ascii_digit(),
        });
        let Some(rest) = rest.strip_prefix('.') else {
            return false;
        };
        let authority = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
            .count();
        let tail = rest[authority..].strip_prefix(':');
        let is_tail =
            |tail: &str| !tail.is_empty() && !tail.contains(|c: char| ",;*&$|".contains(c) || c.is_ascii_whitespace());
        date_valid && authority > 0 && tail.is_some_and(is_tail)
    })
}

pub(super) fn validate_iscsi(source: &ISCSIVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("targetPortal", &source.target_portal), ("iqn", &source.iqn)]);
    let name_error = |member: &str, name: &str| {
        let detail = match iscsi_name(name) {
            Some(true) => return None,
            Some(false) => "must be valid format",
            None => "must be valid format starting with iqn, eui, or naa",
        };
        Some(Error::invalid(&path.child(member), name, detail))
    };
    if !source.iqn.is_empty() {
        errors.extend(name_error("iqn", &source.iqn));
    }
    errors.extend(validate_lun(source.lun, path));
    if (source.chap_auth_discovery || source.chap_auth_session) && source.secret_ref.is_none() {
        errors.push(Error::required(&path.child("secretRef"), ""));
    }
    let initiator = source.initiator_name.as_deref();
    errors.extend(initiator.and_then(|name| name_error("initiatorname", name)));
    errors
}

pub(super) fn validate_glusterfs(source: &GlusterfsVolumeSource, path: &Path<'_>) -> ErrorList {
    all_required(path, [("endpoints", &source.endpoints), ("path", &source.path)])
}

pub(super) fn validate_flocker(source: &FlockerVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    match (source.dataset_name.is_empty(), source.dataset_uuid.is_empty()) {
        (true, true) => errors.push(Error::required(path, "one of datasetName and datasetUUID is required")),
        (false, false) => {
            let detail = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(Error::invalid(path, "resource", detail));
        }
        _ => {}
    }
    if source.dataset_name.contains('/') {
        let value = &source.dataset_name;
        errors.push(Error::invalid(
            &path.child("datasetName"),
            value,
            "must not contain '/'",
        ));
    }
    errors
}

pub(super) fn validate_rbd(source: &RBDVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_monitors(&source.monitors, path);
    errors.extend(required(&path.child("image"), &source.image));
    errors
}

fn validate_monitors(monitors: &[String], path: &Path<'_>) -> ErrorList {
    let error = monitors
        .is_empty()
        .then(|| Error::required(&path.child("monitors"), ""));
    error.into_iter().collect()
}

pub(super) fn validate_cephfs(source: &CephFSVolumeSource, path: &Path<'_>) -> ErrorList {
    validate_monitors(&source.monitors, path)
}

pub(super) fn validate_cinder(source: &CinderVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("volumeID", &source.volume_id)]);
    errors.extend(validate_secret_name(source.secret_ref.as_deref(), path));
    errors
}

pub(super) fn validate_quobyte(source: &QuobyteVolumeSource, path: &Path<'_>) -> ErrorList {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let mut errors = ErrorList::new();
    let registry = path.child("registry");
    if source.registry.is_empty() {
        errors.push(Error::required(&registry, PAIRS));
    } else if source.tenant.len() >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        errors.push(Error::required(&path.child("tenant"), detail));
    } else {
        let faults = source.registry.split(',').filter(|pair| !is_host_port(pair));
        errors.extend(faults.map(|_| Error::invalid(&registry, &source.registry, PAIRS)));
    }
    errors.extend(required(&path.child("volume"), &source.volume));
    errors
}

/// Whether the text has one colon between host and port; a host with colons stands in brackets.
fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = match host.strip_prefix('[') {
        Some(rest) => match rest.strip_suffix(']') {
            Some(host) => return !host.contains(['[', ']']) && !port.contains(['[', ']']),
            None => return false,
        },
        None => host,
    };
    !bare.contains([':', '[', ']']) && !port.contains(['[', ']'])
}

pub(super) fn validate_fc(source: &FCVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let names_path = path.child("targetWWNs");
    if source.target_wwns.is_empty() && source.wwids.is_empty() {
        let detail = "must specify either targetWWNs or wwids, but not both";
        errors.push(Error::required(&names_path, detail));
    }
    if !source.target_wwns.is_empty() && !source.wwids.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        errors.push(Error::invalid(&names_path, BadValue::json(&source.target_wwns), detail));
    }
    if !source.target_wwns.is_empty() {
        errors.extend(match source.lun {
            None => Some(Error::required(
                &path.child("lun"),
                "lun is required if targetWWNs is specified",
            )),
            Some(lun) => validate_lun(lun, path),
        });
    }
    errors
}

pub(super) fn validate_azure_file(source: &AzureFileVolumeSource, path: &Path<'_>) -> ErrorList {
    all_required(
        path,
        [("secretName", &source.secret_name), ("shareName", &source.share_name)],
    )
}

pub(super) fn validate_azure_disk(source: &AzureDiskVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = all_required(path, [("diskName", &source.disk_name), ("diskURI", &source.disk_uri)]);
    let caching = source.caching_mode.as_deref();
    errors
        .extend(caching.and_then(|mode| one_of(&path.child("cachingMode"), mode, &["None", "ReadOnly", "ReadWrite"])));
    let kind = source.kind.as_deref();
    errors.extend(kind.and_then(|kind| one_of(&path.child("kind"), kind, &["Dedicated", "Managed", "Shared"])));
    let form = kind.and_then(|kind| match kind {
        "Managed" => (!source.disk_uri.starts_with("/subscriptions/")).then_some(MANAGED_DISK),
        _ => (!source.disk_uri.starts_with("https://")).then_some(BLOB_DISK),
    });
    let uri = path.child("diskURI");
    errors.extend(form.map(|form| Error::not_supported(&uri, named(&source.disk_uri), &[form])));
    errors
}

pub(super) fn validate_scale_io(source: &ScaleIOVolumeSource, path: &Path<'_>) -> ErrorList {
    let members = [
        ("gateway", source.gateway.as_str()),
        ("system", &source.system),
        ("volumeName", &source.volume_name),
    ];
    all_required(path, members)
}

pub(super) fn validate_storage_os(source: &StorageOSVolumeSource, path: &Path<'_>) -> ErrorList {
    let name = path.child("volumeName");
    let mut errors = match required(&name, &source.volume_name) {
        Some(error) => error.into(),
        None => dns_label(&name, &source.volume_name),
    };
    if !source.volume_namespace.is_empty() {
        errors.append(dns_label(&path.child("volumeNamespace"), &source.volume_namespace));
    }
    errors.extend(validate_secret_name(source.secret_ref.as_deref(), path));
    errors
}
