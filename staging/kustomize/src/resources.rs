//! [`Resources`]: the resources of a kustomization, in order, each known by something else.

use crate::Result;
use crate::error::refuse;
use crate::id::{NO_NAMESPACE, ResId};
use crate::resource::{Behavior, Resource};
use crate::selector::Selector;

/// Resources in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resources(pub(crate) Vec<Resource>);

impl Resources {
    /// Adds one.
    ///
    /// # Errors
    /// There is one of that name.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<()> {
        let id = resource.id();
        if self.0.iter().any(|known| known.id().is_same(&id)) {
            return Err(refuse!("may not add resource with an already registered id: {id}"));
        }
        self.0.push(resource);
        Ok(())
    }

    /// Adds several.
    ///
    /// # Errors
    /// There is one of some name.
    pub(crate) fn append_all(&mut self, resources: impl IntoIterator<Item = Resource>) -> Result<()> {
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// The places of resources that are or were known by an id of which `matches` holds.
    pub(crate) fn by_any_id(&self, matches: impl Fn(&ResId) -> bool) -> Vec<usize> {
        let has = |resource: &Resource| resource.previous_ids().any(|id| matches(&id)) || matches(&resource.id());
        let found = self.0.iter().enumerate().filter(|(_, resource)| has(resource));
        found.map(|(at, _)| at).collect()
    }

    /// The one resource that is or was known by the id.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(crate) fn one(&self, id: &ResId) -> Result<usize> {
        let found = self.by_any_id(|known| known.is_same(id));
        let what = match found[..] {
            [one] => return Ok(one),
            [] => "no",
            _ => "multiple",
        };
        Err(refuse!(
            "{what} matches for Id {id}; failed to find unique target for patch {id}"
        ))
    }

    /// Adds a generated resource, or does with the one that is there what the generator wants.
    ///
    /// # Errors
    /// What the generator wants cannot be done.
    pub(crate) fn absorb(&mut self, mut resource: Resource) -> Result<()> {
        let id = resource.id();
        match self.by_any_id(|known| known.is_same(&id))[..] {
            [] => match resource.behavior {
                Behavior::Merge | Behavior::Replace => {
                    Err(refuse!("id {} does not exist; cannot merge or replace", id.go_syntax()))
                }
                Behavior::Create | Behavior::Unspecified => self.append(resource),
            },
            [at] => {
                let old = &self.0[at];
                match resource.behavior {
                    Behavior::Replace => resource.merge_metadata(old),
                    Behavior::Merge => {
                        resource.merge_metadata(old);
                        resource.merge_data(old, "data");
                        resource.merge_data(old, "binaryData");
                        if old.origin.is_some() {
                            resource.origin.clone_from(&old.origin);
                        }
                    }
                    behavior => {
                        return Err(refuse!(
                            "id {} exists; can not use behavior: '{}', behavior must be merge or replace",
                            id.go_syntax(),
                            behavior.text()
                        ));
                    }
                }
                self.0[at] = resource;
                Ok(())
            }
            _ => Err(refuse!("found multiple objects that could accept merge of {id}")),
        }
    }

    /// The places of the resources that a selector means.
    ///
    /// # Errors
    /// The selector makes no sense.
    pub(crate) fn select(&self, selector: &Selector) -> Result<Vec<usize>> {
        let matcher = selector.matcher()?;
        let found = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, resource)| matcher.selects(resource));
        Ok(found.map(|(at, _)| at).collect())
    }

    /// Applies a strategic merge patch to the resources at these places; those that it deletes are gone.
    ///
    /// # Errors
    /// The patch does not fit, or gives two resources one name.
    pub(crate) fn patch(&mut self, places: &[usize], patch: &Resource, by_selector: bool) -> Result<()> {
        let mut kept = Vec::with_capacity(self.0.len());
        for (at, mut resource) in std::mem::take(&mut self.0).into_iter().enumerate() {
            if places.contains(&at) {
                let mut patch = patch.clone();
                if by_selector {
                    patch.object["apiVersion"] = resource.object["apiVersion"].clone();
                }
                if !resource.apply_patch(&patch)? {
                    continue;
                }
            }
            kept.push(resource);
        }
        kept.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// The places of the resources that one may name: those of its own place, and those of none.
    pub(crate) fn within_reach(&self, referrer: &Resource) -> Vec<usize> {
        let own = referrer.id();
        let own = own.effective_namespace();
        if own == NO_NAMESPACE {
            return (0..self.0.len()).collect();
        }
        let accounts = account_namespaces(referrer);
        let reaches = |resource: &Resource| {
            let id = resource.id();
            let place = id.effective_namespace();
            place == NO_NAMESPACE || place == own || accounts.iter().any(|name| name == resource.metadata("namespace"))
        };
        let found = self.0.iter().enumerate().filter(|(_, resource)| reaches(resource));
        found.map(|(at, _)| at).collect()
    }
}

/// The places of the service accounts that a role binding names.
fn account_namespaces(resource: &Resource) -> Vec<String> {
    if resource.object["kind"] != "RoleBinding" {
        return Vec::new();
    }
    let subjects = resource.object["subjects"].as_array().into_iter().flatten();
    subjects
        .filter(|subject| subject["kind"] == "ServiceAccount")
        .filter_map(|subject| subject["namespace"].as_str().map(str::to_owned))
        .collect()
}
