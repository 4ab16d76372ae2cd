//! Whether a certificate and a private key belong together (upstream: Go's `tls.X509KeyPair`, whose
//! errors clients see as warnings).

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::PrivateKeyDer;
use x509_parser::{parse_x509_certificate, pem::Pem, prelude::FromDer as _};

const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Why the two cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyPairError {
    /// The certificate is no PEM.
    #[error("tls: failed to find any PEM data in certificate input")]
    NoCertificateData,
    /// The certificate is a private key.
    #[error(
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
    )]
    Switched,
    /// The PEM has other blocks, of these labels, but no certificate.
    #[error(
        "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [{}]",
        .0.join(" ")
    )]
    NoCertificate(Vec<String>),
    /// The key is no PEM.
    #[error("tls: failed to find any PEM data in key input")]
    NoKeyData,
    /// The key is a certificate.
    #[error("tls: found a certificate rather than a key in the PEM for the private key")]
    CertificateForKey,
    /// The PEM has other blocks, of these labels, but no private key.
    #[error(
        "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: [{}]",
        .0.join(" ")
    )]
    NoKey(Vec<String>),
    /// The certificate cannot be read.
    #[error("x509: malformed certificate")]
    MalformedCertificate,
    /// The key cannot be read, or is of a kind that TLS does not have.
    #[error("tls: failed to parse private key")]
    MalformedKey,
    /// The key is that of another certificate.
    #[error("tls: private key does not match public key")]
    Mismatch,
    /// The key is of another algorithm than the certificate's.
    #[error("tls: private key type does not match public key type")]
    TypeMismatch,
}

/// The first block that is wanted, or the labels of those that are not.
fn find(text: &[u8], wanted: fn(&str) -> bool) -> Result<Vec<u8>, Vec<String>> {
    let mut skipped = Vec::new();
    for block in Pem::iter_from_buffer(text).map_while(Result::ok) {
        if wanted(&block.label) {
            return Ok(block.contents);
        }
        skipped.push(block.label);
    }
    Err(skipped)
}

fn is_key(label: &str) -> bool {
    label == PRIVATE_KEY || label.ends_with(" PRIVATE KEY")
}

/// Whether the first certificate is that of the private key.
///
/// # Errors
/// Why not.
pub fn check(certificate: &[u8], key: &[u8]) -> Result<(), KeyPairError> {
    let certificate = find(certificate, |label| label == CERTIFICATE).map_err(|skipped| match skipped.as_slice() {
        [] => KeyPairError::NoCertificateData,
        [only] if only.ends_with(PRIVATE_KEY) => KeyPairError::Switched,
        _ => KeyPairError::NoCertificate(skipped),
    })?;
    let key = find(key, is_key).map_err(|skipped| match skipped.as_slice() {
        [] => KeyPairError::NoKeyData,
        [only] if only == CERTIFICATE => KeyPairError::CertificateForKey,
        _ => KeyPairError::NoKey(skipped),
    })?;
    let (_, certificate) = parse_x509_certificate(&certificate).map_err(|_| KeyPairError::MalformedCertificate)?;
    let key = PrivateKeyDer::try_from(key).map_err(|_| KeyPairError::MalformedKey)?;
    let key = any_supported_type(&key).map_err(|_| KeyPairError::MalformedKey)?;
    let of_key = key.public_key().ok_or(KeyPairError::MalformedKey)?;
    let of_certificate = certificate.public_key();
    if of_certificate.raw == of_key.as_ref() {
        return Ok(());
    }
    let algorithm = |spki: &[u8]| {
        x509_parser::x509::SubjectPublicKeyInfo::from_der(spki)
            .ok()
            .map(|(_, spki)| spki.algorithm.algorithm.to_id_string())
    };
    if algorithm(of_certificate.raw) == algorithm(of_key.as_ref()) {
        Err(KeyPairError::Mismatch)
    } else {
        Err(KeyPairError::TypeMismatch)
    }
}
