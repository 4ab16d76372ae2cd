//! The authenticators of kube-apiserver, from its flags (upstream: `pkg/kubeapiserver/authenticator`).

mod discovery;
mod legacy_use;
mod oidc;
mod options;
mod reload;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use apiserver_auth::{
    authentication::{
        Anonymous, AudienceAgnostic, BearerToken, BootstrapTokens, CacheSettings, CertificateMetrics, Chain,
        ClientCertificates, Credentials, JwtIssuers, RequestAuthenticator, RequestHeader, RequestHeaderConfig,
        TokenAuthenticator, TokenCache, TokenCacheMetrics, TokenFile, TokenUnion, WebSocketToken, WebhookTokens,
        config::{self, AnonymousConfig, AuthenticationConfiguration},
    },
    jose::{Algorithm, PublicKey, SigningKey, read_public_keys},
    serviceaccount::{
        Discovery, Keys, LegacyTokens, ServiceAccountLookup, ServiceAccountTokens, TokenIssuer, TokenIssuerSettings,
    },
};
use arc_swap::ArcSwap;
use component_base::serving::DynamicCaBundle;
use tokio_util::sync::CancellationToken;

pub use discovery::IssuerDocuments;
pub use legacy_use::NotedUse;
pub use options::{
    AuthenticationOptions, OidcOptions, RequestHeaderOptions, RequiredClaims, ServiceAccountOptions, WebhookOptions,
};

use crate::{OptionError, StoredObjects, remote::RemoteReviews};

/// How long one question to a token webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// What the flags make.
pub struct Authentication {
    /// The authenticators, in order.
    pub chain: Arc<Chain>,
    /// The API's own audiences.
    pub audiences: Vec<String>,
    /// Whose certificates clients are asked for: the users' authorities and the front proxies'.
    pub client_cas: Vec<Arc<DynamicCaBundle>>,
    /// Issues tokens of service accounts; absent without a signing key.
    pub issuer: Option<Arc<TokenIssuer>>,
    /// What lets others verify those tokens; absent if the issuer is no URL.
    pub documents: Option<IssuerDocuments>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authentication")
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

/// What authenticators need besides the flags.
#[derive(Debug)]
pub struct Environment {
    /// The server's own objects.
    pub objects: Arc<StoredObjects>,
    /// Notes that a token that lives in a secret was used.
    pub legacy_use: Arc<NotedUse>,
    /// Address under which clients outside reach the server (`host:port`).
    pub external_address: String,
    /// Whether every authorized request passes: nobody is anonymous then.
    pub always_allow: bool,
    /// What is counted of remembered answers about tokens.
    pub token_metrics: Arc<TokenCacheMetrics>,
    /// What is counted of client certificates.
    pub certificate_metrics: CertificateMetrics,
    /// Ends the reloading of files.
    pub stop: CancellationToken,
}

fn read(path: &str) -> Result<Vec<u8>, OptionError> {
    std::fs::read(path).map_err(|error| OptionError(format!("open {path}: {error}")))
}

/// Authorities that follow their file.
fn authorities(path: &str, stop: &CancellationToken) -> Result<Arc<DynamicCaBundle>, OptionError> {
    let bundle = Arc::new(DynamicCaBundle::from_file(path).map_err(OptionError::new)?);
    tokio::spawn(bundle.clone().run(stop.clone()));
    Ok(bundle)
}

/// The keys of service accounts' tokens.
struct ServiceAccountKeys {
    signing: Option<SigningKey>,
    public: Vec<PublicKey>,
}

impl ServiceAccountKeys {
    fn load(options: &ServiceAccountOptions) -> Result<Self, OptionError> {
        let mut public: Vec<PublicKey> = Vec::new();
        for file in options.key_files.iter() {
            let keys = read_public_keys(&read(file)?)
                .map_err(|error| OptionError(format!("error reading public key file {file}: {error}")))?;
            public.extend(keys);
        }
        let signing =
            match options.signing_key_file.as_str() {
                "" => None,
                file => Some(SigningKey::from_pem(&read(file)?).map_err(|error| {
                    OptionError(format!("failed to parse service-account-issuer-key-file: {error}"))
                })?),
            };
        Ok(Self { signing, public })
    }
}

/// What the flags and the configuration file say together.
struct Configured {
    /// The file's bytes, for telling whether it changes.
    bytes: Option<Vec<u8>>,
    file: AuthenticationConfiguration,
    anonymous: AnonymousConfig,
    algorithms: Vec<Algorithm>,
}

impl AuthenticationOptions {
    /// Reads the files and puts the authenticators together. Runs in a runtime: some files are followed from now on.
    ///
    /// # Errors
    /// What is wrong with the flags or a file.
    pub fn build(&self, environment: &Environment) -> Result<Authentication, OptionError> {
        self.validate()?;
        let audiences = self.audiences();
        let configured = self.configured(environment.always_allow)?;
        let keys = ServiceAccountKeys::load(&self.service_accounts)?;
        let documents = self.documents(&keys, environment)?;
        let stop = &environment.stop;
        let (mut authenticators, mut client_cas) = (Vec::<Arc<dyn RequestAuthenticator>>::new(), Vec::new());
        let mut credentials = Credentials::default();
        let proxy = &self.request_header;
        if !proxy.client_ca_file.is_empty() {
            let bundle = authorities(&proxy.client_ca_file, stop)?;
            let config = RequestHeaderConfig {
                username_headers: proxy.username_headers.clone(),
                uid_headers: proxy.uid_headers.clone(),
                group_headers: proxy.group_headers.clone(),
                extra_header_prefixes: proxy.extra_headers_prefix.clone(),
                allowed_names: proxy.allowed_names.clone(),
            };
            credentials.request_header = Some(config.clone());
            authenticators.push(Arc::new(RequestHeader::new(config, bundle.clone())));
            client_cas.push(bundle);
        }
        if !self.client_ca_file.is_empty() {
            let bundle = authorities(&self.client_ca_file, stop)?;
            authenticators.push(Arc::new(
                ClientCertificates::new(bundle.clone()).measured(environment.certificate_metrics.clone()),
            ));
            client_cas.push(bundle);
        }
        let tokens = self.tokens(&audiences, &configured, keys.public.clone(), environment)?;
        if !tokens.is_empty() {
            let union = Arc::new(TokenUnion::new(tokens));
            let cached = TokenCache::new(union, CacheSettings::default());
            let cached = Arc::new(cached.measured(environment.token_metrics.clone()));
            authenticators.push(Arc::new(BearerToken::new(cached.clone())));
            authenticators.push(Arc::new(WebSocketToken::new(cached)));
        }
        let anonymous = configured.anonymous.enabled.then(|| {
            let paths = configured.anonymous.conditions.iter();
            Anonymous::new(paths.map(|condition| condition.path.clone()))
        });
        let issuer = keys.signing.map(|key| self.issuer(key, &audiences, environment));
        Ok(Authentication {
            chain: Arc::new(Chain::new(authenticators, anonymous, credentials)),
            audiences,
            client_cas,
            issuer,
            documents,
        })
    }

