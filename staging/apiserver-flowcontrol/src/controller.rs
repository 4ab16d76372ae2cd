//! The configuration as it is now, and who gets in by it (upstream: `apf_controller.go`, `apf_filter.go`).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::RandomState;
use apiserver_auth::authorization::Attributes;
use arc_swap::ArcSwap;
use k8s_api::{
    flowcontrol::v1::{FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration},
    primitives::quote,
};
use parking_lot::Mutex;

use crate::{
    allocation::{Claim, divide},
    bootstrap::{self, CATCH_ALL, EXEMPT},
    description::Description,
    level::{Demand, Level, LevelConfig, Seats, Ticket, round},
    matching::Schema,
    metrics::FlowMetrics,
    queueset::Limit,
    width::Work,
};

/// One state of the configuration.
#[derive(Default)]
pub(crate) struct Configured {
    pub(crate) levels: BTreeMap<Box<str>, Arc<Level>>,
    /// In the order in which they are tried.
    pub(crate) schemas: Vec<Arc<Schema>>,
}

/// A request that was let in.
pub struct Admitted {
    /// Its seats.
    pub ticket: Ticket,
    schema: Arc<Schema>,
}

/// A request that was refused.
pub struct Refused {
    /// Seconds after which the client may try again.
    pub retry_after: u64,
    schema: Arc<Schema>,
}

macro_rules! classified {
    ($($kind:ident),*) => {$(
        impl std::fmt::Debug for $kind {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_tuple(stringify!($kind)).field(&self.schema.name).finish()
            }
        }

        impl $kind {
            /// Identifier of the flow schema; empty if it is in no store.
            #[must_use]
            pub fn schema_uid(&self) -> &str {
                &self.schema.uid
            }

            /// Identifier of the priority level; empty if it is in no store.
            #[must_use]
            pub fn level_uid(&self) -> Box<str> {
                self.schema.level.uid()
            }

            /// Name of the flow schema.
            #[must_use]
            pub fn schema_name(&self) -> &str {
                &self.schema.name
            }

            /// Name of the priority level.
            #[must_use]
            pub fn level_name(&self) -> &str {
                &self.schema.level.name
            }
        }
    )*};
}

classified!(Admitted, Refused);

/// Lets requests in.
pub struct FlowController {
    /// Seats of the whole server.
    total: u32,
    pub(crate) configured: ArcSwap<Configured>,
    changes: Mutex<()>,
    seeds: RandomState,
    metrics: FlowMetrics,
}

impl std::fmt::Debug for FlowController {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FlowController")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// The condition `Dangling` of a schema.
#[must_use]
pub fn dangling_condition(schema: &FlowSchema, level_exists: bool, now: jiff::Timestamp) -> FlowSchemaCondition {
    let level = quote(&schema.spec.priority_level_configuration.name);
    let (status, reason, end) = if level_exists {
        ("False", "Found", "it exists")
    } else {
        ("True", "NotFound", "there is no such object")
    };
    FlowSchemaCondition {
        type_: "Dangling".to_owned(),
        status: status.to_owned(),
        last_transition_time: Some(now.into()),
        reason: reason.to_owned(),
        message: format!(
            "This FlowSchema references the PriorityLevelConfiguration object named {level} {}{end}",
            if level_exists { "and " } else { "but " }
        ),
    }
}

impl FlowController {
    /// A controller of so many seats, with the mandatory configuration alone.
    #[must_use]
    pub fn new(total: u32, metrics: FlowMetrics) -> Arc<Self> {
        let controller = Arc::new(Self {
            total,
            configured: ArcSwap::default(),
            changes: Mutex::new(()),
            seeds: RandomState::new(),
            metrics,
        });
        controller.configure(&[], &[]);
        controller
    }

    /// Takes the configuration objects over. Levels that stay keep their queues; requests in levels that go are served to
    /// their end.
    pub fn configure(&self, levels: &[PriorityLevelConfiguration], schemas: &[FlowSchema]) {
        let _one_at_a_time = self.changes.lock();
        let before = self.configured.load_full();
        let mut wanted: BTreeMap<&str, &PriorityLevelConfiguration> = BTreeMap::new();
        for level in bootstrap::levels()
            .iter()
            .filter(|level| bootstrap::is_mandatory(&level.metadata.name))
        {
            wanted.insert(&level.metadata.name, level);
        }
        wanted.extend(levels.iter().map(|level| (level.metadata.name.as_str(), level)));
        // A level without an object keeps its shares until its last request is done.
        let quiescing: Vec<_> = before
            .levels
            .iter()
            .filter(|(name, level)| !wanted.contains_key(&***name) && !level.is_idle())
            .collect();
        let configs: Vec<_> = wanted.values().map(|level| (*level, LevelConfig::new(level))).collect();
        let kept: f64 = quiescing
            .iter()
            .map(|(_, level)| f64::from(level.config().shares))
            .sum();
        let shares = kept + configs.iter().map(|(_, config)| f64::from(config.shares)).sum::<f64>();
        let mut now = Configured::default();
        for (object, config) in configs {
            let name = object.metadata.name.as_str();
            let level = match before.levels.get(name) {
                Some(level) => level.clone(),
                None => Level::new(name, config, self.metrics.level(name)),
            };
            level.configure(config, &object.metadata.uid, self.total, shares);
            level.set_quiescing(false);
            now.levels.insert(name.into(), level);
        }
        for (name, level) in quiescing {
            level.set_quiescing(true);
            level.configure(level.config(), &level.uid(), self.total, shares);
            now.levels.insert(name.clone(), level.clone());
        }
        let missing = bootstrap::schemas().iter().filter(|schema| {
            let name = &schema.metadata.name;
            bootstrap::is_mandatory(name) && !schemas.iter().any(|one| one.metadata.name == *name)
        });
        for schema in schemas.iter().chain(missing) {
            let level = now.levels.get(schema.spec.priority_level_configuration.name.as_str());
            let Some(level) = level.filter(|level| !level.is_quiescing()).cloned() else {
                continue;
            };
            let metrics = self.metrics.schema(&level.name, &schema.metadata.name);
            now.schemas.push(Arc::new(Schema::new(schema, level, metrics)));
        }
        now.schemas.sort_by(|one, other| {
            let key = |schema: &Schema| (schema.precedence, schema.name.clone());
            key(one).cmp(&key(other))
        });
        self.configured.store(Arc::new(now));
        self.lend(Instant::now());
    }

