//! The flags of authentication (upstream: `pkg/kubeapiserver/options/authentication.go`).

use std::collections::BTreeMap;

use component_base::{
    GoDuration,
    flags::{FlagSet, FlagValue, Flags, StringArray},
    serving::CaBundle,
};
use url::Url;

use crate::{OptionError, Tracked, aggregate};

/// The flags of authentication.
#[derive(Clone, Debug)]
pub struct AuthenticationOptions {
    /// `--anonymous-auth`
    pub anonymous: Tracked<bool>,
    /// `--client-ca-file`
    pub client_ca_file: String,
    /// `--token-auth-file`
    pub token_auth_file: String,
    /// `--enable-bootstrap-token-auth`
    pub bootstrap_tokens: bool,
    /// `--api-audiences`
    pub api_audiences: Vec<String>,
    /// `--authentication-config`
    pub config_file: String,
    /// `--service-account-…`
    pub service_accounts: ServiceAccountOptions,
    /// `--oidc-…`
    pub oidc: OidcOptions,
    /// `--authentication-token-webhook-…`
    pub webhook: WebhookOptions,
    /// `--requestheader-…`
    pub request_header: RequestHeaderOptions,
}

/// How tokens of service accounts are signed and recognized.
#[derive(Clone, Debug)]
pub struct ServiceAccountOptions {
    /// `--service-account-key-file`
    pub key_files: StringArray,
    /// `--service-account-signing-key-file`
    pub signing_key_file: String,
    /// `--service-account-issuer`
    pub issuers: StringArray,
    /// `--service-account-jwks-uri`
    pub jwks_uri: String,
    /// `--service-account-lookup`
    pub lookup: bool,
    /// `--service-account-max-token-expiration`
    pub max_expiration: GoDuration,
    /// `--service-account-extend-token-expiration`
    pub extend_expiration: bool,
}

/// One OpenID Connect issuer.
#[derive(Clone, Debug)]
pub struct OidcOptions {
    /// `--oidc-issuer-url`
    pub issuer_url: Tracked<String>,
    /// `--oidc-client-id`
    pub client_id: Tracked<String>,
    /// `--oidc-ca-file`
    pub ca_file: Tracked<String>,
    /// `--oidc-username-claim`
    pub username_claim: Tracked<String>,
    /// `--oidc-username-prefix`
    pub username_prefix: Tracked<String>,
    /// `--oidc-groups-claim`
    pub groups_claim: Tracked<String>,
    /// `--oidc-groups-prefix`
    pub groups_prefix: Tracked<String>,
    /// `--oidc-signing-algs`
    pub signing_algs: Tracked<Vec<String>>,
    /// `--oidc-required-claim`
    pub required_claims: Tracked<RequiredClaims>,
}

/// `key=value` pairs, one a use of the flag; commas are part of the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredClaims(pub BTreeMap<String, String>);

impl FlagValue for RequiredClaims {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        if first {
            self.0.clear();
        }
        let (key, value) = text.split_once('=').ok_or("malformed pair, expect string=string")?;
        self.0.insert(key.trim().to_owned(), value.trim().to_owned());
        Ok(())
    }

    fn to_text(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    }

    fn type_name(&self) -> &'static str {
        "mapStringString"
    }
}

/// A remote service that knows tokens.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// `--authentication-token-webhook-config-file`
    pub config_file: String,
    /// `--authentication-token-webhook-version`
    pub version: String,
    /// `--authentication-token-webhook-cache-ttl`
    pub cache_ttl: GoDuration,
}

/// A front proxy that names users.
#[derive(Clone, Debug, Default)]
pub struct RequestHeaderOptions {
    /// `--requestheader-client-ca-file`
    pub client_ca_file: String,
    /// `--requestheader-username-headers`
    pub username_headers: Vec<String>,
    /// `--requestheader-uid-headers`
    pub uid_headers: Vec<String>,
    /// `--requestheader-group-headers`
    pub group_headers: Vec<String>,
    /// `--requestheader-extra-headers-prefix`
    pub extra_headers_prefix: Vec<String>,
    /// `--requestheader-allowed-names`
    pub allowed_names: Vec<String>,
}

