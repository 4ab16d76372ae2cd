//! Deletes generated token secrets that nobody has used for a long time, a period after marking them as invalid
//! (upstream: `pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use client_go::api::{DeleteOptions, Patch};
use client_go::cache::Lister;
use client_go::{Client, Error};
use controller::{BuildError, Built, CacheSync, Clock, Controller, ControllerContext};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use k8s_api::core::v1::{ConfigMap, Pod, Secret, ServiceAccount};
use k8s_api::meta::v1::Preconditions;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::tokens::{ACCOUNT_NAME, ACCOUNT_UID, token_secrets};

/// How often secrets are looked at.
const PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
/// The ConfigMap of `kube-system` that says since when the use of tokens is tracked.
const TRACKING: (&str, &str) = ("kube-apiserver-legacy-service-account-token-tracking", "since");
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE: &str = "kubernetes.io/legacy-token-invalid-since";

struct Cleaner {
    client: Client,
    clock: Clock,
    accounts: Lister<ServiceAccount>,
    secrets: Lister<Secret>,
    pods: Lister<Pod>,
    unused_for: Duration,
}

/// Builds `legacy-serviceaccount-token-cleaner-controller`.
///
/// # Errors
/// The period is none, or there is no client.
pub async fn build(context: ControllerContext) -> Built {
    let unused_for = context.config.legacy_sa_token_cleaner.clean_up_period.to_std();
    if unused_for.is_zero() {
        return Err(BuildError::Configuration(format!(
            "failed to start the legacy service account token cleaner: invalid CleanUpPeriod: {}",
            context.config.legacy_sa_token_cleaner.clean_up_period
        )));
    }
    let client = context.client("legacy-service-account-token-cleaner").await?;
    let accounts = context.informers.informer::<ServiceAccount>();
    let secrets = token_secrets(&context);
    let pods = context.informers.informer::<Pod>();
    let caches = CacheSync::new().and(&accounts).and(&secrets).and(&pods);
    let cleaner = Cleaner {
        client,
        clock: context.clock.clone(),
        accounts: accounts.lister(),
        secrets: secrets.lister(),
        pods: pods.lister(),
        unused_for,
    };
    Ok(Some(Controller::new(move |stop: CancellationToken| async move {
        if !caches.wait(&stop).await {
            return;
        }
        let mut timer = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = timer.tick() => cleaner.look().await,
            }
        }
    })))
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

impl Cleaner {
    /// The first moment from which on the use of every token has been tracked.
    async fn tracked_since(&self) -> Result<Option<Timestamp>, Error> {
        let (name, key) = TRACKING;
        let tracking = self.client.namespaced::<ConfigMap>("kube-system").get(name).await?;
        let since = tracking.data.get(key).and_then(|since| since.parse::<Date>().ok());
        // The day on which it began counts only once it is over.
        Ok(since.and_then(|since| Some((since + 1.day()).to_zoned(TimeZone::UTC).ok()?.timestamp())))
    }

    async fn look(&self) {
        let now: Timestamp = self.clock.now().into();
        let since = match self.tracked_since().await {
            Ok(Some(since)) => since,
            Ok(None) => {
                tracing::error!("Getting lastest possible tracked_since time: configMap does not have since label");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "Getting lastest possible tracked_since time");
                return;
            }
        };
        if now < since + self.unused_for {
            return;
        }
        let mut mounted = HashMap::new();
        for secret in self.secrets.list() {
            if let Err(error) = self.judge(&secret, now, &mut mounted).await {
                let key = format!("{}/{}", secret.metadata.namespace, secret.metadata.name);
                tracing::error!(secret = key, %error, "Cleaning up legacy service account token");
            }
        }
    }

    async fn judge(
        &self,
        secret: &Secret,
        now: Timestamp,
        mounted: &mut HashMap<String, HashSet<String>>,
    ) -> Result<(), Error> {
        let metadata = &secret.metadata;
        let limit = now - self.unused_for;
        let young = metadata
            .creation_timestamp
            .is_none_or(|created| Timestamp::from(created) >= limit);
        if young || metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        let limit = day(limit);
        if let Some(text) = metadata.labels.get(LAST_USED) {
            let last_used = text
                .parse::<Date>()
                .map_err(|error| Error::Invalid(format!("parsing last used time {text:?}: {error}")))?;
            if last_used >= limit {
                return Ok(());
            }
        }
        // Only what was made by the system is known to be there for an account alone.
        if !self.is_generated(secret) || self.is_mounted(secret, mounted) {
            return Ok(());
        }
        let api = self.client.namespaced::<Secret>(metadata.namespace.clone());
        let marked = metadata
            .labels
            .get(INVALID_SINCE)
            .and_then(|text| text.parse::<Date>().ok());
        let Some(invalid_since) = marked else {
            let patch = json!({
                "metadata": {"uid": metadata.uid, "labels": {INVALID_SINCE: day(now).to_string()}},
            });
            return api.patch(&metadata.name, &Patch::Merge(patch)).await.map(drop);
        };
        if invalid_since >= limit {
            return Ok(());
        }
        tracing::info!(
            namespace = metadata.namespace,
            name = metadata.name,
            "Delete auto-generated service account token"
        );
        let options = DeleteOptions {
            preconditions: Some(Preconditions {
                resource_version: Some(metadata.resource_version.clone()),
                ..Preconditions::default()
            }),
            ..DeleteOptions::default()
        };
        match api.delete(&metadata.name, &options).await {
            Err(error) if !error.is_conflict() && !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn is_generated(&self, secret: &Secret) -> bool {
        let metadata = &secret.metadata;
        let Some(name) = metadata.annotations.get(ACCOUNT_NAME).filter(|name| !name.is_empty()) else {
            return false;
        };
        let Some(account) = self.accounts.get(&metadata.namespace, name) else {
            return false;
        };
        let uid = metadata.annotations.get(ACCOUNT_UID).map_or("", String::as_str);
        (uid.is_empty() || uid == account.metadata.uid)
            && account.secrets.iter().any(|reference| reference.name == metadata.name)
    }

    fn is_mounted(&self, secret: &Secret, mounted: &mut HashMap<String, HashSet<String>>) -> bool {
        let namespace = &secret.metadata.namespace;
        let names = mounted.entry(namespace.clone()).or_insert_with(|| {
            let pods = self.pods.list_namespace(namespace);
            let names = pods
                .iter()
                .flat_map(|pod| controller_objects::pods::secret_names(&pod.spec));
            names.map(str::to_owned).collect()
        });
        names.contains(&secret.metadata.name)
    }
}

#[cfg(test)]
mod tests;
