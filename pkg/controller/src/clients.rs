//! [`ClientBuilder`]: clients for controllers, each under its own name and with its own rate limit.
//!
//! With `--use-service-account-credentials` a controller acts as the service account of its name in `kube-system`, with
//! tokens of an hour that are asked for by the manager and renewed in time (upstream: `controller-manager/pkg/clientbuilder`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::config::{Config, TokenSource};
use client_go::transport::TransportError;
use client_go::wait::Backoff;
use client_go::{Client, Error};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_api::core::v1::{Namespace, ServiceAccount};
use k8s_api::primitives::Time;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Where the controllers' service accounts live.
pub const ACCOUNT_NAMESPACE: &str = "kube-system";
/// How long a token is asked for, in seconds.
const TOKEN_SECONDS: i64 = 3600;
/// A token is renewed when this part of its life is left.
const LEEWAY: f64 = 0.2;
/// How often a token is asked for before the request that needs it fails.
const ATTEMPTS: u32 = 4;
/// A shorter life than this comes from clocks that disagree.
const SHORTEST_LIFE: Duration = Duration::from_secs(600);

/// Makes clients; clones make the same ones.
#[derive(Clone)]
pub struct ClientBuilder {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    root: Client,
    /// The tokens of each account; `None` where everything acts as the manager.
    accounts: Option<Mutex<HashMap<String, Arc<AccountTokens>>>>,
}

impl ClientBuilder {
    /// Clients that all act as `config` says, over the same connections.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn shared(config: Config) -> Result<Self, TransportError> {
        let root = Client::new(&config)?;
        Ok(Self::new(config, root, None))
    }

    /// Clients that act as service accounts; `self` makes the accounts and asks for their tokens. There is a handful of
    /// both a controller, so that they wait for no rate limit: all controllers would start one after the other by it.
    #[must_use]
    pub fn with_service_accounts(&self) -> Self {
        let config = &self.inner.config;
        let unlimited = Config {
            qps: -1.0,
            ..config.clone().with_user_agent("controller-accounts")
        };
        let root = self
            .inner
            .root
            .share(&unlimited)
            .expect("names of clients can stand in a header");
        Self::new(config.clone(), root, Some(Mutex::default()))
    }

    fn new(config: Config, root: Client, accounts: Option<Mutex<HashMap<String, Arc<AccountTokens>>>>) -> Self {
        Self {
            inner: Arc::new(Inner { config, root, accounts }),
        }
    }

    /// The manager's own client.
    #[must_use]
    pub fn root(&self) -> &Client {
        &self.inner.root
    }

    /// How the manager's own client is configured.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// A client as the manager with a name and a rate limit of its own.
    ///
    /// # Panics
    /// If the name cannot stand in a header: names are literals of the code.
    #[must_use]
    pub fn named(&self, name: &str) -> Client {
        self.inner
            .root
            .share(&self.inner.config.clone().with_user_agent(name))
            .expect("names of clients can stand in a header")
    }

    /// A client for the controller whose service account has this name.
    ///
    /// # Errors
    /// The account cannot be read or made.
    pub async fn client(&self, account: &str) -> Result<Client, Error> {
        self.client_limited(account, self.inner.config.qps, self.inner.config.burst)
            .await
    }

    /// The same with another rate limit.
    ///
    /// # Errors
    /// The account cannot be read or made.
    pub async fn client_limited(&self, account: &str, qps: f32, burst: u32) -> Result<Client, Error> {
        let inner = &*self.inner;
        let limited = Config {
            qps,
            burst,
            ..inner.config.clone()
        };
        let Some(accounts) = &inner.accounts else {
            return inner.root.share(&limited.with_user_agent(account)).map_err(refused);
        };
        get_or_create_account(&inner.root, account).await?;
        let tokens = accounts
            .lock()
            .entry(account.to_owned())
            .or_insert_with(|| Arc::new(AccountTokens::new(inner.root.clone(), account)))
            .clone();
        let user = format!("system:serviceaccount:{ACCOUNT_NAMESPACE}:{account}");
        Client::new(&Config {
            token_source: Some(tokens),
            ..limited.anonymous().with_user_agent(&user)
        })
        .map_err(refused)
    }
}