    fn configured(&self, always_allow: bool) -> Result<Configured, OptionError> {
        let bytes = std::fs::read(&self.config_file).ok();
        let (mut file, algorithms) = if self.config_file.is_empty() {
            let algorithms = oidc::algorithms(&self.oidc.signing_algs)?;
            let jwt = oidc::from_flags(&self.oidc)?.into_iter().collect();
            let file = AuthenticationConfiguration {
                jwt,
                ..AuthenticationConfiguration::default()
            };
            (file, algorithms)
        } else {
            let path = &self.config_file;
            let file = config::load(Path::new(path), &self.service_accounts.issuers).map_err(|error| {
                OptionError(format!(
                    "failed to load authentication configuration from file {path:?}: {error}"
                ))
            })?;
            (file, Algorithm::ALL.to_vec())
        };
        config::validate(&file, &self.service_accounts.issuers)
            .into_result()
            .map_err(|errors| OptionError(format!("invalid authentication configuration: {errors}")))?;
        let anonymous = match file.anonymous.take() {
            Some(_) if self.anonymous.is_given() => {
                return Err(OptionError::new(
                    "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in \
                     authentication configuration file",
                ));
            }
            Some(anonymous) => {
                file.anonymous = Some(anonymous.clone());
                anonymous
            }
            None if *self.anonymous && always_allow => {
                tracing::warn!(
                    "AnonymousAuth is not allowed with the AlwaysAllow authorizer. Resetting AnonymousAuth to false. You \
                     should use a different authorizer"
                );
                AnonymousConfig::default()
            }
            None => AnonymousConfig {
                enabled: *self.anonymous,
                ..AnonymousConfig::default()
            },
        };
        Ok(Configured {
            bytes,
            file,
            anonymous,
            algorithms,
        })
    }

