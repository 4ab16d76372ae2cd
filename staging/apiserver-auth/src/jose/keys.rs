//! Keys from PEM files, and what they can verify.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, UnparsedPublicKey, VerificationAlgorithm},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use x509_parser::{
    pem::Pem,
    prelude::{FromDer, X509Certificate},
    public_key::PublicKey as Parsed,
    x509::SubjectPublicKeyInfo,
};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// RSA, PSS, SHA-384.
    Ps384,
    /// RSA, PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// ECDSA on P-384, SHA-384.
    Es384,
    /// ECDSA on P-521, SHA-512.
    Es512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
    ];

    /// The name in headers and key sets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of this name; there is none for `none` and for symmetric ones.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
        }
    }

    fn fits(self, kind: Kind) -> bool {
        match self {
            Self::Es256 => kind == Kind::P256,
            Self::Es384 => kind == Kind::P384,
            Self::Es512 => kind == Kind::P521,
            _ => kind == Kind::Rsa,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    P521,
}

impl Kind {
    fn of_curve(oid: &str) -> Option<Self> {
        match oid {
            "1.2.840.10045.3.1.7" => Some(Self::P256),
            "1.3.132.0.34" => Some(Self::P384),
            "1.3.132.0.35" => Some(Self::P521),
            _ => None,
        }
    }

    /// What a key of the kind signs with.
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Rsa => Algorithm::Rs256,
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no key in the PEM text.
    #[error("data does not contain any valid RSA or ECDSA public keys")]
    NoPublicKey,
    /// There is no private key in the PEM text.
    #[error("data does not contain a valid RSA or ECDSA private key")]
    NoPrivateKey,
    /// A key is damaged.
    #[error("malformed {label}: {reason}")]
    Malformed {
        /// The kind of PEM block.
        label: String,
        /// What is wrong.
        reason: String,
    },
    /// Neither RSA nor ECDSA on a known curve.
    #[error("unknown public key type, must be RSA or ECDSA on P-256, P-384 or P-521")]
    Unsupported,
    /// The library could not sign.
    #[error("failed to sign")]
    Sign,
}

fn malformed(label: &str, reason: impl fmt::Display) -> KeyError {
    KeyError::Malformed {
        label: label.to_owned(),
        reason: reason.to_string(),
    }
}

/// A key that verifies signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    spki: Vec<u8>,
    pub(super) kind: Kind,
    /// The numbers of its JWK: modulus and exponent, or the point's coordinates.
    pub(super) numbers: (Vec<u8>, Vec<u8>),
}

impl PublicKey {
    /// From a `SubjectPublicKeyInfo`. Its identifier is derived from it, irreversibly.
    ///
    /// # Errors
    /// Damaged, or of a kind that cannot verify tokens.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let (_, info) = SubjectPublicKeyInfo::from_der(spki).map_err(|error| malformed("PUBLIC KEY", error))?;
        let parsed = info.parsed().map_err(|error| malformed("PUBLIC KEY", error))?;
        let trim = |number: &[u8]| {
            let zeros = number.iter().take_while(|&&byte| byte == 0).count();
            number[zeros..].to_vec()
        };
        let (kind, numbers) = match parsed {
            Parsed::RSA(key) => (Kind::Rsa, (trim(key.modulus), trim(key.exponent))),
            Parsed::EC(point) => {
                let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                let kind = curve
                    .and_then(|oid| Kind::of_curve(&oid.to_id_string()))
                    .ok_or(KeyError::Unsupported)?;
                let data = point.data();
                let length = data.len() / 2;
                if data.first() != Some(&4) || data.len() % 2 == 0 {
                    return Err(malformed("PUBLIC KEY", "the point is not uncompressed"));
                }
                (kind, (data[1..=length].to_vec(), data[length + 1..].to_vec()))
            }
            _ => return Err(KeyError::Unsupported),
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, spki);
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(digest),
            spki: spki.to_vec(),
            kind,
            numbers,
        })
    }

    /// The same key under another identifier, as a foreign key set gives it.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Its identifier in headers (`kid`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the server itself signs with such a key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.kind.algorithm()
    }

    /// Whether `signature` is the key's for `message`. An algorithm of another kind of key never is.
    #[must_use]
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm.fits(self.kind)
            && UnparsedPublicKey::new(algorithm.verification(), &self.spki)
                .verify(message, signature)
                .is_ok()
    }
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

/// A key that signs tokens.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SigningKey")
            .field("id", &self.public.id)
            .finish_non_exhaustive()
    }
}

