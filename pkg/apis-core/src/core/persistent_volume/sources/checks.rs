//! The members that each kind of source must have.

use std::sync::LazyLock;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    AWSElasticBlockStoreVolumeSource, AzureDiskVolumeSource, AzureFilePersistentVolumeSource,
    CSIPersistentVolumeSource, CephFSPersistentVolumeSource, CinderPersistentVolumeSource, FCVolumeSource,
    FlexPersistentVolumeSource, FlockerVolumeSource, GCEPersistentDiskVolumeSource, GlusterfsPersistentVolumeSource,
    HostPathVolumeSource, ISCSIPersistentVolumeSource, LocalVolumeSource, NFSVolumeSource,
    PhotonPersistentDiskVolumeSource, PortworxVolumeSource, QuobyteVolumeSource, RBDPersistentVolumeSource,
    ScaleIOPersistentVolumeSource, SecretReference, StorageOSPersistentVolumeSource, VsphereVirtualDiskVolumeSource,
};
use regex::Regex;

use crate::{
    go_value::{named, strings},
    shared::validate_namespace_name,
};

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];
const CACHING_MODES: [&str; 3] = ["None", "ReadOnly", "ReadWrite"];
const DISK_KINDS: [&str; 3] = ["Dedicated", "Managed", "Shared"];
const MAX_DRIVER_NAME_LENGTH: usize = 63;

/// One error for each member that is empty.
fn require<const N: usize>(members: [(&str, &str); N], path: &Path<'_>, errors: &mut ErrorList) {
    for (value, field) in members {
        if value.is_empty() {
            errors.push(Error::required(&path.child(field), ""));
        }
    }
}

fn no_steps_back(text: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if text.split('/').any(|part| part == "..") {
        errors.push(Error::invalid(path, text, "must not contain '..'"));
    }
}

fn within_byte(value: i32, least: i64, path: &Path<'_>, errors: &mut ErrorList) {
    if !(0..=255).contains(&value) {
        errors.push(Error::invalid(path, value, names::inclusive_range_error(least, 255)));
    }
}

pub(super) fn host_path(source: &HostPathVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    if source.path.is_empty() {
        return errors.push(Error::required(&path.child("path"), ""));
    }
    no_steps_back(&source.path, &path.child("path"), errors);
    if let Some(type_) = &source.type_
        && !HOST_PATH_TYPES.contains(&type_.as_str())
    {
        errors.push(Error::not_supported(
            &path.child("type"),
            named(type_),
            &HOST_PATH_TYPES,
        ));
    }
}

pub(super) fn gce_persistent_disk(source: &GCEPersistentDiskVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.pd_name, "pdName")], path, errors);
    within_byte(source.partition, 1, &path.child("partition"), errors);
}

pub(super) fn aws_elastic_block_store(
    source: &AWSElasticBlockStoreVolumeSource,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    require([(&source.volume_id, "volumeID")], path, errors);
    within_byte(source.partition, 1, &path.child("partition"), errors);
}

pub(super) fn glusterfs(source: &GlusterfsPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.endpoints, "endpoints"), (&source.path, "path")], path, errors);
    let namespace = path.child("endpointsNamespace");
    match source.endpoints_namespace.as_deref() {
        None => {}
        Some("") => errors.push(Error::invalid(
            &namespace,
            "",
            "if the endpointnamespace is set, it must be a valid namespace name",
        )),
        Some(name) => validate_namespace_name(name, &namespace, errors),
    }
}

pub(super) fn flocker(source: &FlockerVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    match (source.dataset_name.is_empty(), source.dataset_uuid.is_empty()) {
        (true, true) => errors.push(Error::required(path, "one of datasetName and datasetUUID is required")),
        (false, false) => errors.push(Error::invalid(
            path,
            "resource",
            "datasetName and datasetUUID can not be specified simultaneously",
        )),
        _ => {}
    }
    if source.dataset_name.contains('/') {
        let detail = "must not contain '/'";
        errors.push(Error::invalid(&path.child("datasetName"), &source.dataset_name, detail));
    }
}

pub(super) fn nfs(source: &NFSVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.server, "server"), (&source.path, "path")], path, errors);
    if !source.path.starts_with('/') {
        errors.push(Error::invalid(
            &path.child("path"),
            &source.path,
            "must be an absolute path",
        ));
    }
}

pub(super) fn rbd(source: &RBDPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    if source.monitors.is_empty() {
        errors.push(Error::required(&path.child("monitors"), ""));
    }
    require([(&source.image, "image")], path, errors);
}

