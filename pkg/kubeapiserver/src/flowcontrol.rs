//! The configuration of priority and fairness in the store: made, kept, followed
//! (upstream: `pkg/registry/flowcontrol/rest`, `util/flowcontrol/apf_controller.go`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apimachinery::status::StatusError;
use apiserver::{
    cacher::{CachedObject, Follower},
    endpoints::Subresource,
    registry::{Local, ResourceStrategy},
    server::Routes,
};
use apiserver_flowcontrol::{FlowController, bootstrap, dangling_condition};
use futures::future::{BoxFuture, FutureExt, join_all};
use k8s_api::{
    Kind as _, Object,
    flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration},
    meta::v1::DeleteOptions,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{OptionError, store_of};

/// How often seats are divided anew.
const ADJUST_PERIOD: Duration = Duration::from_secs(10);
/// How often the objects are looked after.
const ENSURE_PERIOD: Duration = Duration::from_secs(60);
/// Owner of the objects.
const PRODUCER: &str = "api-priority-and-fairness-config-producer-v1";
/// Owner of the schemas' statuses.
const CONSUMER: &str = "api-priority-and-fairness-config-consumer-v1";

/// The objects as the caches have them.
#[derive(Default)]
struct Objects {
    levels: Mutex<BTreeMap<String, PriorityLevelConfiguration>>,
    schemas: Mutex<BTreeMap<String, FlowSchema>>,
    changed: Notify,
}

/// Keeps the objects of one kind.
struct Feed<T: 'static> {
    objects: Arc<Objects>,
    pick: fn(&Objects) -> &Mutex<BTreeMap<String, T>>,
}

impl<T: Object> Follower for Feed<T> {
    fn upsert(&mut self, object: &CachedObject) {
        match T::from_json(&object.json) {
            Ok(typed) => {
                (self.pick)(&self.objects).lock().insert(object.key.to_string(), typed);
                self.objects.changed.notify_one();
            }
            Err(error) => tracing::error!(key = %object.key, %error, "cannot decode a flow control object"),
        }
    }

    fn delete(&mut self, key: &str) {
        (self.pick)(&self.objects).lock().remove(key);
        self.objects.changed.notify_one();
    }
}

/// Looks after the objects, and lets the controller follow them.
pub struct FlowControlConfig {
    controller: Arc<FlowController>,
    levels: Local<PriorityLevelConfiguration>,
    schemas: Local<FlowSchema>,
    statuses: Local<FlowSchema>,
    status_strategy: Arc<dyn ResourceStrategy>,
    objects: Arc<Objects>,
}

impl std::fmt::Debug for FlowControlConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("FlowControlConfig")
            .field(&self.controller)
            .finish()
    }
}

fn status_strategy(routes: &Routes) -> Result<Arc<dyn ResourceStrategy>, OptionError> {
    let key = (
        FlowSchema::GROUP.to_owned(),
        FlowSchema::VERSION.to_owned(),
        FlowSchema::PLURAL.to_owned(),
    );
    match routes
        .get(&key)
        .and_then(|endpoint| endpoint.subresources.get("status"))
    {
        Some(Subresource::Update(strategy)) => Ok(strategy.clone()),
        _ => Err(OptionError("flow schemas have no status".to_owned())),
    }
}

impl FlowControlConfig {
    /// Follows the objects of an installed server until `stop`.
    ///
    /// # Errors
    /// The resources are not installed.
    pub fn new(
        controller: Arc<FlowController>,
        routes: &Routes,
        stop: &CancellationToken,
    ) -> Result<Self, OptionError> {
        let (levels, schemas) = (
            store_of::<PriorityLevelConfiguration>(routes)?,
            store_of::<FlowSchema>(routes)?,
        );
        let objects = Arc::new(Objects::default());
        let level_feed = Feed {
            objects: objects.clone(),
            pick: |objects| &objects.levels,
        };
        levels.cacher().feed(level_feed, stop.clone());
        let schema_feed = Feed {
            objects: objects.clone(),
            pick: |objects| &objects.schemas,
        };
        schemas.cacher().feed(schema_feed, stop.clone());
        Ok(Self {
            controller,
            levels: Local::new(levels).managed_by(PRODUCER),
            schemas: Local::new(schemas.clone()).managed_by(PRODUCER),
            statuses: Local::new(schemas).managed_by(CONSUMER),
            status_strategy: status_strategy(routes)?,
            objects,
        })
    }