/// Algorithms and the curves' keys, in the order in which a private key is tried.
static CURVES: [&EcdsaSigningAlgorithm; 3] = [
    &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
    &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
];

fn is_private(label: &str) -> bool {
    matches!(label, "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY")
}

impl SigningKey {
    /// The first private key of a PEM text: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        for block in Pem::iter_from_buffer(pem) {
            let block = block.map_err(|error| malformed("PEM", error))?;
            if is_private(&block.label) {
                return Self::from_der(&block.label, &block.contents);
            }
        }
        Err(KeyError::NoPrivateKey)
    }

    fn from_der(label: &str, der: &[u8]) -> Result<Self, KeyError> {
        let ecdsa = || {
            CURVES
                .iter()
                .find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok())
        };
        let pair = match label {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der)
                .map(Pair::Rsa)
                .map_err(|error| malformed(label, error))?,
            "EC PRIVATE KEY" => ecdsa().map(Pair::Ecdsa).ok_or(KeyError::Unsupported)?,
            _ => match RsaKeyPair::from_pkcs8(der) {
                Ok(pair) => Pair::Rsa(pair),
                Err(_) => ecdsa().map(Pair::Ecdsa).ok_or(KeyError::Unsupported)?,
            },
        };
        let spki: PublicKeyX509Der<'static> = match &pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
        }
        .map_err(|error| malformed(label, error))?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        Ok(Self { pair, public })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs with [`PublicKey::algorithm`].
    ///
    /// # Errors
    /// The library refuses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut bytes = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut bytes)
                    .map_err(|_| KeyError::Sign)?;
                Ok(bytes)
            }
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyError::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// Wraps a PKCS #1 public key: an algorithm identifier before a bit string.
fn spki_of_pkcs1(pkcs1: &[u8]) -> Vec<u8> {
    const RSA_ENCRYPTION: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let mut bits = vec![0];
    bits.extend_from_slice(pkcs1);
    let mut content = RSA_ENCRYPTION.to_vec();
    content.extend(der(0x03, &bits));
    der(0x30, &content)
}

/// One DER element.
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let length = content.len().to_be_bytes();
    if content.len() < 0x80 {
        element.push(length[length.len() - 1]);
    } else {
        let significant = &length[length.iter().take_while(|&&byte| byte == 0).count()..];
        element.push(0x80 | u8::try_from(significant.len()).expect("a length has at most eight bytes"));
        element.extend_from_slice(significant);
    }
    element.extend_from_slice(content);
    element
}

/// An RSA key from its numbers.
pub(super) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let mut bytes = vec![];
        if number.first().is_none_or(|&byte| byte >= 0x80) {
            bytes.push(0);
        }
        bytes.extend_from_slice(number);
        der(0x02, &bytes)
    };
    let numbers = [integer(modulus), integer(exponent)].concat();
    spki_of_pkcs1(&der(0x30, &numbers))
}

/// An ECDSA key from its coordinates; `curve` is the encoded identifier of the curve.
pub(super) fn ec_spki(curve: &[u8], x: &[u8], y: &[u8]) -> Vec<u8> {
    const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let algorithm = der(0x30, &[&EC_PUBLIC_KEY, curve].concat());
    let point = der(0x03, &[&[0, 4], x, y].concat());
    der(0x30, &[algorithm, point].concat())
}

/// The public keys of a PEM text: public keys, certificates, and the public halves of private keys.
///
/// # Errors
/// There is none, or one is damaged.
pub fn read_public_keys(pem: &[u8]) -> Result<Vec<PublicKey>, KeyError> {
    let mut keys = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|error| malformed("PEM", error))?;
        let label = block.label.as_str();
        match label {
            "PUBLIC KEY" => keys.push(PublicKey::from_spki(&block.contents)?),
            "RSA PUBLIC KEY" => keys.push(PublicKey::from_spki(&spki_of_pkcs1(&block.contents))?),
            "CERTIFICATE" => {
                let (_, certificate) =
                    X509Certificate::from_der(&block.contents).map_err(|error| malformed(label, error))?;
                keys.push(PublicKey::from_spki(certificate.public_key().raw)?);
            }
            _ if is_private(label) => keys.push(SigningKey::from_der(label, &block.contents)?.public),
            // Parameters of a curve stand before some private keys.
            _ => {}
        }
    }
    if keys.is_empty() {
        return Err(KeyError::NoPublicKey);
    }
    Ok(keys)
}
