//! The paths of an ingress.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::rules::named;
use k8s_api::networking::v1::HTTPIngressPath;

use super::{backend, validation::Options};

/// What would be read as another path, encoded slashes among them.
const INVALID_SEQUENCES: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const INVALID_SUFFIXES: [&str; 2] = ["/..", "/."];
const TYPES: [&str; 3] = ["Exact", "ImplementationSpecific", "Prefix"];

pub(super) fn validate(one: &HTTPIngressPath, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let Some(type_) = one.path_type.as_deref() else {
        errors.push(Error::required(&path.child("pathType"), "pathType must be specified"));
        return;
    };
    let value = &one.path;
    let value_path = path.child("path");
    let mut refuse = |detail: String| errors.push(Error::invalid(&value_path, value, detail));
    match type_ {
        "Exact" | "Prefix" => {
            if !value.starts_with('/') {
                refuse("must be an absolute path".into());
            }
            for sequence in INVALID_SEQUENCES.iter().filter(|sequence| value.contains(**sequence)) {
                refuse(format!("must not contain '{sequence}'"));
            }
            for suffix in INVALID_SUFFIXES.iter().filter(|suffix| value.ends_with(**suffix)) {
                refuse(format!("cannot end with '{suffix}'"));
            }
        }
        "ImplementationSpecific" => {
            if !value.is_empty() && !value.starts_with('/') {
                refuse("must be an absolute path".into());
            }
        }
        _ => errors.push(Error::not_supported(&path.child("pathType"), named(type_), &TYPES)),
    }
    backend::validate(&one.backend, options, &path.child("backend"), errors);
}