    /// Divides the seats anew by what the levels asked for. Due every ten seconds. Returns whether a level that has lost its
    /// object has lost its last request, too: then the configuration is to be taken over again.
    pub fn adjust(&self) -> bool {
        let _one_at_a_time = self.changes.lock();
        self.lend(Instant::now());
        let configured = self.configured.load();
        let mut levels = configured.levels.values();
        levels.any(|level| level.is_quiescing() && level.is_idle())
    }

    fn lend(&self, now: Instant) {
        let configured = self.configured.load();
        let observed: Vec<(&Arc<Level>, LevelConfig, Seats, Demand)> = configured
            .levels
            .values()
            .map(|level| {
                let (config, seats, demand) = level.observe(now);
                (level, config, seats, demand)
            })
            .collect();
        let total: u32 = observed.iter().map(|(_, _, seats, _)| seats.nominal).sum();
        let mut remaining = i64::from(total);
        let (mut limited, mut claims) = (Vec::new(), Vec::new());
        for (level, config, seats, demand) in observed {
            if config.limit == Limit::Exempt {
                // The exempt take what they ask for; the others share what is left.
                let current = seats.least.max(demand.highest);
                remaining -= i64::from(current);
                level.adjust(current, f64::from(current), now);
                continue;
            }
            let least = seats.least.max(seats.nominal.min(demand.highest));
            claims.push(Claim {
                least: f64::from(least),
                most: f64::from(seats.most),
                target: demand.smoothed.max(f64::from(least)),
            });
            limited.push((level, seats, least));
        }
        let minimum: i64 = limited.iter().map(|(_, seats, _)| i64::from(seats.least)).sum();
        let wanted: i64 = limited.iter().map(|(_, _, least)| i64::from(*least)).sum();
        #[expect(clippy::cast_precision_loss, reason = "seats are few")]
        let fraction = (remaining - minimum).max(0) as f64 / (wanted - minimum).max(1) as f64;
        let divided = if remaining > wanted {
            divide(f64::from(total), &claims)
        } else {
            None
        };
        self.metrics
            .fair_fraction(divided.as_ref().map_or(0.0, |(_, fair)| *fair));
        for (index, (level, seats, least)) in limited.into_iter().enumerate() {
            let current = if remaining <= minimum {
                seats.least
            } else if remaining <= wanted {
                seats.least + round(f64::from(least - seats.least) * fraction)
            } else {
                divided.as_ref().map_or(seats.current, |(parts, _)| round(parts[index]))
            };
            level.adjust(current, claims[index].target, now);
        }
    }

    fn classify(&self, attributes: &Attributes<'_>) -> Arc<Schema> {
        let configured = self.configured.load();
        let matching = configured.schemas.iter().find(|schema| schema.matches(attributes));
        let fallback = || configured.schemas.iter().find(|schema| *schema.name == *CATCH_ALL);
        matching
            .or_else(fallback)
            .expect("there is always a schema that catches all")
            .clone()
    }

    /// Lets a request in, at once or within `patience`. `work` is told the most seats that its level grants to one request
    /// (0 for no limit of its own).
    ///
    /// # Errors
    /// There is no room for it.
    pub async fn admit(
        &self,
        attributes: &Attributes<'_>,
        work: impl FnOnce(u32) -> Work,
        patience: Duration,
    ) -> Result<Admitted, Refused> {
        let schema = self.classify(attributes);
        let level = schema.level.clone();
        let work = work(level.most_seats());
        let flow = schema.distinguish(attributes);
        let hash = if *level.name == *EXEMPT {
            0
        } else {
            schema.hash(&self.seeds, flow)
        };
        let about = Description::new(&schema, flow, attributes);
        match level.enter(&schema, work, hash, about, patience).await {
            Ok(ticket) => Ok(Admitted { ticket, schema }),
            Err(reason) => {
                self.metrics.rejected(&level.name, &schema.name, reason);
                Err(Refused {
                    retry_after: level.refused(),
                    schema,
                })
            }
        }
    }
}
