//! The secure serving flags, from text to a bound listener and its certificates.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::flags::{FlagSet, Flags, NamedCertKeys};
use crate::serving::{
    CertificateError, CertificateSource, DynamicCaBundle, ListenOptions, Listener, ServerSettings, ServingCertificate,
    ServingTls, SniCertificate, TlsError, TlsProtocol, find_or_generate, generate_self_signed,
    tls_names::{VERSION_NAMES, suite_names},
};

/// `--bind-address`, `--secure-port`, `--cert-dir`, `--tls-*` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecureServingOptions {
    /// The address to listen on; an unspecified one means all of both families.
    pub bind_address: IpAddr,
    /// The port; 0 serves nothing unless a listener is handed over.
    pub secure_port: i64,
    /// Whether 0 is refused.
    pub port_required: bool,
    /// HTTP/1.1 only.
    pub disable_http2_serving: bool,
    /// Where a generated pair is kept; empty keeps it in memory.
    pub cert_dir: String,
    /// The generated pair's file name, without extension.
    pub pair_name: &'static str,
    /// The certificate's file.
    pub tls_cert_file: String,
    /// The key's file.
    pub tls_private_key_file: String,
    /// TLS 1.2 cipher suites by Go's names.
    pub tls_cipher_suites: Vec<String>,
    /// Key exchange groups by number.
    pub tls_curve_preferences: Vec<i32>,
    /// The oldest TLS version.
    pub tls_min_version: String,
    /// Certificates for certain names.
    pub tls_sni_cert_keys: NamedCertKeys,
    /// Streams a client may have on one connection; 0 for the default.
    pub http2_max_streams_per_connection: i64,
    /// SO_REUSEPORT.
    pub permit_port_sharing: bool,
    /// SO_REUSEADDR; always in effect here, as Go's listeners have it too.
    pub permit_address_sharing: bool,
}

/// What is wrong with the serving options.
#[derive(Debug, thiserror::Error)]
pub enum SecureServingError {
    /// A port that is none, where there must be one.
    #[error("--secure-port {0} must be between 1 and 65535, inclusive. It cannot be turned off with 0")]
    RequiredPort(i64),
    /// A port that is none.
    #[error("--secure-port {0} must be between 0 and 65535, inclusive. 0 for turning off secure port")]
    Port(i64),
    /// A negative number of streams, or more than the protocol can say.
    #[error("--http2-max-streams-per-connection {0} must be between 0 and 4294967295")]
    Streams(i64),
    /// The port cannot be bound.
    #[error("failed to create listener: failed to listen on {address}: {source}")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A pair cannot be generated or read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl SecureServingOptions {
    /// The defaults of a component that serves on this port, its generated pair under this name.
    #[must_use]
    pub fn new(port: u16, pair_name: &'static str, cert_dir: &str) -> Self {
        Self {
            bind_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            secure_port: i64::from(port),
            port_required: false,
            disable_http2_serving: false,
            cert_dir: cert_dir.to_owned(),
            pair_name,
            tls_cert_file: String::new(),
            tls_private_key_file: String::new(),
            tls_cipher_suites: Vec::new(),
            tls_curve_preferences: Vec::new(),
            tls_min_version: String::new(),
            tls_sni_cert_keys: NamedCertKeys::default(),
            http2_max_streams_per_connection: 0,
            permit_port_sharing: false,
            permit_address_sharing: false,
        }
    }

    /// Checks ranges. The names of suites, versions and groups are checked where TLS is set up.
    ///
    /// # Errors
    /// The first option that is out of range.
    pub fn validate(&self) -> Result<(), SecureServingError> {
        let port = self.secure_port;
        if self.port_required && !(1..=65_535).contains(&port) {
            return Err(SecureServingError::RequiredPort(port));
        }
        if !(0..=65_535).contains(&port) {
            return Err(SecureServingError::Port(port));
        }
        self.http2_streams().map(drop)
    }

    fn http2_streams(&self) -> Result<u32, SecureServingError> {
        let streams = self.http2_max_streams_per_connection;
        u32::try_from(streams).map_err(|_| SecureServingError::Streams(streams))
    }

    /// Binds the port; `None` when it is switched off.
    ///
    /// # Errors
    /// The port is no port, or it cannot be bound.
    pub fn listen(&self) -> Result<Option<Listener>, SecureServingError> {
        self.validate()?;
        let port = u16::try_from(self.secure_port).map_err(|_| SecureServingError::Port(self.secure_port))?;
        if port == 0 {
            return Ok(None);
        }
        let address = SocketAddr::new(self.bind_address, port);
        let listener = Listener::bind(
            address,
            ListenOptions {
                share_port: self.permit_port_sharing,
            },
        )
        .map_err(|source| SecureServingError::Listen { address, source })?;
        Ok(Some(listener))
    }

