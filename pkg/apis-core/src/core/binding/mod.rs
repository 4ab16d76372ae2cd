//! Bindings of pods to nodes.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::Binding;

use crate::go_value::named;

/// Checks what a pod is to be bound to.
#[must_use]
pub fn validate(binding: &Binding) -> ErrorList {
    let mut errors = ErrorList::new();
    let target = Path::new("target");
    if !matches!(binding.target.kind.as_str(), "" | "Node") {
        let supported = ["Node", "<empty>"];
        errors.push(Error::not_supported(
            &target.child("kind"),
            named(&binding.target.kind),
            &supported,
        ));
    }
    if binding.target.name.is_empty() {
        errors.push(Error::required(&target.child("name"), ""));
    }
    errors
}

#[cfg(test)]
mod tests {
    use k8s_api::core::v1::{Binding, ObjectReference};

    use super::validate;

    #[test]
    fn only_nodes_can_be_bound_to() {
        let mut binding = Binding {
            target: ObjectReference {
                kind: "Pod".into(),
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(
            validate(&binding).to_string(),
            r#"[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]"#
        );
        binding.target = ObjectReference {
            name: "n1".into(),
            ..Default::default()
        };
        assert_eq!(validate(&binding).to_string(), "");
    }
}
