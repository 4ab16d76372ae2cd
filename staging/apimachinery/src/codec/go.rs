//! Go's ways of showing values in messages.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use k8s_api::reflect::{StructType, TypeRef};
use serde_json::Value;

pub use crate::apply::plain_value;
pub use k8s_api::primitives::quote;

/// JSON text with the members of structs in the order of their declaration, which is that of their protobuf numbers but
/// for some structs; members that no field names come last, and those of maps by name.
///
/// `opened` mirrors the part of the document that a patch has opened: its root, and what its members name. There Go
/// holds a map, whose members go by name. Without a patch, give `Value::Null`.
#[must_use]
pub fn declared_order(value: &Value, ty: TypeRef<'_>, opened: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Some(ty), Some(opened));
    out
}

/// The structs whose fields Go declares in another order than that of the protobuf numbers, and their fields.
static ELSEWHERE: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let structs = include_str!("declared_order.txt")
        .lines()
        .map(str::split_ascii_whitespace);
    structs
        .filter_map(|mut words| Some((words.next()?, words.collect())))
        .collect()
});

/// Where a member stands. `kind` and `apiVersion` of an object, which protobuf keeps elsewhere, are inlined at its head.
fn rank(shape: &StructType, name: &str) -> (u32, Cow<'static, [u32]>) {
    let numbers = shape.field(name).map_or(&[][..], |field| &field.proto);
    let declared = ELSEWHERE.get(shape.name.as_ref());
    match (name, declared, numbers) {
        ("kind", _, []) => (0, Cow::Borrowed(&[0])),
        ("apiVersion", _, []) => (0, Cow::Borrowed(&[1])),
        (_, Some(fields), _) => {
            let place = fields.iter().position(|field| *field == name);
            let place = place.and_then(|place| u32::try_from(place).ok());
            place.map_or((2, Cow::default()), |place| (1, vec![place].into()))
        }
        (_, None, []) => (2, Cow::default()),
        (_, None, numbers) => (1, numbers.to_vec().into()),
    }
}

fn write(out: &mut String, value: &Value, ty: Option<TypeRef<'_>>, opened: Option<&Value>) {
    match value {
        Value::Object(members) => {
            let shape = ty.and_then(TypeRef::as_struct);
            let mut ordered: Vec<_> = members.iter().collect();
            if let Some(shape) = shape
                && !opened.is_some_and(Value::is_object)
            {
                ordered.sort_by_cached_key(|(name, _)| rank(shape, name));
            }
            out.push('{');
            for (position, (name, member)) in ordered.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(
                    out,
                    member,
                    ty.and_then(|ty| ty.field(name)),
                    opened.and_then(|opened| opened.get(name)),
                );
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                let opened = opened.and_then(|opened| opened.get(position.to_string()));
                write(out, item, ty.and_then(TypeRef::element), opened);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_api::{
        Kind as _, builtin_schema,
        core::v1::{ConfigMap, Pod},
        reflect::Type,
    };
    use serde_json::json;

    use super::{ELSEWHERE, declared_order};

    #[test]
    fn some_structs_are_declared_in_another_order_than_that_of_protobuf() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "spec": {"containers": [{"image": "i", "name": "c", "resources": {}, "env": [{"value": "v", "name": "n"}]}],
                "volumes": [{"hostPath": {"path": "/"}, "name": "v"}]},
        });
        assert_eq!(
            declared_order(&pod, builtin_schema().at(Pod::type_id()), &json!(null)),
            concat!(
                r#"{"kind":"Pod","apiVersion":"v1","spec":{"volumes":[{"name":"v","hostPath":{"path":"/"}}],"#,
                r#""containers":[{"name":"c","image":"i","env":[{"name":"n","value":"v"}],"resources":{}}]}}"#
            )
        );
        let mut seen = 0;
        for ty in builtin_schema().types.iter() {
            let Type::Struct(shape) = ty else { continue };
            let Some(names) = ELSEWHERE.get(shape.name.as_ref()) else {
                continue;
            };
            seen += 1;
            let listed: BTreeSet<&str> = names.iter().copied().collect();
            let on_the_wire = shape.fields.iter().filter(|field| !field.proto.is_empty());
            let fields: BTreeSet<&str> = on_the_wire.map(|field| field.name.as_ref()).collect();
            assert_eq!(listed, fields, "{}", shape.name);
        }
        assert_eq!(seen, ELSEWHERE.len());
    }

    #[test]
    fn members_stand_as_they_are_declared() {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "2", "a": 1}, "zzz": [],
            "metadata": {"creationTimestamp": null, "name": "n", "uid": "u", "namespace": "ns"},
        });
        let ty = k8s_api::builtin_schema().at(ConfigMap::type_id());
        let metadata = r#""metadata":{"name":"n","namespace":"ns","uid":"u","creationTimestamp":null}"#;
        assert_eq!(
            declared_order(&value, ty, &json!(null)),
            format!(r#"{{"kind":"ConfigMap","apiVersion":"v1",{metadata},"data":{{"a":1,"b":"2"}},"zzz":[]}}"#)
        );
        assert_eq!(
            declared_order(&value, ty, &json!({"data": "x"})),
            format!(r#"{{"apiVersion":"v1","data":{{"a":1,"b":"2"}},"kind":"ConfigMap",{metadata},"zzz":[]}}"#)
        );
    }
}
