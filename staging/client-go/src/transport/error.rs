//! Why a request got no response, worded as Go's clients word it, because people search for those words.

use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError};

use crate::config::exec::ExecError;
use crate::config::go_io_error;

/// Why a request got no response.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// There is no name for the client to go by.
    #[error("getting credentials: {0}")]
    Exec(#[from] ExecError),
    /// A file of certificates or tokens cannot be read.
    #[error("open {path}: {}", go_io_error(source))]
    File {
        /// The file.
        path: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// No connection could be made.
    #[error("dial tcp {address}: {}", dial_error(source))]
    Dial {
        /// Where to.
        address: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The two sides did not agree on TLS.
    #[error("{}", tls_error(.0))]
    Tls(Arc<io::Error>),
    /// A proxy refused.
    #[error("proxy: {0}")]
    Proxy(String),
    /// The connection took too long to be made.
    #[error("net/http: TLS handshake timeout")]
    HandshakeTimeout,
    /// The exchange of request and response failed.
    #[error("{}", exchange_error(.0))]
    Exchange(Arc<hyper::Error>),
    /// The exchange of request and response failed, over HTTP/2.
    #[error("{}", http2_error(.0))]
    Http2(Arc<h2::Error>),
    /// The server does not answer over a connection that stands.
    #[error("http2: client connection lost")]
    Lost,
    /// The connection was closed on our side, because credentials changed.
    #[error("use of closed network connection")]
    Closed,
}

impl TransportError {
    /// What ended an exchange; TLS speaks up within it.
    pub(super) fn exchange(error: hyper::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(deeper) = cause {
            let inner = deeper.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
            if let Some(tls) = tls.or_else(|| alert_in(&deeper.to_string())) {
                return Self::Tls(Arc::new(io::Error::new(io::ErrorKind::InvalidData, tls)));
            }
            cause = deeper.source();
        }
        Self::Exchange(Arc::new(error))
    }

    /// What ended an exchange over HTTP/2.
    pub(super) fn http2(error: h2::Error) -> Self {
        match alert_in(&error.to_string()) {
            Some(tls) => Self::Tls(Arc::new(io::Error::new(io::ErrorKind::InvalidData, tls))),
            None => Self::Http2(Arc::new(error)),
        }
    }

    /// Nobody listens there.
    #[must_use]
    pub fn is_connection_refused(&self) -> bool {
        matches!(self, Self::Dial { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// The connection broke while a request was under way, which may or may not have been carried out.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Exchange(error) => {
                error.is_incomplete_message() || error.is_closed() || error.is_canceled() || source_is_loss(&**error)
            }
            Self::Http2(error) => {
                error.is_go_away()
                    || error.reason() == Some(h2::Reason::REFUSED_STREAM)
                    || error.get_io().is_some_and(|error| is_loss(error.kind()))
            }
            Self::Closed | Self::Lost => true,
            Self::Tls(error) => is_loss(error.kind()),
            _ => false,
        }
    }

    /// The request can never succeed as the client is configured.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Config(_) | Self::File { .. })
    }
}

fn is_loss(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(
        kind,
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof
    )
}

fn source_is_loss(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| is_loss(error.kind()))
        {
            return true;
        }
        cause = error.source();
    }
    false
}

fn dial_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => format!("connect: {}", go_io_error(error)),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        _ => error.to_string(),
    }
}

fn exchange_error(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_closed() {
        return "EOF".to_owned();
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.downcast_ref::<io::Error>() {
        Some(error) => go_io_error(error),
        None if std::ptr::addr_eq(std::ptr::from_ref(cause), std::ptr::from_ref(error)) => error.to_string(),
        None => format!("{error}: {cause}"),
    }
}

fn http2_error(error: &h2::Error) -> String {
    match error.get_io() {
        // What streams are told when the server has closed their connection.
        Some(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) => {
            "unexpected EOF".to_owned()
        }
        Some(error) => go_io_error(error),
        None => format!("http2 error: {error}"),
    }
}

fn tls_error(error: &io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return if error.kind() == io::ErrorKind::UnexpectedEof {
            "EOF".to_owned()
        } else {
            go_io_error(error)
        };
    };
    let unverified = |why: &str| format!("tls: failed to verify certificate: x509: {why}");
    match tls {
        rustls::Error::InvalidCertificate(why) => match why {
            // A signature that does not fit is that of another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                unverified("certificate signed by unknown authority")
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => unverified("certificate has expired or is not yet valid"),
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names: Vec<_> = presented
                    .iter()
                    .map(|name| name.trim_start_matches("DnsName(\"").trim_end_matches("\")").to_owned())
                    .collect();
                unverified(&format!(
                    "certificate is valid for {}, not {}",
                    names.join(", "),
                    expected.to_str()
                ))
            }
            other => unverified(&other.to_string()),
        },
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        rustls::Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".to_owned(),
        other => format!("tls: {other}"),
    }
}

/// The alerts that Go has words for.
const ALERTS: [(AlertDescription, &str); 12] = [
    (AlertDescription::BadCertificate, "bad certificate"),
    (AlertDescription::CertificateExpired, "expired certificate"),
    (AlertDescription::CertificateRequired, "certificate required"),
    (AlertDescription::CertificateUnknown, "unknown certificate"),
    (AlertDescription::CertificateRevoked, "revoked certificate"),
    (AlertDescription::UnsupportedCertificate, "unsupported certificate"),
    (AlertDescription::DecryptError, "error decrypting message"),
    (AlertDescription::HandshakeFailure, "handshake failure"),
    (AlertDescription::InternalError, "internal error"),
    (AlertDescription::UnknownCA, "unknown certificate authority"),
    (AlertDescription::ProtocolVersion, "protocol version not supported"),
    (AlertDescription::UnrecognisedName, "unrecognized name"),
];

fn alert_text(alert: AlertDescription) -> String {
    let known = ALERTS.iter().find(|(known, _)| *known == alert);
    known.map_or_else(|| format!("{alert:?}"), |(_, text)| (*text).to_owned())
}

/// HTTP/2 keeps only the text of what broke its connection.
fn alert_in(text: &str) -> Option<rustls::Error> {
    let name = text.rsplit_once("received fatal alert: ")?.1;
    let known = ALERTS
        .iter()
        .find(|(alert, _)| name.starts_with(&format!("{alert:?}")))?;
    Some(rustls::Error::AlertReceived(known.0))
}
