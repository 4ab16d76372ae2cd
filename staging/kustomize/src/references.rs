//! Names of resources in other resources, which follow when a name changes.

use serde_json::Value;

use crate::Result;
use crate::config::{Config, NameReference};
use crate::error::refuse;
use crate::fields::{FieldSpec, Leaf, visit};
use crate::id::{Gvk, NO_NAMESPACE, ResId};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::yaml::{scalar_text, to_yaml};

/// What may be named: a resource as it is now, and what it was known by.
struct Candidate {
    resource: Resource,
    id: ResId,
    previous: Vec<ResId>,
}

/// One resource that may name others, and one of its fields.
struct Referrer<'r> {
    candidate: &'r Candidate,
    field: &'r FieldSpec,
    target: &'r Gvk,
    within_reach: Vec<&'r Candidate>,
    role: Option<Gvk>,
}

/// Brings every name in other resources up to date.
///
/// # Errors
/// It cannot be told which resource a name means.
pub(crate) fn fix(resources: &mut Resources, config: &Config) -> Result<()> {
    let candidates: Vec<Candidate> = resources
        .0
        .iter()
        .map(|resource| Candidate {
            id: resource.id(),
            previous: resource.previous_ids().collect(),
            resource: resource.clone(),
        })
        .collect();
    // Where nothing was renamed there is nothing to do.
    if candidates.iter().all(|candidate| candidate.previous.is_empty()) {
        return Ok(());
    }
    for (at, candidate) in candidates.iter().enumerate() {
        let original = candidate.previous.first().unwrap_or(&candidate.id);
        let reach = resources.within_reach(&candidate.resource);
        for NameReference { gvk, referrers } in &config.name_reference {
            for field in referrers.iter().filter(|field| original.gvk.is_selected(&field.gvk)) {
                let referrer = Referrer {
                    candidate,
                    field,
                    target: gvk,
                    within_reach: reach.iter().map(|at| &candidates[*at]).collect(),
                    role: role_of(field, &candidate.resource.object),
                };
                referrer.fix(&mut resources.0[at].object)?;
            }
        }
    }
    Ok(())
}

/// The type that a binding's role has, where the field names one.
fn role_of(field: &FieldSpec, object: &Value) -> Option<Gvk> {
    if !field.path.ends_with("roleRef/name") {
        return None;
    }
    let text = |member: &str| object["roleRef"][member].as_str();
    Some(Gvk::new(text("apiGroup")?, "", text("kind")?))
}

impl<'r> Referrer<'r> {
    fn fix(&self, object: &mut Value) -> Result<()> {
        let field = FieldSpec {
            gvk: Gvk::default(),
            ..self.field.clone()
        };
        visit(object, &field, Leaf::None, &mut |value| match value {
            Value::Array(elements) => elements.iter_mut().try_for_each(|element| self.set(element)),
            other => self.set(other),
        })
        .map_err(|error| {
            error.context(format!(
                "updating name reference in '{}' field of '{}'",
                self.field.path, self.candidate.id
            ))
        })
    }

    fn set(&self, value: &mut Value) -> Result<()> {
        match value {
            Value::Null => Ok(()),
            Value::Object(_) => self.set_object(value),
            _ => {
                let old = scalar_text(value).unwrap_or_default();
                let same = |one: &Candidate, other: &Candidate| one.id.name == other.id.name;
                if let Some(found) = self.select(&old, self.within_reach.clone(), same)?
                    && found.id.name != old
                {
                    *value = found.id.name.as_str().into();
                }
                Ok(())
            }
        }
    }

    /// What names a resource by its name and its namespace.
    fn set_object(&self, value: &mut Value) -> Result<()> {
        let Some(old) = value.get("name").and_then(scalar_text) else {
            return Err(refuse!("path config error; no 'name' field in node"));
        };
        let candidates = match value.get("namespace").and_then(scalar_text) {
            None => self.within_reach.clone(),
            Some(namespace) => self.within(&namespace),
        };
        let same =
            |one: &Candidate, other: &Candidate| one.id.name == other.id.name && one.id.namespace == other.id.namespace;
        if let Some(found) = self.select(&old, candidates, same)? {
            if found.id.name == old && found.id.namespace.is_empty() {
                return Ok(());
            }
            value["name"] = found.id.name.as_str().into();
            // Without one of its own anything is meant, not the default.
            if !found.id.namespace.is_empty() {
                value["namespace"] = found.id.namespace.as_str().into();
            }
        }
        Ok(())
    }

    /// The candidates that were in a namespace at first or, if there are none, that are in it now.
    fn within(&self, namespace: &str) -> Vec<&'r Candidate> {
        let of = |id: fn(&Candidate) -> &ResId| -> Vec<&'r Candidate> {
            let in_it = self.within_reach.iter().filter(|candidate| {
                let place = id(candidate).effective_namespace();
                place == namespace && place != NO_NAMESPACE
            });
            in_it.copied().collect()
        };
        let first = of(|candidate| candidate.previous.first().unwrap_or(&candidate.id));
        if first.is_empty() {
            of(|candidate| &candidate.id)
        } else {
            first
        }
    }

    fn select(
        &self,
        old: &str,
        candidates: Vec<&'r Candidate>,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&'r Candidate>> {
        let own = &self.candidate.id;
        let own_place = own.effective_namespace();
        let mut left: Vec<&Candidate> = candidates
            .into_iter()
            .filter(|candidate| candidate.previous.iter().any(|id| id.name == old))
            .filter(|candidate| candidate.previous.iter().any(|id| id.gvk.is_selected(self.target)))
            .filter(|candidate| {
                let of_role = |role: &Gvk| candidate.previous.iter().any(|id| id.gvk.is_selected(role));
                self.role.as_ref().is_none_or(of_role)
            })
            .filter(|candidate| {
                let place = candidate.id.effective_namespace();
                own_place == NO_NAMESPACE
                    || place == NO_NAMESPACE
                    || candidate.id.gvk.kind == "ServiceAccount"
                    || place == own_place
            })
            .collect();
        if left.len() > 1 {
            for lenient in [true, false] {
                if left.len() > 1 {
                    left.retain(|candidate| candidate.resource.same_affixes(&self.candidate.resource, lenient));
                }
            }
        }
        match left.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(first)),
            many => Err(self.ambiguous(many)),
        }
    }

    fn ambiguous(&self, candidates: &[&Candidate]) -> crate::BuildError {
        let ids: Vec<String> = candidates.iter().map(|candidate| candidate.id.to_string()).collect();
        let shown = |candidate: &Candidate| to_yaml(std::slice::from_ref(&candidate.resource.object));
        let mut text = format!(
            "found multiple possible referrals: {}\n\n**** Too many possible referral targets to referrer:\n{}\n",
            ids.join(", "),
            shown(self.candidate)
        );
        for (at, candidate) in candidates.iter().enumerate() {
            text.push_str(&format!("--- possible referral {at}:\n{}\n", shown(candidate)));
        }
        crate::BuildError::new(text)
    }
}
