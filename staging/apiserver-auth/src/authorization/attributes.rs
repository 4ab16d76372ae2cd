//! What a request wants, in the terms of authorization.

use apimachinery::{
    field::Path,
    names,
    selectors::{FieldRequirement, FieldSelector, Requirement, Selector},
};

use crate::user::UserInfo;

/// What a request wants. Borrowed from the request, so that asking costs no copies.
///
/// Everything but the user comes from the one parse of the request's path and query.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Who asks.
    pub user: &'a UserInfo,
    /// API verb, or the lower-case HTTP method for paths.
    pub verb: &'a str,
    /// Whether a resource is asked for, and not a path.
    pub is_resource: bool,
    /// API group; empty for the core group.
    pub api_group: &'a str,
    /// API version; `*` for any.
    pub api_version: &'a str,
    /// Plural resource name.
    pub resource: &'a str,
    /// Subresource; empty for none.
    pub subresource: &'a str,
    /// Namespace; empty for cluster-scoped resources and across namespaces.
    pub namespace: &'a str,
    /// Object name; empty for collections, and where a create leaves it open.
    pub name: &'a str,
    /// The decoded path.
    pub path: &'a str,
    /// Requirements of the field selector of list, watch and deletecollection.
    pub field_requirements: Vec<FieldRequirement>,
    /// Why the field selector could not be read; then there are no requirements.
    pub field_selector_error: Option<String>,
    /// Requirements of the label selector of list, watch and deletecollection.
    pub label_requirements: Vec<Requirement>,
    /// Why the label selector could not be read; then there are no requirements.
    pub label_selector_error: Option<String>,
}

impl<'a> Attributes<'a> {
    /// A path that is no resource.
    #[must_use]
    pub fn non_resource(user: &'a UserInfo, verb: &'a str, path: &'a str) -> Self {
        Self {
            is_resource: false,
            path,
            ..Self::resource(user, verb, "", "", "")
        }
    }

    /// A collection in all namespaces or of cluster-scoped objects; set further fields as needed.
    #[must_use]
    pub fn resource(
        user: &'a UserInfo,
        verb: &'a str,
        api_group: &'a str,
        api_version: &'a str,
        resource: &'a str,
    ) -> Self {
        Self {
            user,
            verb,
            is_resource: true,
            api_group,
            api_version,
            resource,
            subresource: "",
            namespace: "",
            name: "",
            path: "",
            field_requirements: Vec::new(),
            field_selector_error: None,
            label_requirements: Vec::new(),
            label_selector_error: None,
        }
    }

    /// Reads the raw selectors of the request; what cannot be read counts as absent, with its error.
    #[must_use]
    pub fn with_selectors(mut self, field_selector: &str, label_selector: &str) -> Self {
        if !field_selector.is_empty() {
            match field_selector.parse::<FieldSelector>() {
                Ok(selector) => self.field_requirements = selector.requirements().to_vec(),
                Err(error) => self.field_selector_error = Some(error.to_string()),
            }
        }
        if !label_selector.is_empty() {
            match Selector::parse(label_selector, &Path::NIL) {
                Ok(selector) => self.label_requirements = selector.requirements().unwrap_or_default().to_vec(),
                Err(error) => self.label_selector_error = Some(error.to_string()),
            }
        }
        self
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    /// Whether the field selector pins `field` to `value`.
    #[must_use]
    pub fn selects_field(&self, field: &str, value: &str) -> bool {
        self.field_requirements
            .iter()
            .any(|r| !r.negated && r.field == field && r.value == value)
    }

    /// `resource` or `resource/subresource`, allocating only where there is one.
    pub(crate) fn resource_path(&self) -> std::borrow::Cow<'a, str> {
        if self.subresource.is_empty() {
            self.resource.into()
        } else {
            format!("{}/{}", self.resource, self.subresource).into()
        }
    }
}

/// The object to which a field selector narrows a list or watch, if it does: the value that
/// `metadata.name` must have, provided it can be a name. The selector is read by its grammar, so that
/// an escaped comma inside another value does not pass for the end of a requirement.
#[must_use]
pub fn exact_name(field_selector: &str) -> Option<String> {
    let selector: FieldSelector = field_selector.parse().ok()?;
    let name = selector.exact_match("metadata.name")?;
    (!name.is_empty() && names::path_segment_name(name).is_empty()).then(|| name.to_owned())
}
