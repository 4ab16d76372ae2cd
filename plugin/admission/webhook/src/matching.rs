//! Whether a webhook is asked about a request, and in which form.

use std::sync::Arc;

use apimachinery::{
    selectors::Selector,
    status::{GroupResource, StatusError},
};
use apiserver::{
    admission::{Attributes, GroupVersionName, Lookup, Operation, StoreDirectory},
    registry::{AnyObject, VersionCodec},
};
use k8s_api::{admissionregistration::v1::RuleWithOperations, core::v1::Namespace};

use crate::hook::Hook;

/// In which form a webhook is shown a request.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// The resource that its rule names.
    pub(crate) resource: GroupVersionName,
    /// The kind of the objects.
    pub(crate) kind: GroupVersionName,
    /// The codec of that kind; `None` for the request's own.
    codec: Option<Arc<dyn VersionCodec>>,
}

impl Invocation {
    /// The codec of the objects; `None` where they are what they are.
    pub(crate) fn codec<'c>(&'c self, attributes: &Attributes<'c>) -> Option<&'c dyn VersionCodec> {
        self.codec.as_deref().or(attributes.codec)
    }

    /// The text of an object in this form.
    pub(crate) fn encode(&self, attributes: &Attributes<'_>, object: &dyn AnyObject) -> Vec<u8> {
        match self.codec(attributes) {
            Some(codec) => codec.encode_json(object),
            None => object.to_json(),
        }
    }
}

fn listed(items: &[String], wanted: &str) -> bool {
    items.iter().any(|item| item == "*" || item == wanted)
}

fn in_scope(scope: Option<&str>, attributes: &Attributes<'_>) -> bool {
    // A namespace is in no namespace, whatever the request says.
    let resource = attributes.resource;
    let is_namespace = resource.group.is_empty() && resource.name == "namespaces";
    let namespaced = !is_namespace && !attributes.namespace.is_empty();
    match scope {
        None | Some("*") => true,
        Some("Namespaced") => namespaced,
        Some("Cluster") => !namespaced,
        Some(_) => false,
    }
}

/// Whether a rule is about this request, seen as one for `resource`.
pub(crate) fn rule_matches(
    rule: &RuleWithOperations,
    attributes: &Attributes<'_>,
    resource: &GroupVersionName,
) -> bool {
    let names_resource = |text: &String| {
        let (name, below) = text.split_once('/').unwrap_or((text, ""));
        (name == "*" || name == resource.name) && (below == "*" || below == attributes.subresource)
    };
    in_scope(rule.scope.as_deref(), attributes)
        && listed(&rule.operations, attributes.operation.as_str())
        && listed(&rule.api_groups, &resource.group)
        && listed(&rule.api_versions, &resource.version)
        && rule.resources.iter().any(names_resource)
}

/// Finds out what webhooks are asked.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    pub(crate) directory: Arc<StoreDirectory>,
    pub(crate) namespaces: Arc<dyn Lookup<Namespace>>,
}

impl Matcher {
    /// How the webhook is asked about the request; `None` if it is not.
    pub(crate) async fn invocation(
        &self,
        hook: &Hook,
        attributes: &Attributes<'_>,
        object: Option<&dyn AnyObject>,
    ) -> Result<Option<Invocation>, StatusError> {
        let Some(invocation) = self.by_rules(hook, attributes) else {
            return Ok(None);
        };
        // What does not concern the webhook must not fail because of it, so the rules come first; then upstream's order.
        if !self.namespace_matches(hook, attributes, object).await? || !object_matches(hook, attributes, object)? {
            return Ok(None);
        }
        if !hook.has_conditions {
            return Ok(Some(invocation));
        }
        let reason = "matchConditions of webhooks need CEL, which this server does not evaluate";
        tracing::warn!(
            webhook = hook.name,
            reason,
            fails_open = hook.fails_open,
            "failed evaluating match conditions"
        );
        if hook.fails_open {
            return Ok(None);
        }
        Err(StatusError::forbidden(
            attributes.group_resource(),
            attributes.name,
            reason,
        ))
    }

    fn by_rules(&self, hook: &Hook, attributes: &Attributes<'_>) -> Option<Invocation> {
        let resource = attributes.resource;
        if hook.rules.iter().any(|rule| rule_matches(rule, attributes, resource)) {
            return Some(Invocation {
                resource: resource.clone(),
                kind: attributes.kind.clone(),
                codec: None,
            });
        }
        if !hook.equivalent {
            return None;
        }
        let others = self.directory.equivalents(resource, attributes.subresource);
        // An earlier rule goes before an earlier name.
        let found = hook.rules.iter().find_map(|rule| {
            let mut others = others.iter();
            others.find(|other| rule_matches(rule, attributes, &other.resource))
        })?;
        Some(Invocation {
            resource: found.resource.clone(),
            kind: found.kind.clone(),
            codec: Some(found.codec.clone()),
        })
    }

    async fn namespace_matches(
        &self,
        hook: &Hook,
        attributes: &Attributes<'_>,
        object: Option<&dyn AnyObject>,
    ) -> Result<bool, StatusError> {
        let is_namespaces = attributes.resource.name == "namespaces";
        if attributes.namespace.is_empty() && !is_namespaces {
            return Ok(true);
        }
        let selector = usable(&hook.namespaces)?;
        if selector.is_everything() {
            return Ok(true);
        }
        let writes = matches!(attributes.operation, Operation::Create | Operation::Update);
        match object {
            // The cache does not have yet what is being written.
            Some(object) if is_namespaces && attributes.subresource.is_empty() && writes => {
                Ok(selector.matches(&object.metadata().labels))
            }
            _ => {
                let name = attributes.namespace;
                let found = self.namespaces.find("", name).await?;
                let found = found.ok_or_else(|| StatusError::not_found(GroupResource::new("", "namespaces"), name))?;
                Ok(selector.matches(&found.metadata.labels))
            }
        }
    }
}

fn usable(selector: &Result<Selector, String>) -> Result<&Selector, StatusError> {
    selector.as_ref().map_err(StatusError::internal_error)
}

fn object_matches(
    hook: &Hook,
    attributes: &Attributes<'_>,
    object: Option<&dyn AnyObject>,
) -> Result<bool, StatusError> {
    let selector = usable(&hook.objects)?;
    let matches =
        |object: Option<&dyn AnyObject>| object.is_some_and(|object| selector.matches(&object.metadata().labels));
    Ok(selector.is_everything() || matches(object) || matches(attributes.old))
}
