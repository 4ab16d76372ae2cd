//! Since when the use of legacy service account tokens has been tracked.

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use jiff::{Timestamp, civil::Date};
use k8s_api::{Map, core::v1::ConfigMap, meta::v1::ObjectMeta};

pub(crate) const NAMESPACE: &str = "kube-system";
/// The config map's name.
pub(crate) const NAME: &str = "kube-apiserver-legacy-service-account-token-tracking";
const KEY: &str = "since";

/// Makes the config map, or writes a date into it if it has none.
pub(crate) async fn sync(config_maps: &Local<ConfigMap>) -> Result<(), StatusError> {
    let today = Timestamp::now().strftime("%Y-%m-%d").to_string();
    let current = match config_maps.cached(NAMESPACE, NAME)? {
        Some(current) => Some(current),
        None => config_maps.get(NAMESPACE, NAME).await?,
    };
    let Some(mut current) = current else {
        let config_map = ConfigMap {
            metadata: ObjectMeta {
                name: NAME.to_owned(),
                namespace: NAMESPACE.to_owned(),
                ..ObjectMeta::default()
            },
            data: Map::from([(KEY, today)]),
            ..ConfigMap::default()
        };
        return config_maps.ensure(&config_map).await.map(drop);
    };
    if current.data.get(KEY).is_some_and(|since| since.parse::<Date>().is_ok()) {
        return Ok(());
    }
    current.data.insert(KEY, today);
    match config_maps.update(&current).await {
        Err(status) if !status.is_conflict() && !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}
