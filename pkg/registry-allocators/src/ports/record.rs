//! The record in the store that says which ports are taken: upstream's `RangeAllocation`, so that its servers and ours
//! agree on one store.

use apimachinery::codec::protobuf::{Envelope, MAGIC};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use prost::Message as _;
use serde_json::{Value, json};

const API_VERSION: &str = "v1";
const KIND: &str = "RangeAllocation";

/// How the record is written (`--storage-media-type`); both forms are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangeAllocationMedia {
    /// JSON.
    #[default]
    Json,
    /// Protobuf in its storage envelope.
    Protobuf,
}

/// What the record holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The range, as `--service-node-port-range` shows it.
    pub(super) range: String,
    /// The bits of the ports as a big-endian number.
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Wire {
    #[prost(bytes = "vec", optional, tag = "1")]
    metadata: Option<Vec<u8>>,
    #[prost(string, tag = "2")]
    range: String,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

impl Record {
    /// Reads either form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(&MAGIC) {
            let envelope = Envelope::decode(bytes).map_err(|error| error.to_string())?;
            let wire = Wire::decode(envelope.raw).map_err(|error| error.to_string())?;
            return Ok(Self {
                range: wire.range,
                data: wire.data,
            });
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            range: text("range").to_owned(),
            data: STANDARD.decode(text("data")).map_err(|error| error.to_string())?,
        })
    }

    /// Writes one form.
    pub(super) fn encode(&self, media: RangeAllocationMedia) -> Bytes {
        match media {
            RangeAllocationMedia::Json => json!({
                "kind": KIND,
                "apiVersion": API_VERSION,
                "metadata": {},
                "range": self.range,
                "data": STANDARD.encode(&self.data),
            })
            .to_string()
            .into(),
            RangeAllocationMedia::Protobuf => {
                let wire = Wire {
                    metadata: Some(Vec::new()),
                    range: self.range.clone(),
                    data: self.data.clone(),
                };
                apimachinery::codec::protobuf::wrap(API_VERSION, KIND, &wire.encode_to_vec()).into()
            }
        }
    }
}