impl Default for AuthenticationOptions {
    fn default() -> Self {
        Self {
            anonymous: Tracked::new(true),
            client_ca_file: String::new(),
            token_auth_file: String::new(),
            bootstrap_tokens: false,
            api_audiences: Vec::new(),
            config_file: String::new(),
            service_accounts: ServiceAccountOptions {
                key_files: StringArray::default(),
                signing_key_file: String::new(),
                issuers: StringArray::default(),
                jwks_uri: String::new(),
                lookup: true,
                max_expiration: GoDuration::ZERO,
                extend_expiration: true,
            },
            oidc: OidcOptions::default(),
            webhook: WebhookOptions {
                config_file: String::new(),
                version: "v1beta1".to_owned(),
                cache_ttl: GoDuration::from_secs(120),
            },
            request_header: RequestHeaderOptions::default(),
        }
    }
}

impl Default for OidcOptions {
    fn default() -> Self {
        Self {
            issuer_url: Tracked::default(),
            client_id: Tracked::default(),
            ca_file: Tracked::default(),
            username_claim: Tracked::new("sub".to_owned()),
            username_prefix: Tracked::default(),
            groups_claim: Tracked::default(),
            groups_prefix: Tracked::default(),
            signing_algs: Tracked::new(vec!["RS256".to_owned()]),
            required_claims: Tracked::default(),
        }
    }
}

impl OidcOptions {
    fn is_given(&self) -> bool {
        let texts = [
            &self.issuer_url,
            &self.client_id,
            &self.ca_file,
            &self.username_claim,
            &self.username_prefix,
            &self.groups_claim,
            &self.groups_prefix,
        ];
        texts.iter().any(|flag| flag.is_given()) || self.signing_algs.is_given() || self.required_claims.is_given()
    }
}

impl AuthenticationOptions {
    /// The API's own audiences: the given ones, or else the issuers of service accounts' tokens.
    #[must_use]
    pub fn audiences(&self) -> Vec<String> {
        if self.api_audiences.is_empty() {
            self.service_accounts.issuers.0.clone()
        } else {
            self.api_audiences.clone()
        }
    }

    /// Checks what can be checked without the files.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validate(&self) -> Result<(), OptionError> {
        let mut errors = Vec::new();
        if self.config_file.is_empty() {
            if self.oidc.is_given() && (self.oidc.issuer_url.is_empty() || self.oidc.client_id.is_empty()) {
                errors.push(
                    "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set"
                        .to_owned(),
                );
            }
        } else if self.oidc.is_given() {
            errors.push("authentication-config file and oidc-* flags are mutually exclusive".to_owned());
        }
        self.service_accounts.validate(&mut errors);
        if self.service_accounts.issuers.is_empty() && !self.api_audiences.is_empty() {
            errors.push(TOGETHER.to_owned());
        }
        self.request_header.validate(&mut errors);
        if !self.client_ca_file.is_empty()
            && !self.request_header.client_ca_file.is_empty()
            && self.request_header.allowed_names.is_empty()
            && overlap(&self.client_ca_file, &self.request_header.client_ca_file)
        {
            errors.push(
                "--requestheader-client-ca-file and --client-ca-file contain overlapping certificates; \
                 --requestheader-allowed-names must be specified to ensure regular client certificates cannot set \
                 authenticating proxy headers for arbitrary users"
                    .to_owned(),
            );
        }
        aggregate(errors)
    }
}

const TOGETHER: &str =
    "--service-account-signing-key-file, --service-account-issuer, and --api-audiences should be specified together";

