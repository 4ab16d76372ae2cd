//! What configMap, secret, downwardAPI and projected volumes hold.

use std::collections::BTreeMap;

use k8s_api::Map;
use k8s_api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, ProjectedVolumeSource, Secret, ServiceAccountTokenProjection,
};
use k8s_api::primitives::Quantity;
use kubelet_types::fields;
use kubelet_types::seams::{ApiError, ObjectSource, TokenRequest};

use crate::atomic::{FileProjection, Payload};
use crate::error::VolumeError;
use crate::ownership::{common_user, fs_group};
use crate::tokens::TokenCache;

/// Where the contents come from.
pub(crate) struct Sources<'a> {
    pub(crate) objects: &'a dyn ObjectSource,
    pub(crate) tokens: &'a TokenCache,
    pub(crate) allocatable: &'a Map<Quantity>,
}

/// The mode that a volume's files have by default.
const DEFAULT_MODE: i32 = 0o644;

fn file(data: Vec<u8>, mode: i32) -> FileProjection {
    FileProjection {
        data,
        mode: u32::try_from(mode).unwrap_or(0o644) & 0o777,
        user: None,
    }
}

/// A missing object is empty if it may be missing.
fn unless_optional<T: Default>(found: Result<T, ApiError>, optional: bool) -> Result<T, ApiError> {
    match found {
        Err(error) if optional && error.is_not_found() => Ok(T::default()),
        other => other,
    }
}

/// Which keys become which files.
fn project<'a>(
    keys: impl Iterator<Item = (&'a String, &'a [u8])>,
    items: &[KeyToPath],
    mode: i32,
    optional: bool,
    missing: &str,
) -> Result<Payload, VolumeError> {
    if items.is_empty() {
        return Ok(keys
            .map(|(key, data)| (key.clone(), file(data.to_vec(), mode)))
            .collect());
    }
    let keys: BTreeMap<&str, &[u8]> = keys.map(|(key, data)| (key.as_str(), data)).collect();
    let mut payload = Payload::new();
    for item in items {
        match keys.get(item.key.as_str()) {
            Some(data) => {
                payload.insert(item.path.clone(), file(data.to_vec(), item.mode.unwrap_or(mode)));
            }
            None if optional => {}
            None => return Err(VolumeError::Invalid(missing.to_owned())),
        }
    }
    Ok(payload)
}

impl Sources<'_> {
    pub(crate) async fn config_map(
        &self,
        pod: &Pod,
        name: &str,
        items: &[KeyToPath],
        mode: Option<i32>,
        optional: bool,
    ) -> Result<Payload, VolumeError> {
        let found = self.objects.config_map(&pod.metadata.namespace, name).await;
        let map: std::sync::Arc<ConfigMap> = unless_optional(found, optional)?;
        let texts = map.data.iter().map(|(key, text)| (key, text.as_bytes()));
        let bytes = map.binary_data.iter().map(|(key, bytes)| (key, bytes.as_ref()));
        let missing = "configmap references non-existent config key: ".to_owned()
            + &missing_key(items, |key| {
                map.data.contains_key(key) || map.binary_data.contains_key(key)
            });
        project(
            texts.chain(bytes),
            items,
            mode.unwrap_or(DEFAULT_MODE),
            optional,
            &missing,
        )
    }

    pub(crate) async fn secret(
        &self,
        pod: &Pod,
        name: &str,
        items: &[KeyToPath],
        mode: Option<i32>,
        optional: bool,
    ) -> Result<Payload, VolumeError> {
        let found = self.objects.secret(&pod.metadata.namespace, name).await;
        let secret: std::sync::Arc<Secret> = unless_optional(found, optional)?;
        let missing = "references non-existent secret key: ".to_owned()
            + &missing_key(items, |key| secret.data.contains_key(key));
        let keys = secret.data.iter().map(|(key, bytes)| (key, bytes.as_ref()));
        project(keys, items, mode.unwrap_or(DEFAULT_MODE), optional, &missing)
    }

    pub(crate) fn downward(
        &self,
        pod: &Pod,
        items: &[DownwardAPIVolumeFile],
        mode: Option<i32>,
    ) -> Result<Payload, VolumeError> {
        let mode = mode.unwrap_or(DEFAULT_MODE);
        let mut payload = Payload::new();
        for item in items {
            let text = if let Some(field) = &item.field_ref {
                fields::metadata_field(pod, &field.field_path)
            } else if let Some(resource) = &item.resource_field_ref {
                fields::resource_field(pod, None, resource, self.allocatable)
            } else {
                continue;
            };
            let text = text.map_err(|error| VolumeError::Invalid(error.to_string()))?;
            payload.insert(item.path.clone(), file(text.into_bytes(), item.mode.unwrap_or(mode)));
        }
        Ok(payload)
    }

    pub(crate) async fn projected(&self, pod: &Pod, source: &ProjectedVolumeSource) -> Result<Payload, VolumeError> {
        let mode = source.default_mode;
        let mut payload = Payload::new();
        for part in &source.sources {
            let more = if let Some(it) = &part.secret {
                self.secret(pod, &it.name, &it.items, mode, it.optional == Some(true))
                    .await?
            } else if let Some(it) = &part.config_map {
                self.config_map(pod, &it.name, &it.items, mode, it.optional == Some(true))
                    .await?
            } else if let Some(it) = &part.downward_api {
                self.downward(pod, &it.items, mode)?
            } else if let Some(it) = &part.service_account_token {
                self.token(pod, it, mode).await?
            } else if part.cluster_trust_bundle.is_some() {
                return Err(VolumeError::Invalid(
                    "ClusterTrustBundle projection is not supported by this kubelet".to_owned(),
                ));
            } else if part.pod_certificate.is_some() {
                return Err(VolumeError::Invalid(
                    "PodCertificate projection is not supported by this kubelet".to_owned(),
                ));
            } else {
                continue;
            };
            payload.extend(more);
        }
        Ok(payload)
    }

    async fn token(
        &self,
        pod: &Pod,
        source: &ServiceAccountTokenProjection,
        mode: Option<i32>,
    ) -> Result<Payload, VolumeError> {
        let request = TokenRequest {
            namespace: pod.metadata.namespace.clone(),
            service_account: pod.spec.service_account_name.clone(),
            audience: source.audience.clone(),
            expiration_seconds: source.expiration_seconds.unwrap_or(3600),
            pod_name: pod.metadata.name.clone(),
            pod_uid: pod.metadata.uid.clone(),
        };
        let token = self.tokens.token(&request).await?;
        let user = common_user(pod);
        // A token is the user's alone if it is known whose it is.
        let private = user.is_some() || fs_group(pod).is_some();
        let mode = if private { 0o600 } else { mode.unwrap_or(DEFAULT_MODE) };
        let file = FileProjection {
            user,
            ..file(token.token.into_bytes(), mode)
        };
        Ok(Payload::from([(source.path.clone(), file)]))
    }
}

fn missing_key(items: &[KeyToPath], has: impl Fn(&str) -> bool) -> String {
    let missing = items.iter().find(|item| !has(&item.key));
    missing.map(|item| item.key.clone()).unwrap_or_default()
}
