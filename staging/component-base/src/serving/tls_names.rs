//! The names that flags give to TLS versions, cipher suites and key exchange groups: those of Go's `crypto/tls`.
//!
//! All of Go's names are taken. Suites that the TLS library does not have (CBC, RC4, static RSA) are insecure and are left
//! out with a warning, so that a configuration which lists them beside good ones keeps working.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, NamedGroup, SupportedProtocolVersion};

use super::tls::TlsProtocol;

/// Why a TLS option is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsNameError {
    /// Not one of the version names.
    #[error("unknown tls version {0:?}")]
    Version(String),
    /// Not one of the suite names.
    #[error("Cipher suite {0} not supported or doesn't exist")]
    Suite(String),
    /// HTTP/2 has a mandatory suite.
    #[error(
        "error configuring http2: http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)"
    )]
    Http2Suite,
    /// No group has such a number.
    #[error("curve preference {0} is out of range (must be 1-65535)")]
    CurveRange(i32),
    /// Given twice.
    #[error("duplicate curve preference {0}")]
    CurveTwice(i32),
    /// A number without a group that we have.
    #[error("curve preference {0} is not supported")]
    Curve(i32),
    /// Only groups that TLS cannot use together with the rest.
    #[error("none of the curve preferences can be used")]
    NoCurve,
}

/// Suites that Go counts as secure, with the library's own name of those for TLS 1.2; TLS 1.3's have none.
const SECURE: [(&str, Option<CipherSuite>); 11] = [
    ("TLS_AES_128_GCM_SHA256", None),
    ("TLS_AES_256_GCM_SHA384", None),
    ("TLS_CHACHA20_POLY1305_SHA256", None),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
];

/// Suites that are known and not served.
const NOT_SERVED: [&str; 16] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

/// The names of `--tls-cipher-suites`, served and not served.
pub(crate) fn suite_names() -> (impl Iterator<Item = &'static str>, &'static [&'static str]) {
    (SECURE.iter().map(|(name, _)| *name), &NOT_SERVED)
}

/// The names of `--tls-min-version`.
pub(crate) const VERSION_NAMES: [&str; 4] = ["VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"];

/// The protocol versions, and the provider with only the suites and groups that the options leave.
pub(super) fn restrict(
    protocol: &TlsProtocol,
    provider: Arc<CryptoProvider>,
) -> Result<(Vec<&'static SupportedProtocolVersion>, Arc<CryptoProvider>), TlsNameError> {
    let only_13 = match protocol.min_version.as_str() {
        "" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12" => false,
        "VersionTLS13" => true,
        other => return Err(TlsNameError::Version(other.to_owned())),
    };
    let mut versions = vec![&rustls::version::TLS13];
    if protocol.cipher_suites.is_empty() && protocol.curve_preferences.is_empty() {
        if !only_13 {
            versions.push(&rustls::version::TLS12);
        }
        return Ok((versions, provider));
    }
    let mut restricted = (*provider).clone();
    if !protocol.cipher_suites.is_empty() {
        let allowed = suites(protocol)?;
        let required = [
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ];
        if !protocol.disable_http2 && !only_13 && !required.iter().any(|suite| allowed.contains(suite)) {
            return Err(TlsNameError::Http2Suite);
        }
        restricted
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || allowed.contains(&suite.suite()));
    }
    if !protocol.curve_preferences.is_empty() {
        let allowed = groups(&protocol.curve_preferences)?;
        restricted.kx_groups.retain(|group| allowed.contains(&group.name()));
        if restricted.kx_groups.is_empty() {
            return Err(TlsNameError::NoCurve);
        }
    }
    if !only_13 && restricted.cipher_suites.iter().any(|suite| suite.tls13().is_none()) {
        versions.push(&rustls::version::TLS12);
    }
    Ok((versions, Arc::new(restricted)))
}

fn suites(protocol: &TlsProtocol) -> Result<Vec<CipherSuite>, TlsNameError> {
    let mut allowed = Vec::new();
    for name in &protocol.cipher_suites {
        match SECURE.iter().find(|(known, _)| known == name) {
            Some((_, suite)) => allowed.extend(suite),
            None if NOT_SERVED.contains(&name.as_str()) => {
                tracing::warn!("Cipher suite '{name}' is insecure and is not served.");
            }
            None => return Err(TlsNameError::Suite(name.clone())),
        }
    }
    Ok(allowed)
}

fn groups(numbers: &[i32]) -> Result<Vec<NamedGroup>, TlsNameError> {
    /// What Go knows; the library may lack some of them.
    const KNOWN: [u16; 7] = [23, 24, 25, 29, 4587, 4588, 4589];
    let mut allowed = Vec::new();
    for &number in numbers {
        let group = u16::try_from(number)
            .ok()
            .filter(|group| *group > 0)
            .ok_or(TlsNameError::CurveRange(number))?;
        let named = NamedGroup::from(group);
        if allowed.contains(&named) {
            return Err(TlsNameError::CurveTwice(number));
        }
        if !KNOWN.contains(&group) {
            return Err(TlsNameError::Curve(number));
        }
        allowed.push(named);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::super::certificates::provider;
    use super::*;

    fn check(change: impl FnOnce(&mut TlsProtocol)) -> Result<(usize, usize, usize), String> {
        let mut protocol = TlsProtocol::default();
        change(&mut protocol);
        let (versions, provider) = restrict(&protocol, provider()).map_err(|error| error.to_string())?;
        let old_suites = provider
            .cipher_suites
            .iter()
            .filter(|suite| suite.tls13().is_none())
            .count();
        Ok((versions.len(), old_suites, provider.kx_groups.len()))
    }

    #[test]
    fn options_restrict_what_is_negotiated() {
        let (_, suites, groups) = check(|_| {}).unwrap();
        assert_eq!(
            check(|it| it.min_version = "VersionTLS13".into()),
            Ok((1, suites, groups))
        );
        assert_eq!(
            check(|it| it.min_version = "VersionTLS11".into()),
            Ok((2, suites, groups))
        );
        let strong = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        assert_eq!(
            check(|it| it.cipher_suites = vec![strong.into(), "TLS_RSA_WITH_RC4_128_SHA".into()]),
            Ok((2, 1, groups))
        );
        assert_eq!(check(|it| it.curve_preferences = vec![29, 23]), Ok((2, suites, 2)));
    }

    #[test]
    fn wrong_options_are_refused_with_upstream_s_words() {
        let error = |change: fn(&mut TlsProtocol)| check(change).unwrap_err();
        assert_eq!(
            error(|it| it.min_version = "TLS13".into()),
            "unknown tls version \"TLS13\""
        );
        assert_eq!(
            error(|it| it.cipher_suites = vec!["NOPE".into()]),
            "Cipher suite NOPE not supported or doesn't exist"
        );
        assert!(
            error(|it| it.cipher_suites = vec!["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".into()])
                .starts_with("error configuring http2: http2: TLSConfig.CipherSuites is missing")
        );
        assert_eq!(
            error(|it| it.curve_preferences = vec![0]),
            "curve preference 0 is out of range (must be 1-65535)"
        );
        assert_eq!(
            error(|it| it.curve_preferences = vec![29, 29]),
            "duplicate curve preference 29"
        );
        assert_eq!(
            error(|it| it.curve_preferences = vec![1]),
            "curve preference 1 is not supported"
        );
    }
}
