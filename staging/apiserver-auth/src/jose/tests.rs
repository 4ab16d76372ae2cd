//! Keys of every kind sign and verify; nothing else does.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Algorithm, KeyError, SigningKey, Token, key_set_json, parse_key_set, read_public_keys, sign};

fn generate(algorithm: &'static rcgen::SignatureAlgorithm) -> rcgen::KeyPair {
    rcgen::KeyPair::generate_for(algorithm).unwrap()
}

fn keys() -> Vec<(rcgen::KeyPair, Algorithm)> {
    vec![
        (generate(&rcgen::PKCS_ECDSA_P256_SHA256), Algorithm::Es256),
        (generate(&rcgen::PKCS_ECDSA_P384_SHA384), Algorithm::Es384),
        (generate(&rcgen::PKCS_ECDSA_P521_SHA512), Algorithm::Es512),
        (generate(&rcgen::PKCS_RSA_SHA256), Algorithm::Rs256),
    ]
}

#[test]
fn every_kind_of_key_signs_and_verifies() {
    for (pair, algorithm) in keys() {
        let private = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
        assert_eq!(private.public().algorithm(), algorithm);
        let text = sign(&private, &json!({"sub": "x"})).unwrap();
        let token = Token::parse(&text).unwrap();
        assert_eq!(token.key_id(), private.public().id());
        assert_eq!(token.unverified_claims::<Value>().unwrap(), json!({"sub": "x"}));

        let from_file = read_public_keys(pair.public_key_pem().as_bytes()).unwrap();
        let from_private = read_public_keys(pair.serialize_pem().as_bytes()).unwrap();
        let from_set = parse_key_set(&key_set_json(&from_file)).unwrap();
        assert_eq!(from_file, from_private);
        assert_eq!(from_file, from_set);
        assert!(token.is_signed_by(&from_file[0]), "{algorithm:?}");

        let other = SigningKey::from_pem(keys()[0].0.serialize_pem().as_bytes()).unwrap();
        assert!(!token.is_signed_by(other.public()), "{algorithm:?}");
    }
}

/// The token with another header and the signature as it was.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let pair = generate(&rcgen::PKCS_RSA_SHA256);
    let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
    let text = sign(&key, &json!({})).unwrap();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "ES256"}),
        json!({"alg": "PS256"}),
        json!({"alg": "RS384"}),
        json!({"alg": "rs256"}),
        json!({"alg": "RS256", "crit": ["exp"]}),
        json!({"alg": "RS256", "b64": false}),
        // The same meaning in other bytes: what was signed is what counts.
        json!({"alg": "RS256"}),
    ] {
        let forged = with_header(&text, &header);
        let token = Token::parse(&forged).unwrap();
        assert!(!token.is_signed_by(key.public()), "{header}");
    }
    // The classic: the public key's text as an HMAC secret.
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode("{}")
    );
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pair.public_key_pem().as_bytes());
    let tag = aws_lc_rs::hmac::sign(&secret, signed.as_bytes());
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert!(!Token::parse(&forged).unwrap().is_signed_by(key.public()));
}

#[test]
fn what_is_no_token() {
    for text in [
        "",
        "a",
        "a.b",
        "a.b.c",
        "e30.e30.",
        "e30.e30.e30.e30",
        "{}",
        "!.e30.e30",
    ] {
        assert!(Token::parse(text).is_none(), "{text}");
    }
    let pair = generate(&rcgen::PKCS_ECDSA_P256_SHA256);
    let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
    let text = sign(&key, &json!({"a": 1})).unwrap();
    let unsigned = &text[..=text.rfind('.').unwrap()];
    assert!(!Token::parse(unsigned).unwrap().is_signed_by(key.public()));
}

#[test]
fn files_without_keys() {
    assert_eq!(read_public_keys(b"x").unwrap_err(), KeyError::NoPublicKey);
    assert_eq!(SigningKey::from_pem(b"").unwrap_err(), KeyError::NoPrivateKey);
    let ed25519 = generate(&rcgen::PKCS_ED25519);
    let public = ed25519.public_key_pem();
    assert_eq!(read_public_keys(public.as_bytes()).unwrap_err(), KeyError::Unsupported);
    let error = parse_key_set(b"[]").unwrap_err();
    assert!(matches!(error, KeyError::Malformed { ref label, .. } if label == "JWKS"));
}

#[test]
fn a_debug_form_shows_no_key() {
    let pair = generate(&rcgen::PKCS_ECDSA_P256_SHA256);
    let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey {{ id: {:?}, .. }}", key.public().id())
    );
}