    fn tokens(
        &self,
        audiences: &[String],
        configured: &Configured,
        keys: Vec<PublicKey>,
        environment: &Environment,
    ) -> Result<Vec<Arc<dyn TokenAuthenticator>>, OptionError> {
        let agnostic = |tokens: Arc<dyn TokenAuthenticator>| -> Arc<dyn TokenAuthenticator> {
            Arc::new(AudienceAgnostic::new(audiences.to_vec(), tokens))
        };
        let mut tokens: Vec<Arc<dyn TokenAuthenticator>> = Vec::new();
        if !self.token_auth_file.is_empty() {
            let file = TokenFile::from_file(Path::new(&self.token_auth_file)).map_err(OptionError::new)?;
            tokens.push(agnostic(Arc::new(file)));
        }
        if !keys.is_empty() {
            let keys: Keys = Arc::new(ArcSwap::from_pointee(keys));
            let objects: Arc<dyn ServiceAccountLookup> = environment.objects.clone();
            let lookup = self.service_accounts.lookup.then(|| objects.clone());
            tokens.push(Arc::new(LegacyTokens::new(
                keys.clone(),
                audiences.to_vec(),
                lookup,
                Some(environment.legacy_use.clone()),
            )));
            let issuers = self.service_accounts.issuers.0.clone();
            if !issuers.is_empty() {
                tokens.push(Arc::new(ServiceAccountTokens::new(
                    issuers,
                    keys,
                    audiences.to_vec(),
                    objects,
                )));
            }
        }
        if self.bootstrap_tokens {
            tokens.push(agnostic(Arc::new(BootstrapTokens::new(environment.objects.clone()))));
        }
        if !configured.file.jwt.is_empty() || !self.config_file.is_empty() {
            let issuers = Arc::new(JwtIssuers::default());
            issuers.replace(oidc::issuers(&configured.file, &configured.algorithms)?);
            if !self.config_file.is_empty() {
                let follow = reload::Follow {
                    path: self.config_file.clone().into(),
                    first: configured.bytes.clone(),
                    disallowed: self.service_accounts.issuers.0.clone(),
                    anonymous: configured.file.anonymous.clone(),
                    algorithms: configured.algorithms.clone(),
                    issuers: issuers.clone(),
                };
                tokio::spawn(follow.run(environment.stop.clone()));
            }
            tokens.push(agnostic(issuers));
        }
        if !self.webhook.config_file.is_empty() {
            let file = Path::new(&self.webhook.config_file);
            let remote = RemoteReviews::new(Some(file), &self.webhook.version, WEBHOOK_TIMEOUT)?;
            let webhook = Arc::new(WebhookTokens::new(Arc::new(remote), audiences.to_vec()));
            let ttl = self.webhook.cache_ttl.to_std();
            let settings = CacheSettings {
                success: ttl,
                failure: ttl,
                ..CacheSettings::webhook()
            };
            let cached = TokenCache::new(webhook, settings).measured(environment.token_metrics.clone());
            tokens.push(Arc::new(cached));
        }
        Ok(tokens)
    }

    fn issuer(&self, key: SigningKey, audiences: &[String], environment: &Environment) -> Arc<TokenIssuer> {
        let options = &self.service_accounts;
        let settings = TokenIssuerSettings {
            issuer: options.issuers.first().cloned().unwrap_or_default(),
            audiences: audiences.to_vec(),
            max_expiration: options.max_expiration.to_std(),
            extend_expiration: options.extend_expiration,
        };
        Arc::new(TokenIssuer::new(key, settings, environment.objects.clone()))
    }

    /// A server whose issuer cannot be discovered says so, and goes on.
    fn documents(
        &self,
        keys: &ServiceAccountKeys,
        environment: &Environment,
    ) -> Result<Option<IssuerDocuments>, OptionError> {
        let options = &self.service_accounts;
        let Some(issuer) = options.issuers.first() else {
            return Ok(None);
        };
        match Discovery::new(issuer, &options.jwks_uri, &environment.external_address, &keys.public) {
            Ok(discovery) => Ok(Some(IssuerDocuments::new(discovery))),
            Err(error) if !options.jwks_uri.is_empty() => Err(OptionError::new(error)),
            Err(error) => {
                tracing::warn!(
                    "Could not construct pre-rendered responses for ServiceAccountIssuerDiscovery endpoints. Endpoints will not be enabled. Error: {error}"
                );
                Ok(None)
            }
        }
    }
}