pub(super) fn quobyte(source: &QuobyteVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let registry = path.child("registry");
    if source.registry.is_empty() {
        errors.push(Error::required(&registry, PAIRS));
    } else if source.tenant.len() >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        errors.push(Error::required(&path.child("tenant"), detail));
    } else {
        for _ in source.registry.split(',').filter(|pair| !is_host_port(pair)) {
            errors.push(Error::invalid(&registry, &source.registry, PAIRS));
        }
    }
    require([(&source.volume, "volume")], path, errors);
}

/// `host:port`, where a host with colons stands in brackets; as Go's `net.SplitHostPort` has it.
fn is_host_port(text: &str) -> bool {
    let host = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once("]:") {
            Some((host, port)) if !port.contains([':', '[', ']']) => host,
            _ => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => {
                return !host.contains(['[', ']']) && !port.contains(['[', ']']);
            }
            _ => return false,
        },
    };
    !host.contains(['[', ']'])
}

pub(super) fn cephfs(source: &CephFSPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    if source.monitors.is_empty() {
        errors.push(Error::required(&path.child("monitors"), ""));
    }
}

/// Whether a name is one of the three kinds of iSCSI names.
fn is_iscsi_name(name: &str) -> bool {
    static IQN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"iqn\.[0-9]{4}-[0-9]{2}\.([0-9A-Za-z.-]+)(:[^,;*&$|\t\n\f\r ]+)$").expect("the pattern is correct")
    });
    let rest = |length: usize| {
        name.strip_prefix("eui")
            .or_else(|| name.strip_prefix("naa"))
            .and_then(|rest| rest.strip_prefix(|separator| separator != '\n'))
            .is_some_and(|rest| rest.len() == length && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    match name.get(..3) {
        Some("iqn") => IQN.is_match(name),
        Some("eui") => rest(16),
        Some("naa") => rest(32),
        _ => false,
    }
}

pub(super) fn iscsi(source: &ISCSIPersistentVolumeSource, volume: &str, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.target_portal, "targetPortal")], path, errors);
    let initiator = source.initiator_name.as_deref();
    if initiator.is_some() && volume.len() + 1 + source.target_portal.len() > 64 {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        errors.push(Error::invalid(
            &path.child("targetportal"),
            &source.target_portal,
            detail,
        ));
    }
    if source.iqn.is_empty() {
        errors.push(Error::required(&path.child("iqn"), ""));
    } else if !is_iscsi_name(&source.iqn) {
        errors.push(Error::invalid(&path.child("iqn"), &source.iqn, "must be valid format"));
    }
    within_byte(source.lun, 0, &path.child("lun"), errors);
    let secret = path.child("secretRef");
    match &source.secret_ref {
        None if source.chap_auth_discovery || source.chap_auth_session => {
            errors.push(Error::required(&secret, ""));
        }
        None => {}
        Some(reference) => require([(&reference.name, "name")], &secret, errors),
    }
    if let Some(initiator) = initiator
        && !is_iscsi_name(initiator)
    {
        errors.push(Error::invalid(
            &path.child("initiatorname"),
            initiator,
            "must be valid format",
        ));
    }
}

/// A reference to a secret that names it and its namespace, of whatever form.
fn require_secret(name: &str, namespace: &str, path: &Path<'_>, errors: &mut ErrorList) {
    require(
        [(name, "name"), (namespace, "namespace")],
        &path.child("secretRef"),
        errors,
    );
}

pub(super) fn cinder(source: &CinderPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.volume_id, "volumeID")], path, errors);
    if let Some(secret) = &source.secret_ref {
        require_secret(&secret.name, &secret.namespace, path, errors);
    }
}

pub(super) fn fc(source: &FCVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    let names_path = path.child("targetWWNs");
    match (source.target_wwns.is_empty(), source.wwids.is_empty()) {
        (true, true) => errors.push(Error::required(
            &names_path,
            "must specify either targetWWNs or wwids, but not both",
        )),
        (false, false) => errors.push(Error::invalid(
            &names_path,
            strings(&source.target_wwns),
            "targetWWNs and wwids can not be specified simultaneously",
        )),
        _ => {}
    }
    if source.target_wwns.is_empty() {
        return;
    }
    match source.lun {
        None => errors.push(Error::required(
            &path.child("lun"),
            "lun is required if targetWWNs is specified",
        )),
        Some(lun) => within_byte(lun, 0, &path.child("lun"), errors),
    }
}

