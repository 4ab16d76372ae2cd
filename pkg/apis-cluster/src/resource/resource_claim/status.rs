//! What has been allocated for a claim, who uses it, and how the devices are.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names as formats,
};
use apis_pod::meta::validate_conditions;
use k8s_api::resource::v1::{
    AllocatedDeviceStatus, AllocationResult, DeviceRequestAllocationResult, NetworkDeviceData, ResourceClaim,
    ResourceClaimConsumerReference, ResourceClaimStatus,
};

use super::super::{
    claim_spec::{MAX_CONFIG, MAX_REQUESTS, RequestNames, validate_configuration, validate_raw},
    names, set, show, taints,
};
use crate::{common, go};

const MAX_CONSUMERS: usize = 256;
const MAX_CONDITIONS: usize = 8;
const MAX_DATA: usize = 10 * 1024;
const MAX_ADDRESSES: usize = 16;
const MAX_INTERFACE_NAME: usize = 256;
const MAX_HARDWARE_ADDRESS: usize = 128;

/// Driver, pool, device and share.
type DeviceId<'a> = [&'a str; 4];

fn show_id([driver, pool, device, share]: DeviceId<'_>) -> BadValue {
    go::Struct::new()
        .field("Driver", driver)
        .field("Pool", pool)
        .field("Device", device)
        .field("ShareID", share)
        .bad_value()
}

/// Every fault of an update of the status. An allocation that is there can only be removed.
#[must_use]
pub fn validate_status_update(new: &ResourceClaim, old: &ResourceClaim) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    let names = RequestNames::of(&new.spec.devices);
    let path = Path::new("status");
    let status = &new.status;
    let consumers = path.child("reservedFor");
    errors.append(set::validate_named(
        &status.reserved_for,
        MAX_CONSUMERS,
        &consumers,
        validate_consumer,
        |consumer| &consumer.uid,
    ));
    errors.append(validate_devices(status, &path.child("devices")));
    if !status.reserved_for.is_empty() {
        if status.allocation.is_none() {
            errors.push(Error::forbidden(
                &consumers,
                "may not be specified when `allocated` is not set",
            ));
        } else if new.metadata.deletion_timestamp.is_some() {
            let added = |consumer| !old.status.reserved_for.contains(consumer);
            if status.reserved_for.iter().any(added) {
                let detail =
                    "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
                errors.push(Error::forbidden(&consumers, detail));
            }
        }
    }
    let path = path.child("allocation");
    match (&status.allocation, &old.status.allocation) {
        (Some(new), Some(old)) if new != old => {
            errors.push(Error::invalid(&path, show::allocation(new), common::IMMUTABLE));
        }
        (Some(new), None) => errors.append(validate_allocation(new, &names, &path)),
        _ => {}
    }
    errors
}

fn validate_consumer(consumer: &ResourceClaimConsumerReference, path: &Path<'_>) -> ErrorList {
    let members = [
        ("resource", &consumer.resource),
        ("name", &consumer.name),
        ("uid", &consumer.uid),
    ];
    let missing = members.into_iter().filter(|(_, value)| value.is_empty());
    missing
        .map(|(name, _)| Error::required(&path.child(name), ""))
        .collect()
}

fn validate_devices(status: &ResourceClaimStatus, path: &Path<'_>) -> ErrorList {
    let results = status
        .allocation
        .iter()
        .flat_map(|allocation| &allocation.devices.results);
    let allocated: HashSet<DeviceId<'_>> = results
        .map(|result| {
            let share = result.share_id.as_deref().unwrap_or_default();
            [result.driver.as_str(), &result.pool, &result.device, share]
        })
        .collect();
    set::validate_set(
        &status.devices,
        usize::MAX,
        path,
        |device, path| validate_device(device, &allocated, path),
        device_id,
        show_id,
    )
}