    /// Sets TLS up with the given files, or with a pair that is found in or generated into `cert_dir`: for `public_host`
    /// (an address or a name), the alternatives, and the bind address or else `localhost`.
    ///
    /// # Errors
    /// The certificates or the TLS options cannot be used.
    pub fn tls(
        &self,
        public_host: &str,
        alternate_ips: &[IpAddr],
        alternate_dns: &[String],
        client_cas: Vec<Arc<DynamicCaBundle>>,
    ) -> Result<Arc<ServingTls>, SecureServingError> {
        let default = if self.tls_cert_file.is_empty() && self.tls_private_key_file.is_empty() {
            self.generated(public_host, alternate_ips, alternate_dns)?
        } else {
            CertificateSource::Files {
                cert: PathBuf::from(&self.tls_cert_file),
                key: PathBuf::from(&self.tls_private_key_file),
            }
        };
        let named = self
            .tls_sni_cert_keys
            .iter()
            .map(|entry| SniCertificate {
                source: CertificateSource::Files {
                    cert: PathBuf::from(&entry.cert_file),
                    key: PathBuf::from(&entry.key_file),
                },
                names: entry.names.clone(),
            })
            .collect();
        let protocol = TlsProtocol {
            min_version: self.tls_min_version.clone(),
            cipher_suites: self.tls_cipher_suites.clone(),
            curve_preferences: self.tls_curve_preferences.clone(),
            disable_http2: self.disable_http2_serving,
        };
        Ok(Arc::new(ServingTls::new(protocol, Some(default), named, client_cas)?))
    }

    fn generated(&self, host: &str, ips: &[IpAddr], dns: &[String]) -> Result<CertificateSource, CertificateError> {
        let (mut ips, mut dns) = (ips.to_vec(), dns.to_vec());
        if self.bind_address.is_unspecified() {
            dns.push("localhost".to_owned());
        } else {
            ips.push(self.bind_address);
        }
        if self.cert_dir.is_empty() {
            let pair = generate_self_signed(host, &ips, &dns)?;
            tracing::info!("Generated self-signed cert in-memory");
            let certificate = ServingCertificate::from_pem(
                "generated self signed cert",
                pair.cert.as_bytes(),
                pair.key.0.as_bytes(),
            )?;
            return Ok(CertificateSource::Fixed(certificate));
        }
        let files = find_or_generate(self.cert_dir.as_ref(), self.pair_name, host, &ips, &dns)?;
        Ok(CertificateSource::Files {
            cert: files.cert,
            key: files.key,
        })
    }

    /// The settings of a server for these options.
    ///
    /// # Errors
    /// The number of streams is out of range.
    pub fn server_settings(&self) -> Result<ServerSettings, SecureServingError> {
        Ok(ServerSettings {
            http2_max_streams: self.http2_streams()?,
            ..ServerSettings::default()
        })
    }
}

impl Flags for SecureServingOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let (served, not_served) = suite_names();
        let suites = format!(
            "cipher suites of TLS 1.2, all if omitted.\nServed: {}.\nInsecure and not served: {}.",
            served.collect::<Vec<_>>().join(", "),
            not_served.join(", ")
        );
        let off = if self.port_required {
            "it cannot be switched off with 0"
        } else {
            "0 serves no HTTPS at all"
        };
        flags.section("secure serving");
        flags.add(
            "bind-address",
            &mut self.bind_address,
            "the address to listen on for --secure-port; an unspecified one (0.0.0.0 or ::) means all addresses of both families",
        );
        flags.add(
            "secure-port",
            &mut self.secure_port,
            format!("the port to serve HTTPS on with authentication and authorization; {off}"),
        );
        flags.add(
            "disable-http2-serving",
            &mut self.disable_http2_serving,
            "serve HTTP/1.1 only",
        );
        flags.add(
            "cert-dir",
            &mut self.cert_dir,
            "where a generated certificate is kept; of no effect with --tls-cert-file and --tls-private-key-file",
        );
        flags.add(
            "tls-cert-file",
            &mut self.tls_cert_file,
            "the serving certificate, followed by those of its authorities; a self-signed one is generated into --cert-dir if neither this nor the key is given",
        );
        flags.add(
            "tls-private-key-file",
            &mut self.tls_private_key_file,
            "the key of --tls-cert-file",
        );
        flags.add("tls-cipher-suites", &mut self.tls_cipher_suites, suites);
        flags.add(
            "tls-curve-preferences",
            &mut self.tls_curve_preferences,
            "key exchange groups by their registered numbers, in any order; all if omitted",
        );
        flags.add(
            "tls-min-version",
            &mut self.tls_min_version,
            format!("the oldest TLS version: {}", VERSION_NAMES.join(", ")),
        );
        flags.add(
            "tls-sni-cert-key",
            &mut self.tls_sni_cert_keys,
            "a certificate and key file for certain names, \"a.crt,a.key\" for those in the certificate or \"a.crt,a.key:*.foo.com,foo.com\"; may be repeated",
        );
        flags.add(
            "http2-max-streams-per-connection",
            &mut self.http2_max_streams_per_connection,
            "how many streams a client may have open on one HTTP/2 connection; 0 for the default",
        );
        flags.add(
            "permit-port-sharing",
            &mut self.permit_port_sharing,
            "bind with SO_REUSEPORT, so that several processes can serve the same address and port",
        );
        flags.add(
            "permit-address-sharing",
            &mut self.permit_address_sharing,
            "bind with SO_REUSEADDR (which is always the case)",
        );
    }
}
