//! A write that changes nothing but times of managers is no write.

use serde_json::Value;

fn managed_fields(object: &Value) -> Option<&Vec<Value>> {
    object.get("metadata")?.get("managedFields")?.as_array()
}

/// Equality of two objects, leaving out members called `skip`.
fn equal_without(left: &Value, right: &Value, skip: &str) -> bool {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else {
        return left == right;
    };
    let mut l = left.iter().filter(|(name, _)| *name != skip);
    let mut r = right.iter().filter(|(name, _)| *name != skip);
    l.by_ref().eq(r.by_ref())
}

/// Gives `new` the times of `old`'s managers if nothing else differs; returns whether the objects
/// are then equal.
pub fn keep_times_of_no_op(new: &mut Value, old: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (managed_fields(new), managed_fields(old)) else {
        return new == old;
    };
    let same_managers = ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(l, r)| equal_without(l, r, "time"));
    if !same_managers {
        return false;
    }
    if !equal_without(new, old, "metadata")
        || !equal_without(
            &new["metadata"],
            old.get("metadata").unwrap_or(&Value::Null),
            "managedFields",
        )
    {
        return false;
    }
    if let Some(list) = old.get("metadata").and_then(|m| m.get("managedFields")) {
        new["metadata"]["managedFields"] = list.clone();
    }
    true
}
