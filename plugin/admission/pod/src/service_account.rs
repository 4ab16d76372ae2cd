//! `ServiceAccount`: every pod has a service account, whose token it finds in its containers.

use std::{sync::Arc, time::Duration};

use apimachinery::{names, status::StatusError};
use apis_pod::pod::MIRROR_ANNOTATION;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvFromSource, EnvVar, KeyToPath,
    ObjectFieldSelector, Pod, ProjectedVolumeSource, ServiceAccount, ServiceAccountTokenProjection, Volume,
    VolumeMount, VolumeProjection,
};

use crate::{is_pods, references};

/// The account of pods that name none.
const DEFAULT: &str = "default";
/// How often a `default` account that is not there is looked for: its namespace may be new.
const DEFAULT_ATTEMPTS: u32 = 10;
/// Prefix of the token volume's name.
const VOLUME_PREFIX: &str = "kube-api-access-";
/// Where containers find the token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long the token lives, in seconds: an hour and a little, by which it is known for one of these.
const TOKEN_SECONDS: i64 = 3607;
/// The annotation of an account whose pods may use only the secrets that it names.
const ENFORCE_SECRETS: &str = "kubernetes.io/enforce-mountable-secrets";

/// The plugin `ServiceAccount`.
#[derive(Debug)]
pub struct ServiceAccountAdmission(Arc<dyn Lookup<ServiceAccount>>);

impl ServiceAccountAdmission {
    /// A plugin that finds accounts there.
    #[must_use]
    pub fn new(accounts: Arc<dyn Lookup<ServiceAccount>>) -> Self {
        Self(accounts)
    }

    async fn account(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<Arc<ServiceAccount>, StatusError> {
        let (namespace, name) = (attributes.namespace, pod.spec.service_account_name.as_str());
        let attempts = if name == DEFAULT { DEFAULT_ATTEMPTS } else { 1 };
        let pause = Duration::from_millis(rand::random_range(100..200));
        for attempt in 0..attempts {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
            }
            if let Some(account) = self.0.find(namespace, name).await? {
                return Ok(account);
            }
        }
        let reason = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        Err(attributes.forbidden(Some(pod), reason))
    }

    /// What must hold of a pod that is made or gets ephemeral containers.
    async fn judge(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<(), StatusError> {
        let refuse = |reason: String| attributes.forbidden(Some(pod), reason);
        let ephemeral = attributes.operation == Operation::Update;
        if !ephemeral && pod.metadata.annotations.contains_key(MIRROR_ANNOTATION) {
            return judge_mirror(pod).map_err(|reason| refuse(reason.to_owned()));
        }
        if pod.spec.service_account_name.is_empty() {
            let (namespace, name) = (attributes.namespace, &pod.metadata.name);
            return Err(refuse(format!(
                "no service account specified for pod {namespace}/{name}"
            )));
        }
        let account = self.account(attributes, pod).await?;
        if !enforces_secrets(&account) {
            return Ok(());
        }
        let faults = if ephemeral {
            ephemeral_secrets(&account, pod)
        } else {
            foreign_secrets(&account, pod)
        };
        faults.map_err(refuse)
    }
}

fn is_looked_at(attributes: &Attributes<'_>) -> bool {
    match attributes.operation {
        Operation::Create => attributes.subresource.is_empty(),
        Operation::Update => attributes.subresource == "ephemeralcontainers",
        Operation::Delete | Operation::Connect => false,
    }
}

/// A node makes mirror pods itself; they must not gain anything by it.
fn judge_mirror(pod: &Pod) -> Result<(), &'static str> {
    if !pod.spec.service_account_name.is_empty() {
        return Err("a mirror pod may not reference service accounts");
    }
    if references::uses_secrets(pod) {
        return Err("a mirror pod may not reference secrets");
    }
    if references::projects_tokens(pod) {
        return Err("a mirror pod may not use ServiceAccountToken volume projections");
    }
    Ok(())
}

