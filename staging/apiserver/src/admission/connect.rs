//! What admission is shown of a stream or proxied request.

use std::{any::Any, sync::Arc};

use k8s_api::{
    meta::v1::ObjectMeta,
    pick::{Paths, Picked},
};
use serde_json::{Map, Value};

use crate::registry::{AnyObject, ObjectBox};

/// The options of a CONNECT request (`PodExecOptions`, …). Admission may judge them, not change them.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectOptions {
    kind: &'static str,
    members: Map<String, Value>,
    metadata: ObjectMeta,
}

impl ConnectOptions {
    /// Options of this kind of the core group.
    #[must_use]
    pub fn new(kind: &'static str, members: Map<String, Value>) -> Self {
        Self {
            kind,
            members,
            metadata: ObjectMeta::default(),
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

impl AnyObject for ConnectOptions {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn type_meta(&self) -> (&str, &str) {
        ("v1", self.kind)
    }

    fn to_value(&self) -> Value {
        let mut members = self.members.clone();
        members.insert("kind".to_owned(), self.kind.into());
        members.insert("apiVersion".to_owned(), "v1".into());
        Value::Object(members)
    }

    fn to_json(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }

    fn pick(&self, paths: &Arc<Paths>) -> Picked {
        vec![None; paths.len()]
    }

    fn clone_boxed(&self) -> ObjectBox {
        Box::new(self.clone())
    }

    fn equals(&self, other: &dyn AnyObject) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| other == self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