impl ServiceAccountOptions {
    /// Without any of these flags a server has no tokens of service accounts; upstream does not start then.
    fn validate(&self, errors: &mut Vec<String>) {
        let mut seen: Vec<&String> = Vec::new();
        for issuer in self.issuers.iter() {
            if issuer.is_empty() {
                errors.push("service-account-issuer should not be an empty string".to_owned());
            } else if let (true, Err(error)) = (issuer.contains(':'), Url::parse(issuer)) {
                errors.push(format!(
                    "service-account-issuer {issuer:?} contained a ':' but was not a valid URL: {error}"
                ));
            } else if seen.contains(&issuer) {
                errors.push(format!("service-account-issuer {issuer:?} is already specified"));
            } else {
                seen.push(issuer);
            }
        }
        let (keys, signing) = (!self.key_files.is_empty(), !self.signing_key_file.is_empty());
        if self.issuers.is_empty() {
            if keys || signing {
                errors.push("service-account-issuer is a required flag".to_owned());
            }
        } else {
            if !keys {
                errors.push(
                    "either `--service-account-key-file` or `--service-account-signing-endpoint` must be set"
                        .to_owned(),
                );
            }
            if !signing {
                errors.push(TOGETHER.to_owned());
            }
        }
        if !self.jwks_uri.is_empty() {
            match Url::parse(&self.jwks_uri) {
                Ok(url) if url.scheme() == "https" => {}
                Ok(url) => errors.push(format!(
                    "service-account-jwks-uri requires https scheme, parsed as: {url}"
                )),
                Err(error) => errors.push(format!("service-account-jwks-uri must be a valid URL: {error}")),
            }
        }
    }
}

impl RequestHeaderOptions {
    fn validate(&self, errors: &mut Vec<String>) {
        for (flag, values) in [
            ("requestheader-username-headers", &self.username_headers),
            ("requestheader-group-headers", &self.group_headers),
            ("requestheader-extra-headers-prefix", &self.extra_headers_prefix),
            ("requestheader-allowed-names", &self.allowed_names),
            ("requestheader-uid-headers", &self.uid_headers),
        ] {
            if values.iter().any(|value| value.trim().is_empty()) {
                errors.push(format!("empty value in {flag:?}"));
            }
        }
        let lacks = |values: &[String], name: &str| {
            !values.is_empty() && !values.iter().any(|value| value.eq_ignore_ascii_case(name))
        };
        for (flag, values, name, kind) in [
            ("username-headers", &self.username_headers, "X-Remote-User", "header"),
            ("group-headers", &self.group_headers, "X-Remote-Group", "header"),
            (
                "extra-headers-prefix",
                &self.extra_headers_prefix,
                "X-Remote-Extra-",
                "header prefix",
            ),
        ] {
            if lacks(values, name) {
                tracing::warn!(
                    "--requestheader-{flag} is set without specifying the standard {name} {kind} - API aggregation \
                     will not work"
                );
            }
        }
        if lacks(&self.uid_headers, "X-Remote-Uid") {
            errors.push(
                "--requestheader-uid-headers is set without specifying the standard X-Remote-Uid header - API \
                 aggregation will not work"
                    .to_owned(),
            );
        }
    }
}

/// Whether two bundles have a certificate in common; one that cannot be read is reported when it is loaded.
fn overlap(left: &str, right: &str) -> bool {
    let subjects = |path: &str| CaBundle::from_file(path.as_ref()).ok();
    let (Some(left), Some(right)) = (subjects(left), subjects(right)) else {
        return false;
    };
    let blocks = |bundle: &CaBundle| -> Vec<String> {
        String::from_utf8_lossy(bundle.pem())
            .split("-----BEGIN CERTIFICATE-----")
            .skip(1)
            .filter_map(|rest| rest.split("-----END").next())
            .map(|body| body.split_whitespace().collect())
            .collect()
    };
    let others = blocks(&right);
    blocks(&left).iter().any(|block| others.contains(block))
}

