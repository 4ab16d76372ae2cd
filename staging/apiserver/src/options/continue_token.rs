//! What `continue` holds: where a page ended, and of which state it was a page.

use apimachinery::status::StatusError;
use base64::Engine as _;

const VERSION: &str = "meta.k8s.io/v1";

/// Like Go's, it does not mind bits behind the last byte.
const ENGINE: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
);

/// The place where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueToken {
    /// The revision of the pages; negative for the latest.
    pub revision: i64,
    /// The relative key behind which the page begins.
    pub after: String,
}

/// The token as it travels.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Wire {
    v: String,
    rv: i64,
    start: String,
}

impl ContinueToken {
    /// The text for clients.
    ///
    /// # Panics
    /// Never: two texts and a number encode as JSON.
    #[must_use]
    pub fn encode(&self) -> String {
        let wire = Wire {
            v: VERSION.to_owned(),
            rv: self.revision,
            start: format!("{}\0", self.after),
        };
        ENGINE.encode(serde_json::to_vec(&wire).expect("a token encodes as JSON"))
    }

    /// Reads what a client sent.
    ///
    /// # Errors
    /// `BadRequest` with upstream's reason.
    pub fn decode(text: &str) -> Result<Self, StatusError> {
        let bad = |reason: &str| {
            StatusError::bad_request(format!("invalid continue token: continue key is not valid: {reason}"))
        };
        let data = ENGINE.decode(text).map_err(|error| bad(&base64_words(&error)))?;
        let value = apimachinery::json::parse(&data).map_err(|error| bad(&error.to_string()))?;
        let wire: Wire = serde_json::from_value(value).map_err(|error| bad(&error.to_string()))?;
        if wire.v != VERSION {
            return Err(bad(&format!(
                "server does not recognize this encoded version {}",
                wire.v
            )));
        }
        if wire.rv == 0 {
            return Err(bad(&format!(
                "incorrect encoded start resourceVersion (version {VERSION})"
            )));
        }
        if wire.start.is_empty() {
            return Err(bad(&format!("encoded start key empty (version {VERSION})")));
        }
        let start = wire.start.trim_start_matches('/');
        let mut segments = start.split('/');
        if segments.clone().count() > 2 || segments.any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(bad(&wire.start));
        }
        Ok(Self {
            revision: wire.rv,
            after: start.strip_suffix('\0').unwrap_or(start).to_owned(),
        })
    }
}

/// Go's words for a text that is not base64.
fn base64_words(error: &base64::DecodeError) -> String {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol, InvalidLength, InvalidPadding};

    let offset = match error {
        InvalidByte(offset, _) | InvalidLastSymbol(offset, _) => *offset,
        InvalidLength(length) => length.saturating_sub(1),
        InvalidPadding => 0,
    };
    format!("illegal base64 data at input byte {offset}")
}
