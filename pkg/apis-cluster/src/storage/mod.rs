//! `storage.k8s.io`: classes of volumes, the drivers behind them, and attachments.

pub mod csi_driver;
pub mod csi_node;
pub mod csi_storage_capacity;
pub mod storage_class;
#[cfg(test)]
mod tests;
pub mod volume_attachment;
pub mod volume_attributes_class;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::Map;

use crate::common;

const MAX_PARAMETERS: usize = 512;
const MAX_PARAMETERS_SIZE: usize = 256 << 10;

/// The name of a provisioner or driver, in any case.
fn validate_provisioner(path: &Path<'_>, name: &str) -> ErrorList {
    if name.is_empty() {
        return Error::required(path, "").into();
    }
    common::qualified_name(path, &name.to_lowercase())
}

fn size(map: &Map<String>) -> usize {
    map.iter().map(|(key, value)| key.len() + value.len()).sum()
}

fn validate_parameters(path: &Path<'_>, parameters: &Map<String>, allow_empty: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    if parameters.len() > MAX_PARAMETERS {
        errors.push(Error::too_long(path, MAX_PARAMETERS));
        return errors;
    }
    if parameters.contains_key("") {
        errors.push(Error::invalid(path, "", "field can not be empty."));
    }
    if size(parameters) > MAX_PARAMETERS_SIZE {
        errors.push(Error::too_long(path, MAX_PARAMETERS_SIZE));
    }
    if !allow_empty && parameters.is_empty() {
        errors.push(Error::required(path, "must contain at least one key/value pair"));
    }
    errors
}