fn enforces_secrets(account: &ServiceAccount) -> bool {
    let value = account.metadata.annotations.get(ENFORCE_SECRETS);
    value.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// The first secret in a container's environment that the account does not name.
fn foreign_environment(
    account: &ServiceAccount,
    container: &str,
    env: &[EnvVar],
    env_from: &[EnvFromSource],
) -> Result<(), String> {
    let foreign = |name: &str| !account.secrets.iter().any(|secret| secret.name == name);
    let owner = &account.metadata.name;
    for variable in env {
        let source = variable
            .value_from
            .as_ref()
            .and_then(|source| source.secret_key_ref.as_ref());
        if let Some(secret) = source.filter(|secret| foreign(&secret.name)) {
            return Err(format!(
                "{container} with envVar {} referencing secret.secretName=\"{}\" is not allowed because service account \
                 {owner} does not reference that secret",
                variable.name, secret.name
            ));
        }
    }
    let mut sources = env_from.iter().filter_map(|source| source.secret_ref.as_ref());
    match sources.find(|secret| foreign(&secret.name)) {
        None => Ok(()),
        Some(secret) => Err(format!(
            "{container} with envFrom referencing secret.secretName=\"{}\" is not allowed because service account \
             {owner} does not reference that secret",
            secret.name
        )),
    }
}

fn foreign_secrets(account: &ServiceAccount, pod: &Pod) -> Result<(), String> {
    let owner = &account.metadata.name;
    let mut secrets = pod.spec.volumes.iter().filter_map(|volume| volume.secret.as_ref());
    let foreign = secrets.find(|secret| !account.secrets.iter().any(|own| own.name == secret.secret_name));
    if let Some(secret) = foreign {
        return Err(format!(
            "volume with secret.secretName=\"{}\" is not allowed because service account {owner} does not reference that \
             secret",
            secret.secret_name
        ));
    }
    for (kind, containers) in [
        ("init container", &pod.spec.init_containers),
        ("container", &pod.spec.containers),
    ] {
        for Container {
            name, env, env_from, ..
        } in containers
        {
            foreign_environment(account, &format!("{kind} {name}"), env, env_from)?;
        }
    }
    let own = |name: &str| account.image_pull_secrets.iter().any(|secret| secret.name == name);
    let mut pull = pod.spec.image_pull_secrets.iter().enumerate();
    match pull.find(|(_, reference)| !own(&reference.name)) {
        None => Ok(()),
        Some((index, reference)) => Err(format!(
            "imagePullSecrets[{index}].name=\"{}\" is not allowed because service account {owner} does not reference \
             that imagePullSecret",
            reference.name
        )),
    }
}

fn ephemeral_secrets(account: &ServiceAccount, pod: &Pod) -> Result<(), String> {
    for container in &pod.spec.ephemeral_containers {
        let name = format!("ephemeral container {}", container.name);
        foreign_environment(account, &name, &container.env, &container.env_from)?;
    }
    Ok(())
}

/// The volume with the token, the certificates to trust, and the namespace's name.
fn token_volume(name: String) -> Volume {
    let token = VolumeProjection {
        service_account_token: Some(Box::new(ServiceAccountTokenProjection {
            audience: String::new(),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: "token".to_owned(),
        })),
        ..VolumeProjection::default()
    };
    let certificates = VolumeProjection {
        config_map: Some(Box::new(ConfigMapProjection {
            name: "kube-root-ca.crt".to_owned(),
            items: vec![KeyToPath {
                key: "ca.crt".to_owned(),
                mode: None,
                path: "ca.crt".to_owned(),
            }],
            optional: None,
        })),
        ..VolumeProjection::default()
    };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".to_owned(),
        field_ref: Some(Box::new(ObjectFieldSelector {
            api_version: "v1".to_owned(),
            field_path: "metadata.namespace".to_owned(),
        })),
        ..DownwardAPIVolumeFile::default()
    };
    let namespace = VolumeProjection {
        downward_api: Some(Box::new(DownwardAPIProjection { items: vec![namespace] })),
        ..VolumeProjection::default()
    };
    Volume {
        name,
        projected: Some(Box::new(ProjectedVolumeSource {
            default_mode: Some(0o644),
            sources: vec![token, certificates, namespace],
        })),
        ..Volume::default()
    }
}

fn mount_token(pod: &mut Pod) {
    let existing = pod
        .spec
        .volumes
        .iter()
        .find(|volume| volume.name.starts_with(VOLUME_PREFIX));
    let (name, exists) = match existing {
        Some(volume) => (volume.name.clone(), true),
        None => (names::generate_name(VOLUME_PREFIX), false),
    };
    let mut mounted = false;
    for container in pod.spec.init_containers.iter_mut().chain(&mut pod.spec.containers) {
        if !container
            .volume_mounts
            .iter()
            .any(|mount| mount.mount_path == MOUNT_PATH)
        {
            container.volume_mounts.push(VolumeMount {
                name: name.clone(),
                read_only: true,
                mount_path: MOUNT_PATH.to_owned(),
                ..VolumeMount::default()
            });
            mounted = true;
        }
    }
    if mounted && !exists {
        pod.spec.volumes.push(token_volume(name));
    }
}

#[async_trait]
impl Plugin for ServiceAccountAdmission {
    fn name(&self) -> &'static str {
        "ServiceAccount"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if attributes.operation != Operation::Create || !is_looked_at(attributes) {
            return Ok(());
        }
        let Some(pod) = object.and_then(|object| object.as_mut().downcast_mut::<Pod>()) else {
            return Ok(());
        };
        if pod.metadata.annotations.contains_key(MIRROR_ANNOTATION) {
            return self.judge(attributes, pod).await;
        }
        if pod.spec.service_account_name.is_empty() {
            DEFAULT.clone_into(&mut pod.spec.service_account_name);
        }
        // The field of old shows the same.
        pod.spec.service_account.clone_from(&pod.spec.service_account_name);
        let account = self.account(attributes, pod).await?;
        let automount = pod
            .spec
            .automount_service_account_token
            .or(account.automount_service_account_token);
        if automount.unwrap_or(true) {
            mount_token(pod);
        }
        if pod.spec.image_pull_secrets.is_empty() {
            pod.spec.image_pull_secrets.clone_from(&account.image_pull_secrets);
        }
        if enforces_secrets(&account) {
            let faults = foreign_secrets(&account, pod);
            return faults.map_err(|reason| attributes.forbidden(Some(pod), reason));
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !is_looked_at(attributes) {
            return Ok(());
        }
        match object.and_then(|object| object.downcast_ref::<Pod>()) {
            Some(pod) => self.judge(attributes, pod).await,
            None => Ok(()),
        }
    }
}
