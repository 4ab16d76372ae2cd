//! Files that are named by flags.

use controller::{BuildError, ControllerContext};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Why a file is no bundle of certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFileError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// It is malformed.
    #[error("{0}")]
    Malformed(#[from] rustls_pki_types::pem::Error),
    /// It holds none.
    #[error("data does not contain any valid RSA or ECDSA certificates")]
    Empty,
}

/// The contents of a PEM file that holds at least one certificate.
///
/// # Errors
/// See [`CertificateFileError`].
pub fn read_certificates(path: &str) -> Result<Vec<u8>, CertificateFileError> {
    let contents = std::fs::read(path)?;
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(&contents) {
        certificate?;
        found = true;
    }
    if found {
        Ok(contents)
    } else {
        Err(CertificateFileError::Empty)
    }
}

/// The CA bundle of `--root-ca-file`, or the one that the manager's own client trusts.
///
/// # Errors
/// The file cannot be read, or is no bundle.
pub fn root_ca(context: &ControllerContext) -> Result<Option<String>, BuildError> {
    let file = &context.config.sa_controller.root_ca_file;
    let tls = &context.root_clients.config().tls;
    let bundle = if !file.is_empty() {
        read_certificates(file)
            .map_err(|error| BuildError::Configuration(format!("error parsing root-ca-file at {file}: {error}")))?
    } else if !tls.ca_data.is_empty() {
        tls.ca_data.clone()
    } else if !tls.ca_file.is_empty() {
        std::fs::read(&tls.ca_file).map_err(|error| BuildError::Configuration(format!("{}: {error}", tls.ca_file)))?
    } else {
        return Ok(None);
    };
    String::from_utf8(bundle)
        .map(Some)
        .map_err(|_| BuildError::Configuration("the root CA bundle is no text".to_owned()))
}