fn refused(error: TransportError) -> Error {
    Error::Invalid(error.to_string())
}

async fn get_or_create_account(client: &Client, name: &str) -> Result<ServiceAccount, Error> {
    let accounts = client.namespaced::<ServiceAccount>(ACCOUNT_NAMESPACE);
    if let Some(account) = accounts.get_opt(name).await? {
        return Ok(account);
    }
    let mut account = ServiceAccount::default();
    name.clone_into(&mut account.metadata.name);
    ACCOUNT_NAMESPACE.clone_into(&mut account.metadata.namespace);
    let mut made = accounts.create(&account).await;
    if made.as_ref().is_err_and(Error::is_not_found) {
        create_account_namespace(client).await;
        made = accounts.create(&account).await;
    }
    match made {
        Err(error) if error.is_already_exists() => accounts.get(name).await,
        outcome => outcome,
    }
}

/// A server that is very new may not have the namespace yet. Whether the manager may make one is not known; what matters
/// is whether the account can be made afterwards.
async fn create_account_namespace(client: &Client) {
    let mut namespace = Namespace::default();
    ACCOUNT_NAMESPACE.clone_into(&mut namespace.metadata.name);
    if let Err(error) = client.cluster::<Namespace>().create(&namespace).await
        && !error.is_already_exists()
    {
        tracing::warn!(%error, "create non-exist namespace {ACCOUNT_NAMESPACE} failed");
    }
}

/// The tokens of one account.
struct AccountTokens {
    root: Client,
    account: String,
    /// Held while a token is asked for, so that one request at a time does.
    current: tokio::sync::Mutex<Option<(String, Instant)>>,
}

impl AccountTokens {
    fn new(root: Client, account: &str) -> Self {
        Self {
            root,
            account: account.to_owned(),
            current: tokio::sync::Mutex::default(),
        }
    }

    async fn request(&self) -> Result<(String, Instant), Error> {
        let asked = Instant::now();
        get_or_create_account(&self.root, &self.account).await?;
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(TOKEN_SECONDS),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let api = self.root.namespaced::<ServiceAccount>(ACCOUNT_NAMESPACE);
        let status = api.create_token(&self.account, &request).await?.status;
        let life = status
            .expiration_timestamp
            .map_or(Duration::ZERO, |expiry| expiry.since(Time::now()))
            .max(SHORTEST_LIFE);
        Ok((status.token, asked + life.mul_f64(1.0 - LEEWAY)))
    }
}

impl TokenSource for AccountTokens {
    fn token(&self) -> BoxFuture<'_, Result<String, TransportError>> {
        async {
            let mut current = self.current.lock().await;
            if let Some((token, renew)) = &*current
                && Instant::now() < *renew
            {
                return Ok(token.clone());
            }
            let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8), 2.0, 0.0);
            let mut attempts = 1;
            let (token, renew) = loop {
                match self.request().await {
                    Ok(fresh) => break fresh,
                    Err(error) if attempts == ATTEMPTS => {
                        return Err(TransportError::Config(format!(
                            "failed to get token for {ACCOUNT_NAMESPACE}/{}: {error}",
                            self.account
                        )));
                    }
                    Err(error) => tracing::warn!(account = self.account, %error, "get token failed"),
                }
                attempts += 1;
                tokio::time::sleep(backoff.next_delay()).await;
            };
            *current = Some((token.clone(), renew));
            Ok(token)
        }
        .boxed()
    }

    fn refused(&self, token: &str) -> BoxFuture<'_, ()> {
        let token = token.to_owned();
        async move {
            let mut current = self.current.lock().await;
            if current.as_ref().is_some_and(|(present, _)| *present == token) {
                *current = None;
            }
        }
        .boxed()
    }
}
