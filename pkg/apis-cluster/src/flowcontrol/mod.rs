//! `flowcontrol.apiserver.k8s.io`: which requests share which part of the server's concurrency.
//!
//! The objects named `exempt` and `catch-all` must always be there and as they are.

pub mod flow_schema;
pub mod priority_level;
#[cfg(test)]
mod tests;

use apimachinery::field::{Error, ErrorList, Path};

/// Every condition has a type, and no two the same.
fn validate_condition_types<'a>(types: impl Iterator<Item = &'a String>) -> ErrorList {
    let path = Path::new("status.conditions");
    let mut errors = ErrorList::new();
    let mut seen = std::collections::HashSet::new();
    for (at, type_) in types.enumerate() {
        let item = path.index(at);
        let path = item.child("type");
        if !seen.insert(type_) {
            errors.push(Error::duplicate(&path, type_));
        }
        if type_.is_empty() {
            errors.push(Error::required(&path, ""));
        }
    }
    errors
}
