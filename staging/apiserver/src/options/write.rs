//! Options of writes.

use apimachinery::{
    field::{Error, ErrorList, Path},
    status::{GroupResource, StatusError},
};
use k8s_api::meta::v1::{DeleteOptions, Preconditions};

use super::Query;
use crate::admission::WriteOptions;

const META: &str = "meta.k8s.io";
const LONGEST_FIELD_MANAGER: usize = 128;

/// What happens to unknown and duplicate fields in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// They are dropped.
    Ignore,
    /// They are dropped and the client is told; the default.
    Warn,
    /// The request fails.
    Strict,
}

impl FieldValidation {
    /// The directive in `fieldValidation`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "Ignore" => Self::Ignore,
            "Strict" => Self::Strict,
            _ => Self::Warn,
        }
    }
}

/// The kinds of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/apply-patch+yaml`
    Apply,
}

impl PatchType {
    /// The patch type of a media type.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// Decodes and validates the options of a create, update (`patch` is `None`) or patch.
///
/// # Errors
/// `Invalid` under the name of the options' kind.
pub fn write_options(query: &Query, kind: &str, patch: Option<PatchType>) -> Result<WriteOptions, StatusError> {
    let dry_run: Vec<&str> = query.all("dryRun").collect();
    let options = WriteOptions {
        dry_run: !dry_run.is_empty(),
        field_manager: query.text("fieldManager"),
        field_validation: query.text("fieldValidation"),
        force: query.boolean("force"),
        delete: None,
    };
    let mut errors = ErrorList::default();
    match patch {
        Some(PatchType::Apply) if options.field_manager.is_empty() => {
            errors.push(Error::required(
                &Path::new("fieldManager"),
                "is required for apply patch",
            ));
        }
        Some(PatchType::Json | PatchType::Merge | PatchType::Strategic) if options.force.is_some() => {
            errors.push(Error::forbidden(
                &Path::new("force"),
                "may not be specified for non-apply patch",
            ));
        }
        _ => {}
    }
    validate_field_manager(&options.field_manager, &mut errors);
    validate_dry_run(&dry_run, &mut errors);
    let validation = options.field_validation.as_str();
    if !matches!(validation, "" | "Ignore" | "Warn" | "Strict") {
        let path = Path::new("fieldValidation");
        errors.push(Error::not_supported(
            &path,
            validation,
            &["", "Ignore", "Strict", "Warn"],
        ));
    }
    if errors.is_empty() {
        Ok(options)
    } else {
        Err(StatusError::invalid(GroupResource::new(META, kind), "", &errors))
    }
}

fn validate_field_manager(manager: &str, errors: &mut ErrorList) {
    let path = Path::new("fieldManager");
    if manager.len() > LONGEST_FIELD_MANAGER {
        errors.push(Error::too_long(&path, LONGEST_FIELD_MANAGER));
    }
    for (position, c) in manager.char_indices().filter(|(_, c)| c.is_control()) {
        let detail = format!("invalid character U+{:04X} (at position {position})", u32::from(c));
        errors.push(Error::invalid(&path, manager, detail));
    }
}

fn validate_dry_run(dry_run: &[&str], errors: &mut ErrorList) {
    if dry_run.iter().any(|value| *value != "All") {
        let shown = apimachinery::field::BadValue::json(&dry_run);
        errors.push(Error::not_supported(&Path::new("dryRun"), shown, &["All"]));
    }
}

/// Decodes delete options from a query, where a request has no body.
///
/// # Errors
/// `BadRequest` for what cannot be decoded.
pub fn decode_delete_options(query: &Query) -> Result<DeleteOptions, StatusError> {
    let uid = query.get("preconditions.uid").or_else(|| query.get("uid"));
    let preconditions = uid.map(|uid| {
        Box::new(Preconditions {
            uid: Some(uid.to_owned()),
            ..Preconditions::default()
        })
    });
    Ok(DeleteOptions {
        grace_period_seconds: query.integer("gracePeriodSeconds")?,
        orphan_dependents: query.boolean("orphanDependents"),
        propagation_policy: query.get("propagationPolicy").map(str::to_owned),
        dry_run: query.all("dryRun").map(str::to_owned).collect(),
        preconditions,
        ..DeleteOptions::default()
    })
}

/// Judges delete options.
///
/// # Errors
/// `Invalid`.
pub fn validate_delete_options(options: &DeleteOptions) -> Result<(), StatusError> {
    let mut errors = ErrorList::default();
    let path = Path::new("propagationPolicy");
    if let Some(policy) = options.propagation_policy.as_deref() {
        if options.orphan_dependents.is_some() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(Error::invalid(&path, policy, detail));
        }
        if !matches!(policy, "Foreground" | "Background" | "Orphan") {
            errors.push(Error::not_supported(
                &path,
                policy,
                &["Foreground", "Background", "Orphan", "nil"],
            ));
        }
    }
    let dry_run: Vec<&str> = options.dry_run.iter().map(String::as_str).collect();
    validate_dry_run(&dry_run, &mut errors);
    if errors.is_empty() {
        return Ok(());
    }
    Err(StatusError::invalid(
        GroupResource::new(META, "DeleteOptions"),
        "",
        &errors,
    ))
}
