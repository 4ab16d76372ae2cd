//! The APIServices of what this server serves itself: registered when it starts, and always available.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::registry::{Local, ResourceStrategy};
use futures::{TryStreamExt as _, stream::FuturesUnordered};
use k8s_api::{
    Map,
    apiregistration::v1::{APIService, APIServiceCondition, APIServiceSpec},
    meta::v1::{DeleteOptions, ObjectMeta, Preconditions},
    primitives::Time,
};
use kube_openapi::discovery::priority_of;

/// Says that the server looks after an APIService: `onstart` once when it starts, `true` always.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
/// The group whose own APIService nobody needs.
const OWN_GROUP: &str = "apiregistration.k8s.io";

/// Registers the groups that this server serves.
#[derive(Clone, Debug)]
pub(crate) struct ApiServices {
    objects: Local<APIService>,
    status: Arc<dyn ResourceStrategy>,
    wanted: Vec<APIService>,
}

impl ApiServices {
    pub(crate) fn new(
        objects: Local<APIService>,
        status: Arc<dyn ResourceStrategy>,
        versions: &[(String, String)],
    ) -> Self {
        let served = versions.iter().filter(|(group, _)| group != OWN_GROUP);
        let wanted = served
            .filter_map(|(group, version)| api_service(group, version))
            .collect();
        Self {
            objects,
            status,
            wanted,
        }
    }

    /// Makes what is missing, puts right what is wrong, deletes what is no longer served.
    pub(crate) async fn register(&self) -> Result<(), StatusError> {
        // All at once: the store joins their writes.
        let objects: FuturesUnordered<_> = self.wanted.iter().map(|wanted| self.register_one(wanted)).collect();
        objects.try_collect::<()>().await?;
        for current in self.objects.list_cached("")? {
            let is_wanted = self
                .wanted
                .iter()
                .any(|wanted| wanted.metadata.name == current.metadata.name);
            let on_start = current
                .metadata
                .labels
                .get(AUTOMANAGED)
                .is_some_and(|value| value == "onstart");
            if on_start && !is_wanted {
                self.delete(&current).await?;
            }
        }
        Ok(())
    }

    async fn register_one(&self, wanted: &APIService) -> Result<(), StatusError> {
        let name = &wanted.metadata.name;
        let current = match self.objects.cached("", name)? {
            Some(current) => current,
            None => match self.objects.create(wanted).await {
                Ok(created) => created,
                // Made by another server in the meantime.
                Err(status) if status.is_already_exists() => return Ok(()),
                Err(status) => return Err(status),
            },
        };
        let managed = matches!(
            current.metadata.labels.get(AUTOMANAGED).map(String::as_str),
            Some("onstart" | "true")
        );
        let mut current = current;
        if managed && current.spec != wanted.spec {
            current.spec = wanted.spec.clone();
            current = match self.objects.update(&current).await {
                Err(status) if status.is_conflict() || status.is_not_found() => return Ok(()),
                other => other?,
            };
        }
        self.mark_available(current).await
    }

    async fn delete(&self, current: &APIService) -> Result<(), StatusError> {
        let options = DeleteOptions {
            preconditions: Some(Box::new(Preconditions {
                uid: Some(current.metadata.uid.clone()),
                ..Preconditions::default()
            })),
            ..DeleteOptions::default()
        };
        match self.objects.delete("", &current.metadata.name, &options).await {
            Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
            _ => Ok(()),
        }
    }

    /// An APIService without a Service is served here, so it is available. An empty name is all of them.
    pub(crate) async fn check(&self, name: String) -> Result<(), StatusError> {
        let objects = if name.is_empty() {
            self.objects.list_cached("")?
        } else {
            self.objects.cached("", &name)?.into_iter().collect()
        };
        for object in objects {
            self.mark_available(object).await?;
        }
        Ok(())
    }

    async fn mark_available(&self, mut object: APIService) -> Result<(), StatusError> {
        if object.spec.service.is_some() {
            return Ok(());
        }
        let conditions = &mut object.status.conditions;
        let available = conditions.iter().find(|condition| condition.type_ == "Available");
        if available.is_some_and(|condition| condition.status == "True" && condition.reason == "Local") {
            return Ok(());
        }
        conditions.retain(|condition| condition.type_ != "Available");
        conditions.push(APIServiceCondition {
            type_: "Available".to_owned(),
            status: "True".to_owned(),
            reason: "Local".to_owned(),
            message: "Local APIServices are always available".to_owned(),
            last_transition_time: Some(Time::from(jiff::Timestamp::now())),
        });
        match self.objects.update_with(self.status.as_ref(), "status", &object).await {
            Err(status) if !status.is_conflict() && !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }
}

/// The APIService of a version that is ranked.
fn api_service(group: &str, version: &str) -> Option<APIService> {
    let priority = priority_of(group, version)?;
    Some(APIService {
        metadata: ObjectMeta {
            name: format!("{version}.{group}"),
            labels: Map::from([(AUTOMANAGED, "onstart".to_owned())]),
            ..ObjectMeta::default()
        },
        spec: APIServiceSpec {
            group: group.to_owned(),
            version: version.to_owned(),
            group_priority_minimum: priority.group,
            version_priority: priority.version,
            ..APIServiceSpec::default()
        },
        ..APIService::default()
    })
}
