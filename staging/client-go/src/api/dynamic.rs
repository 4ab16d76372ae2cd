//! An object of any kind (upstream: `unstructured.Unstructured`).

use k8s_api::meta::v1::ListMeta;
use serde::Deserialize;
use serde_json::Value;

use super::ApiObject;

/// An object of any kind, as it stands on the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DynamicObject(pub Value);

impl DynamicObject {
    fn text(&self, path: &[&str]) -> &str {
        path.iter()
            .try_fold(&self.0, |value, member| value.get(member))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }
}

#[derive(Deserialize)]
struct DynamicList {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default)]
    items: Option<Vec<Value>>,
    #[serde(default)]
    kind: String,
    #[serde(default, rename = "apiVersion")]
    api_version: String,
}

impl ApiObject for DynamicObject {
    const ACCEPT: &'static str = "application/json";

    fn decode(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(Self)
    }

    fn decode_list(json: &[u8]) -> Result<(ListMeta, Vec<Self>), serde_json::Error> {
        let list: DynamicList = serde_json::from_slice(json)?;
        let kind = list.kind.strip_suffix("List").unwrap_or_default();
        let complete = |mut value: Value| {
            // Items of a typed list do not say what they are.
            if let Value::Object(members) = &mut value
                && !kind.is_empty()
            {
                members.entry("kind").or_insert_with(|| kind.into());
                members
                    .entry("apiVersion")
                    .or_insert_with(|| list.api_version.as_str().into());
            }
            Self(value)
        };
        let items = list.items.unwrap_or_default().into_iter().map(complete).collect();
        Ok((list.metadata, items))
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a JSON value encodes as JSON")
    }

    fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    fn uid(&self) -> &str {
        self.text(&["metadata", "uid"])
    }

    fn resource_version(&self) -> &str {
        self.text(&["metadata", "resourceVersion"])
    }

    fn drop_managed_fields(&mut self) {
        if let Some(metadata) = self.0.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
}
