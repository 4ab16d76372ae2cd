//! Values as the server's internal types print them: what clients see in a diff of two specs, or
//! as the bad value of an error about a struct.
//!
//! Those types have no JSON names: members stand under their Go names, in the order of declaration,
//! absent pointers and lists as `null`, absent numbers as 0. [`table`] has the names and the order;
//! what kind of value a member is comes from the reflection of the v1 types. Types of other packages
//! (selectors, metadata) do have JSON names and leave out what is absent.

mod table;
mod unified_diff;

use apimachinery::field::BadValue;
use k8s_api::{
    Kind,
    core::v1::{EphemeralContainer, Pod, PodSpec, PodTemplateSpec, SecurityContext},
    reflect::{Scalar, StructType, Type, TypeRef},
};
use serde_json::Value;

pub use unified_diff::unified_diff;

use table::Row;

const CORE: &str = "io.k8s.api.core.v1.";
/// Members of a pod's spec that the internal type keeps in its security context.
const HOST_MEMBERS: [&str; 5] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "shareProcessNamespace",
    "hostUsers",
];

/// How far to indent; `None` prints on one line.
type Depth = Option<usize>;

fn pod_value(spec: PodSpec) -> Value {
    let pod = Pod { spec, ..Pod::default() };
    let mut value = pod.to_value();
    let mut spec = value["spec"].take();
    let Some(members) = spec.as_object_mut() else {
        return spec;
    };
    let moved: Vec<_> = HOST_MEMBERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), members.remove(*name)?)))
        .collect();
    if let Some(context) = members.get_mut("securityContext").and_then(Value::as_object_mut) {
        context.extend(moved);
    }
    spec
}

fn type_of(name: &str) -> TypeRef<'static> {
    let id = k8s_api::definition(&format!("{CORE}{name}")).expect("a type of the core group is in the schema");
    k8s_api::builtin_schema().at(id)
}

fn show(value: Option<&Value>, name: &str, depth: Depth) -> String {
    let mut out = String::new();
    write(&mut out, value, type_of(name), depth);
    out
}

/// What changed between two specs, as a unified diff of their internal form.
#[must_use]
pub fn diff_pod_specs(old: &PodSpec, new: &PodSpec) -> String {
    let text = |spec: &PodSpec| show(Some(&pod_value(spec.clone())), "PodSpec", Some(0));
    unified_diff(&text(old), &text(new))
}

/// What changed between two ephemeral containers.
#[must_use]
pub fn diff_ephemeral_containers(old: &EphemeralContainer, new: &EphemeralContainer) -> String {
    let text = |container: &EphemeralContainer| {
        let spec = pod_value(PodSpec {
            ephemeral_containers: vec![container.clone()],
            ..PodSpec::default()
        });
        show(spec.pointer("/ephemeralContainers/0"), "EphemeralContainer", Some(0))
    };
    unified_diff(&text(old), &text(new))
}

/// A security context as the bad value of an error.
#[must_use]
pub fn security_context(context: &SecurityContext) -> BadValue {
    let container = k8s_api::core::v1::Container {
        security_context: Some(Box::new(context.clone())),
        ..Default::default()
    };
    member_of(
        PodSpec {
            containers: vec![container],
            ..PodSpec::default()
        },
        "/containers/0/securityContext",
        "SecurityContext",
    )
}

/// What stands in `spec` under a JSON pointer, as the bad value of an error; a list of `name` if it is one.
#[must_use]
pub fn member_of(spec: PodSpec, pointer: &str, name: &str) -> BadValue {
    let spec = pod_value(spec);
    let value = spec.pointer(pointer);
    if let Some(Value::Array(items)) = value {
        let shown: Vec<String> = items.iter().map(|item| show(Some(item), name, None)).collect();
        return BadValue::plain(format_args!("[{}]", shown.join(",")));
    }
    BadValue::plain(match value {
        Some(value) => show(Some(value), name, None),
        None => "null".to_owned(),
    })
}

/// A pod template as the bad value of an error: its metadata, and the spec beside it.
#[must_use]
pub fn pod_template(template: &PodTemplateSpec) -> BadValue {
    const METADATA: [&str; 15] = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "labels",
        "annotations",
        "ownerReferences",
        "finalizers",
        "managedFields",
    ];
    let pod = Pod {
        metadata: template.metadata.clone(),
        ..Pod::default()
    };
    let metadata = pod.to_value()["metadata"].take();
    let members = METADATA
        .into_iter()
        .filter_map(|name| Some((name, metadata.get(name)?)));
    let mut out = String::from("{");
    for (name, value) in members {
        write_name(&mut out, name, None);
        write_json(&mut out, value);
        out.push(',');
    }
    write_name(&mut out, "Spec", None);
    let spec = pod_value(template.spec.clone());
    write(&mut out, Some(&spec), type_of("PodSpec"), None);
    out.push('}');
    BadValue::plain(out)
}

/// A value without a type, escaped as Go does it.
fn write_json(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_text(out, text),
        Value::Array(items) => write_all(out, ['[', ']'], items, None, write_json),
        Value::Object(members) => write_all(out, ['{', '}'], members, None, |out, (name, value)| {
            write_name(out, name, None);
            write_json(out, value);
        }),
        other => out.push_str(&other.to_string()),
    }
}