fn device_id(device: &AllocatedDeviceStatus) -> DeviceId<'_> {
    let share = device.share_id.as_deref().unwrap_or_default();
    [&device.driver, &device.pool, &device.device, share]
}

fn validate_device(device: &AllocatedDeviceStatus, allocated: &HashSet<DeviceId<'_>>, path: &Path<'_>) -> ErrorList {
    let mut errors = common::driver_name(&path.child("driver"), &device.driver);
    errors.append(names::validate_pool(&device.pool, &path.child("pool")));
    errors.append(names::validate_label(&device.device, &path.child("device")));
    if let Some(share) = &device.share_id {
        errors.append(names::validate_uid(share, &path.child("shareID")));
    }
    let id = device_id(device);
    if !allocated.contains(&id) {
        errors.push(Error::invalid(
            path,
            show_id(id),
            "must be an allocated device in the claim",
        ));
    }
    let conditions = path.child("conditions");
    if device.conditions.len() > MAX_CONDITIONS {
        errors.push(Error::too_many(&conditions, device.conditions.len(), MAX_CONDITIONS));
    }
    errors.append(validate_conditions(&device.conditions, &conditions));
    if let Some(data) = device.data.as_ref().filter(|data| !data.as_bytes().is_empty()) {
        errors.append(validate_raw(Some(data), MAX_DATA, &path.child("data")));
    }
    if let Some(data) = &device.network_data {
        errors.append(validate_network(data, &path.child("networkData")));
    }
    errors
}

fn validate_network(data: &NetworkDeviceData, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, value, most) in [
        ("interfaceName", &data.interface_name, MAX_INTERFACE_NAME),
        ("hardwareAddress", &data.hardware_address, MAX_HARDWARE_ADDRESS),
    ] {
        if value.len() > most {
            errors.push(Error::too_long(&path.child(name), most));
        }
    }
    let address = |address: &String, path: &Path<'_>| formats::validate_interface_address(path, address);
    errors.append(set::validate_named(
        &data.ips,
        MAX_ADDRESSES,
        &path.child("ips"),
        address,
        |address| address,
    ));
    errors
}

fn validate_allocation(allocation: &AllocationResult, names: &RequestNames<'_>, path: &Path<'_>) -> ErrorList {
    let devices = path.child("devices");
    let mut errors = set::validate_list(
        &allocation.devices.results,
        MAX_REQUESTS,
        &devices.child("results"),
        |result, path| validate_result(result, names, path),
    );
    let config = devices.child("config");
    // Those of the class and those of the claim.
    errors.append(set::validate_list(
        &allocation.devices.config,
        2 * MAX_CONFIG,
        &config,
        |config, path| {
            let source = path.child("source");
            let mut errors: ErrorList = if config.source.is_empty() {
                Error::required(&source, "").into()
            } else {
                common::one_of(&source, &config.source, &["FromClaim", "FromClass"])
                    .into_iter()
                    .collect()
            };
            errors.append(names.validate_list(&config.requests, &path.child("requests")));
            errors.append(validate_configuration(config.opaque.as_deref(), false, path));
            errors
        },
    ));
    if let Some(selector) = &allocation.node_selector {
        errors.append(common::node_selector(selector, &path.child("nodeSelector")));
    }
    errors
}

fn validate_result(result: &DeviceRequestAllocationResult, names: &RequestNames<'_>, path: &Path<'_>) -> ErrorList {
    let mut errors = names.validate(&result.request, &path.child("request"));
    errors.append(common::driver_name(&path.child("driver"), &result.driver));
    errors.append(names::validate_pool(&result.pool, &path.child("pool")));
    errors.append(names::validate_label(&result.device, &path.child("device")));
    let (wait, fail) = (&result.binding_conditions, &result.binding_failure_conditions);
    errors.append(taints::validate_binding_conditions(wait, fail, path));
    if let Some(share) = &result.share_id {
        errors.append(names::validate_uid(share, &path.child("shareID")));
    }
    errors
}
