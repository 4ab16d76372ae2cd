//! Where volumes appear in a container: as directories, or as block devices.

use std::collections::HashSet;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::{Container, VolumeMount};

use super::volumes::Volumes;
use crate::rules::{descending_path, no_backsteps, one_of, required};

const PROPAGATIONS: [&str; 3] = ["Bidirectional", "HostToContainer", "None"];
const RECURSIVE_READ_ONLY: [&str; 3] = ["Disabled", "Enabled", "IfPossible"];

pub(super) fn validate_mounts(container: &Container, volumes: &Volumes<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut points = HashSet::new();
    for (index, mount) in container.volume_mounts.iter().enumerate() {
        let at = path.index(index);
        let (name, point) = (at.child("name"), at.child("mountPath"));
        errors.extend(required(&name, &mount.name));
        if !volumes.contains_key(mount.name.as_str()) {
            errors.push(Error::not_found(&name, &mount.name));
        }
        errors.extend(required(&point, &mount.mount_path));
        if !points.insert(mount.mount_path.as_str()) {
            errors.push(Error::invalid(&point, &mount.mount_path, "must be unique"));
        }
        if container.volume_devices.iter().any(|device| device.name == mount.name) {
            let detail = "must not already exist in volumeDevices";
            errors.push(Error::invalid(&name, &mount.name, detail));
        }
        if container
            .volume_devices
            .iter()
            .any(|device| device.device_path == mount.mount_path)
        {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(Error::invalid(&point, &mount.mount_path, detail));
        }
        // From here on the errors stand at the list, not at the mount, as upstream has it.
        if !mount.sub_path.is_empty() {
            errors.append(descending_path(&path.child("subPath"), &mount.sub_path));
        }
        if !mount.sub_path_expr.is_empty() {
            if !mount.sub_path.is_empty() {
                let detail = "subPathExpr and subPath are mutually exclusive";
                errors.push(Error::invalid(&at.child("subPathExpr"), &mount.sub_path_expr, detail));
            }
            errors.append(descending_path(&path.child("subPathExpr"), &mount.sub_path_expr));
        }
        errors.append(validate_propagation(mount, container, &path.child("mountPropagation")));
        errors.append(validate_recursive_read_only(mount, &path.child("recursiveReadOnly")));
    }
    errors
}

fn validate_propagation(mount: &VolumeMount, container: &Container, path: &Path<'_>) -> ErrorList {
    let Some(propagation) = mount.mount_propagation.as_deref() else {
        return ErrorList::new();
    };
    let mut errors: ErrorList = one_of(path, propagation, &PROPAGATIONS).into_iter().collect();
    let privileged = container
        .security_context
        .as_ref()
        .and_then(|context| context.privileged);
    if propagation == "Bidirectional" && privileged != Some(true) {
        let detail = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

fn validate_recursive_read_only(mount: &VolumeMount, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !mount.read_only {
                errors.push(Error::forbidden(path, "may only be specified when readOnly is true"));
            }
            if mount
                .mount_propagation
                .as_deref()
                .is_some_and(|propagation| propagation != "None")
            {
                let detail = "may only be specified when mountPropagation is None or not specified";
                errors.push(Error::forbidden(path, detail));
            }
        }
        Some(other) => errors.extend(one_of(path, other, &RECURSIVE_READ_ONLY)),
    }
    errors
}

pub(super) fn validate_devices(container: &Container, volumes: &Volumes<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (mut paths, mut names) = (HashSet::new(), HashSet::new());
    for (index, device) in container.volume_devices.iter().enumerate() {
        let at = path.index(index);
        let (name, point) = (at.child("name"), at.child("devicePath"));
        let (device_name, device_path) = (device.name.as_str(), device.device_path.as_str());
        errors.extend(required(&name, device_name));
        if names.contains(device_name) {
            errors.push(Error::invalid(&name, device_name, "must be unique"));
        }
        match volumes.get(device_name) {
            None => errors.push(Error::not_found(&name, device_name)),
            Some(volume) if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(Error::invalid(&name, device_name, detail));
            }
            Some(_) => {}
        }
        errors.extend(required(&point, device_path));
        if paths.contains(device_path) {
            errors.push(Error::invalid(&point, device_path, "must be unique"));
        }
        if no_backsteps(&point, device_path).is_some() {
            errors.push(Error::invalid(&point, device_path, "can not contain backsteps ('..')"));
        } else {
            paths.insert(device_path);
        }
        if container.volume_mounts.iter().any(|mount| mount.name == device_name) {
            let detail = "must not already exist in volumeMounts";
            errors.push(Error::invalid(&name, device_name, detail));
        }
        if container
            .volume_mounts
            .iter()
            .any(|mount| mount.mount_path == device_path)
        {
            let detail = "must not already exist as a path in volumeMounts";
            errors.push(Error::invalid(&point, device_path, detail));
        }
        if !device_name.is_empty() {
            names.insert(device_name);
        }
    }
    errors
}