/// A label selector as the bad value of an error.
#[must_use]
pub fn label_selector(selector: &k8s_api::meta::v1::LabelSelector) -> BadValue {
    let term = k8s_api::core::v1::TopologySpreadConstraint {
        label_selector: Some(Box::new(selector.clone())),
        ..Default::default()
    };
    let spec = pod_value(PodSpec {
        topology_spread_constraints: vec![term],
        ..PodSpec::default()
    });
    let id = k8s_api::definition("io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector")
        .expect("the label selector is in the schema");
    let mut out = String::new();
    let value = spec.pointer("/topologySpreadConstraints/0/labelSelector");
    write(&mut out, value, k8s_api::builtin_schema().at(id), None);
    BadValue::plain(out)
}

fn newline(out: &mut String, depth: Depth) {
    if let Some(depth) = depth {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    }
}

fn deeper(depth: Depth) -> Depth {
    depth.map(|depth| depth + 1)
}

fn write_text(out: &mut String, text: &str) {
    let quoted = Value::from(text).to_string();
    for character in quoted.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            other => out.push(other),
        }
    }
}

/// Writes members between braces, or items between brackets.
fn write_all<T>(
    out: &mut String,
    brackets: [char; 2],
    items: impl IntoIterator<Item = T>,
    depth: Depth,
    mut one: impl FnMut(&mut String, T),
) {
    out.push(brackets[0]);
    let mut empty = true;
    for item in items {
        if !std::mem::take(&mut empty) {
            out.push(',');
        }
        newline(out, deeper(depth));
        one(out, item);
    }
    if !empty {
        newline(out, depth);
    }
    out.push(brackets[1]);
}

fn write_name(out: &mut String, name: &str, depth: Depth) {
    write_text(out, name);
    out.push_str(if depth.is_some() { ": " } else { ":" });
}

fn write(out: &mut String, value: Option<&Value>, ty: TypeRef<'_>, depth: Depth) {
    match (ty.get(), value) {
        (Type::Struct(structure), value) => write_struct(out, value, structure, ty, depth),
        (Type::List(list), Some(Value::Array(items))) if !items.is_empty() => {
            write_all(out, ['[', ']'], items, depth, |out, item| {
                write(out, Some(item), ty.at(list.element), deeper(depth));
            });
        }
        (Type::Map(map), Some(Value::Object(members))) if !members.is_empty() => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            write_all(out, ['{', '}'], members, depth, |out, (name, value)| {
                write_name(out, name, depth);
                write(out, Some(value), ty.at(map.value), deeper(depth));
            });
        }
        (Type::List(_) | Type::Map(_), _) => out.push_str("null"),
        (Type::Scalar(_), Some(Value::String(text))) => write_text(out, text),
        (Type::Scalar(_), Some(value)) => out.push_str(&value.to_string()),
        (Type::Scalar(scalar), None) => out.push_str(match scalar {
            Scalar::Bool => "false",
            Scalar::Int32 | Scalar::Int64 | Scalar::Double | Scalar::IntOrString => "0",
            Scalar::String => "\"\"",
            Scalar::Quantity => "\"0\"",
            _ => "null",
        }),
    }
}

fn write_struct(out: &mut String, value: Option<&Value>, structure: &StructType, ty: TypeRef<'_>, depth: Depth) {
    let name = structure.name.rsplit('.').next().unwrap_or_default();
    let row = table::row(name);
    let get = |json: &str| value.and_then(|value| value.get(json));
    let mut members: Vec<(String, Option<&Value>, Option<&k8s_api::reflect::Field>)> = Vec::new();
    match row {
        Row::Internal(names) => {
            for (go, json) in names {
                if go == "*" {
                    let metadata = get(&json).and_then(Value::as_object);
                    let tagged = ["labels", "annotations"].into_iter();
                    members.extend(tagged.filter_map(|name| {
                        let value = metadata?.get(name)?;
                        Some((name.to_owned(), Some(value), None))
                    }));
                    continue;
                }
                members.push((go.to_owned(), get(&json), structure.field(&json)));
            }
        }
        Row::Tagged(names) => {
            let present = names.iter().filter(|name| get(name).is_some());
            members.extend(present.map(|name| ((*name).to_owned(), get(name), structure.field(name))));
        }
    }
    write_all(out, ['{', '}'], members, depth, |out, (name, value, field)| {
        write_name(out, &name, depth);
        match field {
            Some(field) if field.pointer && value.is_none_or(Value::is_null) => out.push_str("null"),
            Some(field) => write(out, value, ty.at(field.ty), deeper(depth)),
            None => write_untyped(out, &name, value, depth),
        }
    });
}

/// A member that the v1 type does not have.
fn write_untyped(out: &mut String, name: &str, value: Option<&Value>, depth: Depth) {
    match value {
        Some(Value::Object(members)) => {
            write_all(out, ['{', '}'], members, deeper(depth), |out, (name, value)| {
                write_name(out, name, depth);
                write_text(out, value.as_str().unwrap_or_default());
            });
        }
        Some(value) => out.push_str(&value.to_string()),
        None if matches!(name, "HostNetwork" | "HostPID" | "HostIPC") => out.push_str("false"),
        None => out.push_str("null"),
    }
}

#[cfg(test)]
mod tests;
