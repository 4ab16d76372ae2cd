//! `vars`: values of fields that stand as `$(NAME)` in other fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::error::refuse;
use crate::fields::{FieldSpec, Leaf, visit};
use crate::id::{Gvk, ResId};
use crate::paths;
use crate::resources::Resources;
use crate::yaml::scalar_text;

/// A variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Var {
    pub(crate) name: String,
    objref: ObjectReference,
    fieldref: FieldReference,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct ObjectReference {
    api_version: String,
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct FieldReference {
    field_path: String,
}

impl Var {
    fn id(&self) -> ResId {
        let reference = &self.objref;
        let gvk = match reference.api_version.split_once('/') {
            _ if reference.api_version.is_empty() => Gvk::new(&reference.group, &reference.version, &reference.kind),
            Some((group, version)) => Gvk::new(group, version, &reference.kind),
            None => Gvk::new(&reference.group, &reference.api_version, &reference.kind),
        };
        ResId {
            gvk,
            name: reference.name.clone(),
            namespace: reference.namespace.clone(),
        }
    }

    fn path(&self) -> &str {
        match self.fieldref.field_path.as_str() {
            "" => "metadata.name",
            path => path,
        }
    }

    /// As Go's `%v` shows it.
    fn shown(&self) -> String {
        format!("{{{} {} {{{}}}}}", self.name, self.id().gvk, self.path())
    }
}

/// The variables of a kustomization and its bases, by name.
pub(crate) type Vars = BTreeMap<String, Var>;

/// Adds variables, and marks the resources that they are read from.
///
/// # Errors
/// A name is taken, or a resource cannot be told from another.
pub(crate) fn add(vars: &mut Vars, incoming: &[Var], resources: &mut Resources) -> Result<()> {
    for var in incoming {
        let id = var.id();
        let exact = !id.namespace.is_empty() || id.gvk.is_cluster_scoped();
        let found = resources.by_any_id(|known| {
            if exact {
                known.is_same(&id)
            } else {
                known.name == id.name && known.gvk == id.gvk
            }
        });
        match found[..] {
            [] => {}
            [at] => resources.0[at].variables.push(var.name.clone()),
            _ => {
                return Err(refuse!(
                    "found {} resId matches for var {} (unable to disambiguate)",
                    found.len(),
                    var.shown()
                ));
            }
        }
    }
    merge(vars, incoming.iter().cloned())
}

/// Adds variables of a base.
///
/// # Errors
/// A name is taken.
pub(crate) fn merge(vars: &mut Vars, incoming: impl IntoIterator<Item = Var>) -> Result<()> {
    for var in incoming {
        if vars.contains_key(&var.name) {
            return Err(refuse!("var '{}' already encountered", var.name));
        }
        vars.insert(var.name.clone(), var);
    }
    Ok(())
}

/// Writes the values where the names stand; gives the names that stand nowhere.
///
/// # Errors
/// A value is not there, or a field cannot hold one.
pub(crate) fn resolve(vars: &Vars, resources: &mut Resources, fields: &[FieldSpec]) -> Result<Vec<String>> {
    let mut values = BTreeMap::new();
    for var in vars.values() {
        values.insert(var.name.clone(), value_of(var, resources)?);
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let mut used = BTreeSet::new();
    for resource in &mut resources.0 {
        for field in fields {
            visit(&mut resource.object, field, Leaf::None, &mut |value| {
                replace(value, &values, &mut used)
            })?;
        }
    }
    Ok(values.into_keys().filter(|name| !used.contains(name)).collect())
}

fn value_of(var: &Var, resources: &Resources) -> Result<Value> {
    let Some(resource) = resources
        .0
        .iter()
        .find(|resource| resource.variables.contains(&var.name))
    else {
        return Err(refuse!(
            "var '{}' cannot be mapped to a field in the set of known resources",
            var.shown()
        ));
    };
    // `list[0]` is another way to write `list.0`.
    let path = var.path().replace('[', ".").replace(']', "");
    match paths::lookup(&resource.object, &paths::parts(&path)) {
        Ok(Some(value)) => Ok(value.clone()),
        _ => Err(refuse!(
            "field specified in var '{}' not found in corresponding resource",
            var.shown()
        )),
    }
}

fn replace(value: &mut Value, values: &BTreeMap<String, Value>, used: &mut BTreeSet<String>) -> Result<()> {
    match value {
        Value::String(text) => *value = expand(text, values, used),
        Value::Object(members) => {
            for member in members.values_mut().filter(|member| member.is_string()) {
                *member = expand(member.as_str().unwrap_or_default(), values, used);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                let Some(text) = element.as_str() else {
                    return Err(refuse!("invalid value type expect a string"));
                };
                *element = expand(text, values, used);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The text with the values in it; a text that is nothing but one name becomes the value, whatever its type.
fn expand(text: &str, values: &BTreeMap<String, Value>, used: &mut BTreeSet<String>) -> Value {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        if let Some(escaped) = behind.strip_prefix('$') {
            expanded.push('$');
            rest = escaped;
        } else if let Some((name, after)) = behind.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            let value = values.get(name).filter(|value| scalar_text(value).is_some());
            match value {
                Some(value) => {
                    used.insert(name.to_owned());
                    if text.len() == name.len() + 3 {
                        return value.clone();
                    }
                    expanded.push_str(&scalar_text(value).unwrap_or_default());
                }
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            expanded.push('$');
            rest = behind;
        }
    }
    expanded.push_str(rest);
    expanded.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_values() {
        let values = BTreeMap::from([
            ("A".to_owned(), json!("a")),
            ("N".to_owned(), json!(5)),
            ("M".to_owned(), json!({})),
        ]);
        for (text, expected) in [
            ("$(A)", json!("a")),
            ("$(N)", json!(5)),
            ("x$(A)-$(N)y", json!("xa-5y")),
            ("$$(A)", json!("$(A)")),
            ("$(B) $(M) $x $", json!("$(B) $(M) $x $")),
            ("$(A", json!("$(A")),
        ] {
            assert_eq!(expand(text, &values, &mut BTreeSet::new()), expected, "{text}");
        }
    }
}