pub(super) fn flex_volume(source: &FlexPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.driver, "driver")], path, errors);
    let options = path.child("options");
    for key in source.options.keys() {
        let domain = key.split_once('/').map_or(key.as_str(), |(domain, _)| domain);
        let domain = format!(".{}", domain.to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(Error::invalid(&options.key(key), key, detail));
        }
    }
}

pub(super) fn azure_file(source: &AzureFilePersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    let members = [(&*source.secret_name, "secretName"), (&*source.share_name, "shareName")];
    require(members, path, errors);
    if let Some(namespace) = &source.secret_namespace {
        require([(namespace, "secretNamespace")], path, errors);
    }
}

pub(super) fn vsphere_volume(source: &VsphereVirtualDiskVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.volume_path, "volumePath")], path, errors);
}

pub(super) fn photon_persistent_disk(
    source: &PhotonPersistentDiskVolumeSource,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    require([(&source.pd_id, "pdID")], path, errors);
}

pub(super) fn portworx_volume(source: &PortworxVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.volume_id, "volumeID")], path, errors);
}

pub(super) fn azure_disk(source: &AzureDiskVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require(
        [(&source.disk_name, "diskName"), (&source.disk_uri, "diskURI")],
        path,
        errors,
    );
    for (value, field, supported) in [
        (&source.caching_mode, "cachingMode", &CACHING_MODES),
        (&source.kind, "kind", &DISK_KINDS),
    ] {
        if let Some(value) = value
            && !supported.contains(&value.as_str())
        {
            errors.push(Error::not_supported(&path.child(field), named(value), supported));
        }
    }
    let Some(kind) = &source.kind else { return };
    let (start, form) = if kind == "Managed" {
        (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        )
    } else {
        (
            "https://",
            "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
        )
    };
    if !source.disk_uri.starts_with(start) {
        errors.push(Error::not_supported(&path.child("diskURI"), &source.disk_uri, &[form]));
    }
}

pub(super) fn scale_io(source: &ScaleIOPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    let members = [
        (&*source.gateway, "gateway"),
        (&*source.system, "system"),
        (&*source.volume_name, "volumeName"),
    ];
    require(members, path, errors);
}

pub(super) fn local(source: &LocalVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    require([(&source.path, "path")], path, errors);
    no_steps_back(&source.path, &path.child("path"), errors);
}

pub(super) fn storage_os(source: &StorageOSPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    let name = path.child("volumeName");
    if source.volume_name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        errors.invalid_each(&name, &source.volume_name, names::dns1123_label(&source.volume_name));
    }
    if !source.volume_namespace.is_empty() {
        validate_namespace_name(&source.volume_namespace, &path.child("volumeNamespace"), errors);
    }
    if let Some(secret) = &source.secret_ref {
        require_secret(&secret.name, &secret.namespace, path, errors);
    }
}

fn driver_name(name: &str, path: &Path<'_>, errors: &mut ErrorList) {
    if name.is_empty() {
        return errors.push(Error::required(path, ""));
    }
    if name.len() > MAX_DRIVER_NAME_LENGTH {
        errors.push(Error::too_long(path, MAX_DRIVER_NAME_LENGTH));
    }
    let messages = names::dns1123_subdomain(&name.to_lowercase());
    errors.extend(
        messages
            .into_iter()
            .map(|message| Error::invalid(path, BadValue::from(name), message)),
    );
}

fn secret_reference(reference: &SecretReference, path: &Path<'_>, errors: &mut ErrorList) {
    let (name, namespace) = (path.child("name"), path.child("namespace"));
    if reference.name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        errors.invalid_each(&name, &reference.name, names::dns1123_subdomain(&reference.name));
    }
    if reference.namespace.is_empty() {
        errors.push(Error::required(&namespace, ""));
    } else {
        validate_namespace_name(&reference.namespace, &namespace, errors);
    }
}

pub(super) fn csi(source: &CSIPersistentVolumeSource, path: &Path<'_>, errors: &mut ErrorList) {
    driver_name(&source.driver, &path.child("driver"), errors);
    require([(&source.volume_handle, "volumeHandle")], path, errors);
    for (reference, field) in [
        (&source.controller_publish_secret_ref, "controllerPublishSecretRef"),
        (&source.controller_expand_secret_ref, "controllerExpandSecretRef"),
        (&source.node_publish_secret_ref, "nodePublishSecretRef"),
        (&source.node_expand_secret_ref, "nodeExpandSecretRef"),
    ] {
        if let Some(reference) = reference {
            secret_reference(reference, &path.child(field), errors);
        }
    }
}
