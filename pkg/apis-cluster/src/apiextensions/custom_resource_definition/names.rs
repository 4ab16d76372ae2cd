//! Names, printer columns, subresources.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinitionNames, CustomResourceSubresources,
};

const COLUMN_TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const COLUMN_FORMATS: [&str; 8] = [
    "byte",
    "date",
    "date-time",
    "double",
    "float",
    "int32",
    "int64",
    "password",
];

/// One error for all that is wrong with a label.
pub(super) fn label_fault(path: &Path<'_>, shown: &str, label: &str, intro: &str) -> Option<Error> {
    let messages = names::dns1035_label(label);
    (!messages.is_empty()).then(|| Error::invalid(path, shown, format!("{intro}{}", messages.join(","))))
}

/// The forms of names; whether they are there is asked of the spec only.
pub(super) fn validate_names(values: &CustomResourceDefinitionNames, path: &Path<'_>) -> ErrorList {
    let mixed = "may have mixed case, but should otherwise match: ";
    let mut errors = ErrorList::new();
    for (name, value, intro) in [
        ("plural", &values.plural, ""),
        ("singular", &values.singular, ""),
        ("kind", &values.kind, mixed),
        ("listKind", &values.list_kind, mixed),
    ] {
        if value.is_empty() {
            continue;
        }
        let label = if intro.is_empty() {
            value.clone()
        } else {
            value.to_lowercase()
        };
        errors.extend(label_fault(&path.child(name), value, &label, intro));
    }
    let short_names = path.child("shortNames");
    for (at, name) in values.short_names.iter().enumerate() {
        errors.extend(label_fault(&short_names.index(at), name, name, ""));
    }
    if !values.kind.is_empty() && values.kind == values.list_kind {
        let detail = "kind and listKind may not be the same";
        errors.push(Error::invalid(&path.child("listKind"), &values.list_kind, detail));
    }
    let categories = path.child("categories");
    for (at, category) in values.categories.iter().enumerate() {
        errors.extend(label_fault(&categories.index(at), category, category, ""));
    }
    errors
}

pub(super) fn validate_columns(columns: &[CustomResourceColumnDefinition], path: &Path<'_>) -> ErrorList {
    let list = path.child("additionalPrinterColumns");
    let mut errors = ErrorList::new();
    for (at, column) in columns.iter().enumerate() {
        let path = list.index(at);
        if column.name.is_empty() {
            errors.push(Error::required(&path.child("name"), ""));
        }
        let types = format!("must be one of {}", COLUMN_TYPES.join(","));
        let type_ = path.child("type");
        match column.type_.as_str() {
            "" => errors.push(Error::required(&type_, types)),
            known if COLUMN_TYPES.contains(&known) => {}
            other => errors.push(Error::invalid(&type_, other, types)),
        }
        if !column.format.is_empty() && !COLUMN_FORMATS.contains(&column.format.as_str()) {
            let detail = format!("must be one of {}", COLUMN_FORMATS.join(","));
            errors.push(Error::invalid(&path.child("format"), &column.format, detail));
        }
        let json_path = path.child("JSONPath");
        if column.json_path.is_empty() {
            errors.push(Error::required(&json_path, ""));
        } else {
            errors.extend(simple_path_fault(&column.json_path, &json_path));
        }
    }
    errors
}

fn simple_path_fault(text: &str, path: &Path<'_>) -> Option<Error> {
    (!text.starts_with('.')).then(|| Error::invalid(path, text, "must be a simple json path starting with ."))
}

pub(super) fn validate_subresources(subresources: &CustomResourceSubresources, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let Some(scale) = &subresources.scale else {
        return errors;
    };
    let path = path.child("scale");
    for (name, value, under) in [
        ("specReplicasPath", &scale.spec_replicas_path, ".spec."),
        ("statusReplicasPath", &scale.status_replicas_path, ".status."),
    ] {
        let path = path.child(name);
        if value.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if let Some(fault) = simple_path_fault(value, &path) {
            errors.push(fault);
        } else if !value.starts_with(under) {
            let under = under.trim_end_matches('.');
            errors.push(Error::invalid(
                &path,
                value,
                format!("should be a json path under {under}"),
            ));
        }
    }
    if let Some(value) = scale.label_selector_path.as_ref().filter(|value| !value.is_empty()) {
        let path = path.child("labelSelectorPath");
        if let Some(fault) = simple_path_fault(value, &path) {
            errors.push(fault);
        } else if !value.starts_with(".spec.") && !value.starts_with(".status.") {
            let detail = "should be a json path under either .spec or .status";
            errors.push(Error::invalid(&path, value, detail));
        }
    }
    errors
}