    /// Makes the objects that are missing, and brings those up to date that follow this server.
    ///
    /// # Errors
    /// What the store says.
    pub async fn ensure(&self) -> Result<(), StatusError> {
        let (levels, schemas) = tokio::join!(
            ensure_all(&self.levels, bootstrap::levels()),
            ensure_all(&self.schemas, bootstrap::schemas()),
        );
        levels.and(schemas)
    }

    /// Takes changes over, divides seats and looks after the objects until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut adjust = tokio::time::interval(ADJUST_PERIOD);
        let mut ensure = tokio::time::interval(ENSURE_PERIOD);
        adjust.reset();
        ensure.reset();
        loop {
            tokio::select! {
                () = self.objects.changed.notified() => self.take_over().await,
                _ = adjust.tick() => if self.controller.adjust() {
                    self.take_over().await;
                },
                _ = ensure.tick() => {
                    if let Err(status) = self.ensure().await {
                        tracing::error!(err = %status, "APF bootstrap ensurer ran into error, will retry later");
                    }
                }
                () = stop.cancelled() => return,
            }
        }
    }

    async fn take_over(&self) {
        let levels: Vec<_> = self.objects.levels.lock().values().cloned().collect();
        let schemas: Vec<_> = self.objects.schemas.lock().values().cloned().collect();
        self.controller.configure(&levels, &schemas);
        for schema in &schemas {
            let exists = levels
                .iter()
                .any(|level| level.metadata.name == schema.spec.priority_level_configuration.name)
                || bootstrap::is_mandatory(&schema.spec.priority_level_configuration.name);
            if let Err(status) = self.note(schema, exists).await {
                // The next change, its own included, brings it up again.
                tracing::debug!(schema = %schema.metadata.name, err = %status, "cannot write the status of a flow schema");
            }
        }
    }

    /// Writes down whether a schema's level exists.
    async fn note(&self, schema: &FlowSchema, level_exists: bool) -> Result<(), StatusError> {
        let wanted = dangling_condition(schema, level_exists, jiff::Timestamp::now());
        let mut noted = schema.clone();
        let conditions = &mut noted.status.conditions;
        match conditions.iter_mut().find(|condition| condition.type_ == wanted.type_) {
            Some(known)
                if (&known.status, &known.reason, &known.message)
                    == (&wanted.status, &wanted.reason, &wanted.message) =>
            {
                return Ok(());
            }
            Some(known) => *known = wanted,
            None => conditions.push(wanted),
        }
        match self
            .statuses
            .update_with(&*self.status_strategy, "status", &noted)
            .await
        {
            Err(status) if status.is_conflict() || status.is_not_found() => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }
}

async fn ensure_all<T>(local: &Local<T>, expected: &[T]) -> Result<(), StatusError>
where
    T: Object + bootstrap::Configuration,
{
    // Side by side: on a fresh store their writes share a commit.
    let mut pending: Vec<BoxFuture<'_, Result<(), StatusError>>> = Vec::new();
    for object in expected {
        pending.push(ensure_one(local, object).boxed());
    }
    for outcome in join_all(pending).await {
        outcome?;
    }
    for existing in local.list_cached("")? {
        if bootstrap::is_left_over(&existing, expected) {
            let name = &bootstrap::Configuration::metadata(&existing).name;
            match local.delete("", name, &DeleteOptions::default()).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => tracing::info!(name, "deleted a flow control object that is suggested no longer"),
            }
        }
    }
    Ok(())
}

async fn ensure_one<T>(local: &Local<T>, expected: &T) -> Result<(), StatusError>
where
    T: Object + bootstrap::Configuration,
{
    let name = &bootstrap::Configuration::metadata(expected).name;
    let Some(existing) = local.cached("", name)? else {
        return match local.create(expected).await {
            Err(status) if !status.is_already_exists() => Err(status),
            _ => Ok(()),
        };
    };
    let Some(revised) = bootstrap::revise(&existing, expected) else {
        return Ok(());
    };
    match local.update(&revised).await {
        Err(status) if !status.is_conflict() => Err(status),
        _ => Ok(()),
    }
}
