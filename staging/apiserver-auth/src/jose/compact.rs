//! `header.payload.signature`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Algorithm, KeyError, PublicKey, SigningKey};

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    crit: Option<serde_json::Value>,
    b64: Option<serde_json::Value>,
}

/// A token taken apart. Until [`Token::is_signed_by`] said so, its claims are anybody's.
pub struct Token<'a> {
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
    header: Header,
}

impl<'a> Token<'a> {
    /// Takes a token apart; `None` if it is no JWT in compact form.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            signed,
            payload: decode(payload)?,
            signature: decode(signature)?,
            header: serde_json::from_slice(&decode(header)?).ok()?,
        })
    }

    /// The claims; `None` if they are not of this form.
    #[must_use]
    pub fn unverified_claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.payload).ok()
    }

    /// The identifier of the key that is said to have signed it; empty for none.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.header.kid
    }

    /// The algorithm that the header names, if it is one that is known. Extensions that must be understood are not.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        if self.header.crit.is_some() || self.header.b64.is_some() {
            return None;
        }
        Algorithm::from_name(&self.header.alg)
    }

    /// Whether the key signed the token.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.algorithm()
            .is_some_and(|algorithm| key.verify(algorithm, self.signed.as_bytes(), &self.signature))
    }
}

#[derive(Serialize)]
struct SignedHeader<'a> {
    alg: &'a str,
    kid: &'a str,
}

/// Signs claims.
///
/// # Errors
/// The library refuses to sign.
pub fn sign<T: Serialize>(key: &SigningKey, claims: &T) -> Result<String, KeyError> {
    let header = SignedHeader {
        alg: key.public().algorithm().as_str(),
        kid: key.public().id(),
    };
    let encode = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
    let header = serde_json::to_vec(&header).expect("a header of two strings is JSON");
    let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Sign)?;
    let mut token = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}
