//! What pods may not have where privileged containers are not allowed.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::PodSpec;

use crate::pod::for_each_container;

/// Refuses privileged containers and containers that are processes of a Windows host.
///
/// Pods are checked on the way ([`PodValidationOptions::allow_privileged`](crate::pod::PodValidationOptions)); this is
/// for templates, whose rules do not know the server's flags.
#[must_use]
pub fn validate_unprivileged(spec: &PodSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let of_pod = spec.security_context.as_deref();
    let host_process = of_pod.and_then(|context| context.windows_options.as_deref()?.host_process);
    let mut host = false;
    for_each_container(spec, path, |container, _, path| {
        let context = container.security_context.as_deref();
        if context.is_some_and(|context| context.privileged == Some(true)) {
            let path = path.child("securityContext.privileged");
            errors.push(Error::forbidden(&path, "disallowed by cluster policy"));
        }
        let own = context.and_then(|context| context.windows_options.as_deref()?.host_process);
        host |= own.or(host_process) == Some(true);
    });
    if host {
        let detail = "hostProcess containers are disallowed by cluster policy";
        errors.push(Error::forbidden(path, detail));
    }
    errors
}

#[cfg(test)]
mod tests {
    use apimachinery::field::Path;
    use k8s_api::{Kind as _, core::v1::Pod};
    use serde_json::{Value, json};

    use super::validate_unprivileged;

    fn errors(spec: Value) -> String {
        let pod = Pod::from_value(json!({"spec": spec})).expect("a pod");
        validate_unprivileged(&pod.spec, &Path::new("spec.template.spec")).to_string()
    }

    #[test]
    fn privileges_are_refused() {
        let plain = json!({"containers": [{"name": "a", "securityContext": {"privileged": false}}]});
        assert_eq!(errors(plain), "");
        let init = json!({"initContainers": [{"name": "a", "securityContext": {"privileged": true}}]});
        assert_eq!(
            errors(init),
            "spec.template.spec.initContainers[0].securityContext.privileged: Forbidden: disallowed by cluster policy"
        );
        let host = json!({"securityContext": {"windowsOptions": {"hostProcess": true}}, "containers": [{"name": "a"}]});
        assert_eq!(
            errors(host),
            "spec.template.spec: Forbidden: hostProcess containers are disallowed by cluster policy"
        );
    }
}
