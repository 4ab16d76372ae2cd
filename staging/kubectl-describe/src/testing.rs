//! A cluster of a few events, for tests.

use async_trait::async_trait;
use cli_runtime::Result;
use serde_json::Value;

use crate::values::text;
use crate::{Cluster, Named, Related, Subject, describe};

struct Fixed(Vec<Value>);

#[async_trait(?Send)]
impl Cluster for Fixed {
    async fn list(&self, _: &Related<'_>) -> Result<Vec<Value>> {
        Ok(self.0.clone())
    }

    async fn get(&self, wanted: &Named<'_>) -> Result<Value> {
        let first = self.0.first().cloned();
        first.ok_or_else(|| cli_runtime::message!("{} {:?} not found", wanted.kind, wanted.name))
    }
}

/// The description of an object whose related objects are these.
pub(crate) async fn described(group: &str, object: &Value, related: Vec<Value>) -> String {
    let subject = Subject {
        group,
        kind: text(object, "/kind"),
        object,
        show_events: true,
        cluster: &Fixed(related),
    };
    match describe(&subject).await {
        Ok(description) => description,
        Err(error) => format!("error: {error}"),
    }
}
