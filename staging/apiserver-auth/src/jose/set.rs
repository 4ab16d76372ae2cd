//! Key sets (RFC 7517): the one that the server publishes, and those of foreign issuers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    KeyError, PublicKey,
    keys::{Kind, ec_spki, rsa_spki},
};

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Jwk {
    #[serde(rename = "use", skip_serializing_if = "String::is_empty")]
    usage: String,
    kty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    crv: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    alg: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    x: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    y: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    n: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    e: String,
}

#[derive(Deserialize, Serialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

/// Curves: the name in key sets, the encoded identifier, the length of a coordinate.
const CURVES: [(&str, Kind, &[u8], usize); 3] = [
    (
        "P-256",
        Kind::P256,
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        32,
    ),
    ("P-384", Kind::P384, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], 48),
    ("P-521", Kind::P521, &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], 66),
];

fn jwk(key: &PublicKey) -> Jwk {
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let (first, second) = (encode(&key.numbers.0), encode(&key.numbers.1));
    let mut jwk = Jwk {
        usage: "sig".to_owned(),
        kid: key.id().to_owned(),
        alg: key.algorithm().as_str().to_owned(),
        ..Jwk::default()
    };
    match CURVES.iter().find(|curve| curve.1 == key.kind) {
        None => {
            "RSA".clone_into(&mut jwk.kty);
            (jwk.n, jwk.e) = (first, second);
        }
        Some(curve) => {
            "EC".clone_into(&mut jwk.kty);
            curve.0.clone_into(&mut jwk.crv);
            (jwk.x, jwk.y) = (first, second);
        }
    }
    jwk
}

/// The key set document of these keys.
#[must_use]
pub fn key_set_json(keys: &[PublicKey]) -> Vec<u8> {
    let keys = keys.iter().map(jwk).collect();
    serde_json::to_vec(&JwkSet { keys }).expect("strings are JSON")
}

fn public_key(jwk: &Jwk) -> Result<Option<PublicKey>, KeyError> {
    if !matches!(jwk.usage.as_str(), "" | "sig") {
        return Ok(None);
    }
    let number = |text: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|error| KeyError::Malformed {
            label: "JWK".to_owned(),
            reason: error.to_string(),
        })
    };
    let spki = match jwk.kty.as_str() {
        "RSA" => rsa_spki(&number(&jwk.n)?, &number(&jwk.e)?),
        "EC" => {
            let Some((_, _, oid, length)) = CURVES.iter().find(|curve| curve.0 == jwk.crv) else {
                return Ok(None);
            };
            let (x, y) = (number(&jwk.x)?, number(&jwk.y)?);
            if x.len() != *length || y.len() != *length {
                return Err(KeyError::Malformed {
                    label: "JWK".to_owned(),
                    reason: "a coordinate has the wrong length".to_owned(),
                });
            }
            ec_spki(oid, &x, &y)
        }
        _ => return Ok(None),
    };
    PublicKey::from_spki(&spki).map(|key| Some(key.with_id(&jwk.kid)))
}

/// The signing keys of a key set document; keys of other kinds and for other uses are passed over.
///
/// # Errors
/// It is no key set, or a key is damaged.
pub fn parse_key_set(json: &[u8]) -> Result<Vec<PublicKey>, KeyError> {
    let set: JwkSet = serde_json::from_slice(json).map_err(|error| KeyError::Malformed {
        label: "JWKS".to_owned(),
        reason: error.to_string(),
    })?;
    set.keys.iter().filter_map(|jwk| public_key(jwk).transpose()).collect()
}
