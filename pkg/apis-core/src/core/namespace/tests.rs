//! Labels, finalizers and phases of namespaces.

use k8s_api::{core::v1::Namespace, primitives::Time};

use super::{NAME_LABEL, set_defaults, validate, validate_finalize_update, validate_status_update};

fn namespace() -> Namespace {
    let mut namespace = Namespace::default();
    namespace.metadata.name = "demo".into();
    namespace.metadata.resource_version = "1".into();
    set_defaults(&mut namespace);
    namespace
}

#[test]
fn defaults() {
    let named = namespace();
    assert_eq!(named.metadata.labels.get(NAME_LABEL).map(String::as_str), Some("demo"));
    assert_eq!(named.status.phase, "Active");
    let mut unnamed = Namespace::default();
    set_defaults(&mut unnamed);
    assert!(unnamed.metadata.labels.is_empty());
}

#[test]
fn finalizers() {
    let mut new = namespace();
    new.spec.finalizers = vec!["kubernetes".into(), "example.com/x".into(), "own".into()];
    let detail = r#"Invalid value: "own": name is neither a standard finalizer name nor is it fully qualified"#;
    assert_eq!(validate(&new).to_string(), format!("spec.finalizers: {detail}"));
    assert_eq!(
        validate_finalize_update(&new, &namespace()).to_string(),
        format!("spec.finalizers[2]: {detail}")
    );
}

#[test]
fn the_phase_follows_from_deletion() {
    let mut new = namespace();
    assert_eq!(validate_status_update(&new, &namespace()).to_string(), "");
    new.status.phase = "Terminating".into();
    assert_eq!(
        validate_status_update(&new, &namespace()).to_string(),
        r#"status.Phase: Invalid value: "Terminating": may only be 'Active' if `deletionTimestamp` is empty"#
    );
    new.metadata.deletion_timestamp = Some(Time::from_unix(1, 0));
    assert_eq!(validate_status_update(&new, &new.clone()).to_string(), "");
    new.status.phase = "Active".into();
    assert_eq!(
        validate_status_update(&new, &new.clone()).to_string(),
        r#"status.Phase: Invalid value: "Active": may only be 'Terminating' if `deletionTimestamp` is not empty"#
    );
}
