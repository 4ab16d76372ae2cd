//! Servers that know of each other by records in the store that run out: what several servers write merges, and a
//! server that is gone is forgotten.

use std::{net::IpAddr, sync::Arc, time::Duration};

use apimachinery::codec::protobuf::{Envelope, MAGIC, ProtobufCodec};
use apiserver_storage::{KeyRange, Precondition, RangeOptions, Storage};
use k8s_api::{Kind as _, core::v1::Endpoints};
use serde_json::{Value, json};

use super::ReconcileError;

/// How long a record lives; it is renewed every ten seconds.
const TIME_TO_LIVE: Duration = Duration::from_secs(15);

/// The records of the servers on one store.
#[derive(Clone, Debug)]
pub(super) struct ServerLeases {
    storage: Arc<dyn Storage>,
    prefix: String,
}

impl ServerLeases {
    pub(super) fn new(storage: Arc<dyn Storage>, prefix: &str) -> Self {
        Self {
            storage,
            prefix: format!("{prefix}/masterleases/"),
        }
    }

    /// Makes or renews the record of a server.
    pub(super) async fn renew(&self, ip: IpAddr, generation: u64) -> Result<(), ReconcileError> {
        let record = json!({
            "kind": "Endpoints",
            "apiVersion": "v1",
            // Upstream renews by changing something.
            "metadata": {"generation": generation},
            "subsets": [{"addresses": [{"ip": ip.to_string()}]}],
        });
        let key = format!("{}{ip}", self.prefix);
        let value = record.to_string();
        self.storage
            .put(key.into(), value.into(), Precondition::None, Some(TIME_TO_LIVE))
            .await?;
        Ok(())
    }

    /// Removes the record of a server; whether there was one.
    pub(super) async fn remove(&self, ip: IpAddr) -> Result<bool, ReconcileError> {
        let key = format!("{}{ip}", self.prefix);
        let response = self.storage.delete(key.into(), Precondition::None).await?;
        Ok(response.deleted.is_some())
    }

    /// The addresses of all servers.
    pub(super) async fn list(&self) -> Result<Vec<String>, ReconcileError> {
        let range = KeyRange::prefix(self.prefix.clone());
        let response = self.storage.range(&range, RangeOptions::latest()).await?;
        Ok(response.items.iter().filter_map(|item| address(&item.value)).collect())
    }
}

/// The address in a record, which an upstream server may have written as protobuf.
fn address(value: &[u8]) -> Option<String> {
    let record: Value = if value.starts_with(&MAGIC) {
        let envelope = Envelope::decode(value).ok()?;
        ProtobufCodec::builtin().decode(Endpoints::type_id(), &envelope).ok()?
    } else {
        serde_json::from_slice(value).ok()?
    };
    let ip = record.pointer("/subsets/0/addresses/0/ip")?.as_str()?;
    (!ip.is_empty()).then(|| ip.to_owned())
}