impl Flags for AuthenticationOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("authentication")
            .add(
                "anonymous-auth",
                &mut self.anonymous,
                "let requests without credentials through to authorization",
            )
            .add(
                "client-ca-file",
                &mut self.client_ca_file,
                "authorities whose client certificates name users",
            )
            .add(
                "token-auth-file",
                &mut self.token_auth_file,
                "file of tokens: token,user,uid[,groups]",
            )
            .add(
                "enable-bootstrap-token-auth",
                &mut self.bootstrap_tokens,
                "accept the bootstrap tokens in kube-system's secrets",
            )
            .add(
                "api-audiences",
                &mut self.api_audiences,
                "for whom tokens must be meant; by default the issuers of service accounts' tokens",
            )
            .add(
                "authentication-config",
                &mut self.config_file,
                "AuthenticationConfiguration file: issuers of tokens, anonymous requests",
            );
        self.service_accounts.add_flags(flags);
        self.oidc.add_flags(flags);
        flags
            .add(
                "authentication-token-webhook-config-file",
                &mut self.webhook.config_file,
                "kubeconfig file of a service that knows tokens",
            )
            .add(
                "authentication-token-webhook-version",
                &mut self.webhook.version,
                "version of the TokenReview that the service takes",
            )
            .add(
                "authentication-token-webhook-cache-ttl",
                &mut self.webhook.cache_ttl,
                "how long the service's answers are remembered",
            );
        let proxy = &mut self.request_header;
        flags
            .add(
                "requestheader-client-ca-file",
                &mut proxy.client_ca_file,
                "authorities of the front proxies that may name users in headers",
            )
            .add(
                "requestheader-username-headers",
                &mut proxy.username_headers,
                "headers with a user's name; X-Remote-User is usual",
            )
            .add(
                "requestheader-uid-headers",
                &mut proxy.uid_headers,
                "headers with a user's identifier; X-Remote-Uid is usual",
            )
            .add(
                "requestheader-group-headers",
                &mut proxy.group_headers,
                "headers with a user's groups; X-Remote-Group is usual",
            )
            .add(
                "requestheader-extra-headers-prefix",
                &mut proxy.extra_headers_prefix,
                "prefixes of headers with further attributes; X-Remote-Extra- is usual",
            )
            .add(
                "requestheader-allowed-names",
                &mut proxy.allowed_names,
                "common names that a front proxy's certificate may have; any if there are none",
            );
    }
}

impl Flags for ServiceAccountOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "service-account-key-file",
                &mut self.key_files,
                "file of keys that tokens of service accounts may be signed with; may be repeated",
            )
            .add(
                "service-account-signing-key-file",
                &mut self.signing_key_file,
                "file of the private key that signs tokens of service accounts",
            )
            .add(
                "service-account-issuer",
                &mut self.issuers,
                "who issues tokens of service accounts; the first one issues, all are accepted",
            )
            .add(
                "service-account-jwks-uri",
                &mut self.jwks_uri,
                "where the issuer's keys are said to be, if not on this server",
            )
            .add(
                "service-account-lookup",
                &mut self.lookup,
                "accept a token from a secret only while the secret exists",
            )
            .add(
                "service-account-max-token-expiration",
                &mut self.max_expiration,
                "longest life of an issued token; 0 for no limit",
            )
            .add(
                "service-account-extend-token-expiration",
                &mut self.extend_expiration,
                "let pods' tokens live for a year, with a note in the audit log when they should have been renewed",
            );
    }
}

impl Flags for OidcOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "oidc-issuer-url",
                &mut self.issuer_url,
                "https URL of an OpenID Connect issuer",
            )
            .add(
                "oidc-client-id",
                &mut self.client_id,
                "for whom the issuer's tokens are meant",
            )
            .add(
                "oidc-ca-file",
                &mut self.ca_file,
                "authorities of the issuer's certificate; the system's if empty",
            )
            .add(
                "oidc-username-claim",
                &mut self.username_claim,
                "the claim that names the user",
            )
            .add(
                "oidc-username-prefix",
                &mut self.username_prefix,
                "what stands before the user's name; - for nothing",
            )
            .add(
                "oidc-groups-claim",
                &mut self.groups_claim,
                "the claim that names groups",
            )
            .add(
                "oidc-groups-prefix",
                &mut self.groups_prefix,
                "what stands before each group's name",
            )
            .add(
                "oidc-signing-algs",
                &mut self.signing_algs,
                "algorithms that tokens may be signed with",
            )
            .add(
                "oidc-required-claim",
                &mut self.required_claims,
                "key=value of a claim that tokens must have; may be repeated",
            );
    }
}
