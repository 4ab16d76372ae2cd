//! Values of secrets, of which only is shown whether they differ.

use serde_json::{Map, Value};

const SAME: &str = "***";
const BEFORE: &str = "*** (before)";
const AFTER: &str = "*** (after)";

fn data(object: &mut Value) -> Option<&mut Map<String, Value>> {
    object.get_mut("data")?.as_object_mut()
}

/// Replaces every value of the `data` of both.
pub(super) fn mask(before: Option<&mut Value>, after: &mut Value) {
    let (mut nothing, mut none) = (Map::new(), Map::new());
    let before = before.and_then(data).unwrap_or(&mut nothing);
    let after = data(after).unwrap_or(&mut none);
    for (key, value) in before.iter_mut() {
        match after.get_mut(key) {
            Some(other) if other != value => (*value, *other) = (BEFORE.into(), AFTER.into()),
            _ => *value = SAME.into(),
        }
    }
    for (_, value) in after.iter_mut().filter(|(_, value)| *value != AFTER) {
        *value = SAME.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_differences_show() {
        let mut before = json!({"data": {"same": "a", "changed": "b", "gone": "c"}});
        let mut after = json!({"data": {"same": "a", "changed": "x", "new": "d"}});
        mask(Some(&mut before), &mut after);
        assert_eq!(
            before,
            json!({"data": {"same": "***", "changed": "*** (before)", "gone": "***"}})
        );
        assert_eq!(
            after,
            json!({"data": {"same": "***", "changed": "*** (after)", "new": "***"}})
        );
        let mut created = json!({"data": {"a": "b"}});
        mask(None, &mut created);
        assert_eq!(created, json!({"data": {"a": "***"}}));
    }
}
