//! What becomes of token secrets and the accounts that they belong to.

use std::time::Duration;

use apiserver_auth::jose::sign;
use apiserver_auth::serviceaccount::{Claims, LEGACY_ISSUER, username};
use client_go::Error;
use client_go::api::DeleteOptions;
use k8s_api::core::v1::{Secret, ServiceAccount};

use super::{ACCOUNT_NAME, ACCOUNT_UID, AccountKey, BY_ACCOUNT, SecretKey, Tokens, account_index};

/// Keys of a token secret's data.
const ROOT_CA: &str = "ca.crt";
const NAMESPACE: &str = "namespace";
const TOKEN: &str = "token";

/// What a token secret lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lacks {
    ca: bool,
    namespace: bool,
    token: bool,
}

impl Lacks {
    fn of(secret: &Secret, root_ca: Option<&[u8]>) -> Self {
        let data = |key: &str| secret.data.get(key).map_or(&[][..], |bytes| bytes.as_ref());
        Self {
            ca: root_ca.is_some_and(|ca| data(ROOT_CA) != ca),
            namespace: data(NAMESPACE).is_empty(),
            token: data(TOKEN).is_empty(),
        }
    }

    fn nothing(self) -> bool {
        !(self.ca || self.namespace || self.token)
    }
}

impl Tokens {
    /// Deletes the token secrets of an account that is gone.
    pub(super) async fn account(&self, key: &AccountKey) -> Result<(), Error> {
        if self.cached_account(&key.namespace, &key.name, &key.uid) {
            return Ok(());
        }
        let secrets = self
            .secrets
            .by_index(BY_ACCOUNT, &account_index(&key.namespace, &key.name));
        let of_this_account = |secret: &&std::sync::Arc<Secret>| {
            secret
                .metadata
                .annotations
                .get(ACCOUNT_UID)
                .is_some_and(|uid| *uid == key.uid)
        };
        let mut outcome = Ok(());
        for secret in secrets.iter().filter(of_this_account) {
            let metadata = &secret.metadata;
            if let Err(error) = self.delete(&metadata.namespace, &metadata.name, &metadata.uid).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Fills a token secret, or deletes it if its account is gone; if it is gone itself its account forgets it.
    pub(super) async fn secret(&self, key: &SecretKey) -> Result<(), Error> {
        let present = self.secrets.get(&key.namespace, &key.name);
        let Some(secret) = present.filter(|secret| key.uid.is_empty() || secret.metadata.uid == key.uid) else {
            if self.cached_account(&key.namespace, &key.account, &key.account_uid) {
                let pause = Duration::from_millis(100);
                controller_objects::retry_on_conflict(10, pause, || self.forget(key)).await?;
            }
            return Ok(());
        };
        match self
            .live_account(&key.namespace, &key.account, &key.account_uid)
            .await?
        {
            None => self.delete(&key.namespace, &key.name, &key.uid).await,
            Some(account) => self.fill(&account, &secret).await,
        }
    }

    fn cached_account(&self, namespace: &str, name: &str, uid: &str) -> bool {
        let account = self.accounts.get(namespace, name);
        account.is_some_and(|account| uid.is_empty() || account.metadata.uid == uid)
    }

    /// The account from the cache, or, where that has none, from the server: nothing is deleted on old news.
    async fn live_account(&self, namespace: &str, name: &str, uid: &str) -> Result<Option<ServiceAccount>, Error> {
        let fits = |account: &ServiceAccount| uid.is_empty() || account.metadata.uid == uid;
        if let Some(account) = self.accounts.get(namespace, name).filter(|account| fits(account)) {
            return Ok(Some((*account).clone()));
        }
        let live = self
            .client
            .namespaced::<ServiceAccount>(namespace)
            .get_opt(name)
            .await?;
        Ok(live.filter(fits))
    }

    async fn delete(&self, namespace: &str, name: &str, uid: &str) -> Result<(), Error> {
        let options = if uid.is_empty() {
            DeleteOptions::default()
        } else {
            DeleteOptions::uid(uid)
        };
        match self.client.namespaced::<Secret>(namespace).delete(name, &options).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    async fn fill(&self, account: &ServiceAccount, cached: &Secret) -> Result<(), Error> {
        let root_ca = self.root_ca.as_deref();
        if Lacks::of(cached, root_ca).nothing() {
            return Ok(());
        }
        let api = self.client.namespaced::<Secret>(cached.metadata.namespace.clone());
        let Some(mut secret) = api.get_opt(&cached.metadata.name).await? else {
            return Ok(());
        };
        let lacks = Lacks::of(&secret, root_ca);
        // What is newer comes by itself.
        if secret.metadata.resource_version != cached.metadata.resource_version || lacks.nothing() {
            return Ok(());
        }
        if let Some(ca) = root_ca.filter(|_| lacks.ca) {
            secret.data.insert(ROOT_CA, ca.to_vec().into());
        }
        if lacks.namespace {
            let namespace = secret.metadata.namespace.clone().into_bytes();
            secret.data.insert(NAMESPACE, namespace.into());
        }
        if lacks.token {
            let token =
                sign(&self.key, &claims(account, &secret)).map_err(|error| Error::Invalid(error.to_string()))?;
            secret.data.insert(TOKEN, token.into_bytes().into());
        }
        let annotations = &mut secret.metadata.annotations;
        annotations.insert(ACCOUNT_NAME, account.metadata.name.clone());
        annotations.insert(ACCOUNT_UID, account.metadata.uid.clone());
        match api.update(&secret).await {
            Err(error) if !error.is_conflict() && !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the secret out of its account's list.
    async fn forget(&self, key: &SecretKey) -> Result<(), Error> {
        let api = self.client.namespaced::<ServiceAccount>(key.namespace.clone());
        let Some(mut account) = api.get_opt(&key.account).await? else {
            return Ok(());
        };
        if !key.account_uid.is_empty() && account.metadata.uid != key.account_uid {
            return Ok(());
        }
        let before = account.secrets.len();
        account.secrets.retain(|secret| secret.name != key.name);
        if account.secrets.len() == before {
            return Ok(());
        }
        match api.update(&account).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

fn claims(account: &ServiceAccount, secret: &Secret) -> Claims {
    let metadata = &account.metadata;
    Claims {
        iss: LEGACY_ISSUER.to_owned(),
        sub: username(&metadata.namespace, &metadata.name),
        legacy_namespace: metadata.namespace.clone(),
        legacy_name: metadata.name.clone(),
        legacy_uid: metadata.uid.clone(),
        legacy_secret: secret.metadata.name.clone(),
        ..Claims::default()
    }
}
