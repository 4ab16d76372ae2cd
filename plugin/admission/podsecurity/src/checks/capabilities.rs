//! Linux capabilities.

use k8s_api::{core::v1::PodSpec, meta::v1::ObjectMeta};

use super::{Values, Violation, failing, named, quoted};

/// What container runtimes give anyway.
const DEFAULT: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The containers that add capabilities other than the allowed ones, and those capabilities.
fn adding<'s>(spec: &'s PodSpec, allowed: &[&str]) -> (Vec<&'s str>, Values<'s>) {
    let mut values = Values::new();
    let names = failing(spec, |container| {
        let capabilities = container.security.and_then(|security| security.capabilities.as_ref());
        let added = capabilities.into_iter().flat_map(|capabilities| &capabilities.add);
        let forbidden: Vec<&str> = added
            .map(String::as_str)
            .filter(|name| !allowed.contains(name))
            .collect();
        values.extend(&forbidden);
        !forbidden.is_empty()
    });
    (names, values)
}

/// Capabilities beyond the default set are added.
pub(super) fn beyond_default(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let (names, values) = adding(spec, &DEFAULT);
    (!names.is_empty()).then(|| Violation {
        reason: "non-default capabilities",
        detail: format!(
            "{} must not include {} in securityContext.capabilities.add",
            named(&names),
            quoted(values)
        ),
    })
}

/// Not all capabilities are dropped, or others than one are added.
pub(super) fn not_dropped(_: &ObjectMeta, spec: &PodSpec) -> Option<Violation> {
    let keeping = failing(spec, |container| {
        let capabilities = container.security.and_then(|security| security.capabilities.as_ref());
        !capabilities.is_some_and(|capabilities| capabilities.drop.iter().any(|name| name == "ALL"))
    });
    let (names, values) = adding(spec, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!(
            r#"{} must set securityContext.capabilities.drop=["ALL"]"#,
            named(&keeping)
        ));
    }
    if !names.is_empty() {
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            named(&names),
            quoted(values)
        ));
    }
    (!details.is_empty()).then(|| Violation {
        reason: "unrestricted capabilities",
        detail: details.join("; "),
    })
}
