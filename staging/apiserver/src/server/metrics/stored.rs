//! What caches and stores have counted, and how many objects there are: read when somebody asks.
//!
//! The embedded store is counted under the names that etcd's requests have, since those are what dashboards know.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use component_base::metrics::MetricsRegistry;
use prometheus::{
    core::{Collector, Desc},
    proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::{
    counts::{CacheCounts, Count, LONG, Operation, SHORT, StoreCounts},
    endpoints::Backing,
    registry::Store,
    server::Routes,
};

/// One family of all stored resources.
struct StoredFamily {
    stores: Arc<[Arc<Store>]>,
    described: &'static Described,
    description: Desc,
}

/// One value of a family.
enum Figure {
    Counter(u64),
    Gauge(u64),
    Histogram(prometheus::proto::Histogram),
}

/// A value and its labels beside those of the resource.
type Figures = Vec<(Vec<(&'static str, String)>, Figure)>;

/// A metric family with the labels `group` and `resource`.
struct Described {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    figures: fn(&Store) -> Figures,
}

fn one(figure: Figure) -> Figures {
    vec![(Vec::new(), figure)]
}

const fn described(
    kind: MetricType,
    name: &'static str,
    help: &'static str,
    figures: fn(&Store) -> Figures,
) -> Described {
    Described {
        name,
        help,
        kind,
        figures,
    }
}

fn of_cache(store: &Store, count: fn(&CacheCounts) -> &Count) -> Figures {
    one(Figure::Counter(count(store.cacher().counts()).get()))
}

fn of_store(store: &Store, count: fn(&StoreCounts) -> &Count) -> Figures {
    one(Figure::Counter(count(&store.counts).get()))
}

/// What there is to say of the operations that have happened.
fn operations(store: &Store, figure: fn(&Store, Operation) -> Option<Figure>) -> Figures {
    let happened = |operation: &Operation| store.counts.of(*operation).took.count() > 0;
    Operation::ALL
        .into_iter()
        .filter(happened)
        .filter_map(|operation| {
            let labels = vec![("operation", operation.name().to_owned())];
            Some((labels, figure(store, operation)?))
        })
        .collect()
}

/// By which index a list was found is not told apart.
fn of_lists(count: u64) -> Figures {
    vec![(vec![("index", String::new())], Figure::Counter(count))]
}

static FAMILIES: [Described; 20] = [
    described(
        MetricType::GAUGE,
        "apiserver_resource_objects",
        "[ALPHA] Stored objects, by group and resource.",
        |store| one(Figure::Gauge(store.cacher().snapshot().len() as u64)),
    ),
    described(
        MetricType::GAUGE,
        "apiserver_resource_size_estimate_bytes",
        "[ALPHA] Bytes of the stored objects, as a few of them let expect.",
        |store| {
            let (count, average) = store.cacher().estimate();
            one(Figure::Gauge(count * average))
        },
    ),
    described(
        MetricType::COUNTER,
        "apiserver_cache_list_total",
        "[ALPHA] Lists answered from the cache.",
        |store| of_lists(store.cacher().counts().lists.get()),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_cache_list_returned_objects_total",
        "[ALPHA] Objects in lists answered from the cache.",
        |store| of_cache(store, |counts| &counts.returned),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_init_events_total",
        "[ALPHA] Objects that watches began with.",
        |store| of_cache(store, |counts| &counts.initial_events),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_watch_cache_events_received_total",
        "[ALPHA] Events that the cache has received.",
        |store| of_cache(store, |counts| &counts.received),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_watch_cache_events_dispatched_total",
        "[ALPHA] Events that the cache has handed on.",
        |store| of_cache(store, |counts| &counts.dispatched),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_watch_cache_initializations_total",
        "[ALPHA] How often the cache was made from a list of the store.",
        |store| of_cache(store, |counts| &counts.initializations),
    ),
    described(
        MetricType::GAUGE,
        "apiserver_watch_cache_resource_version",
        "[ALPHA] The resource version of the cache, its 15 last digits.",
        |store| {
            one(Figure::Gauge(
                store.cacher().snapshot().revision % 1_000_000_000_000_000,
            ))
        },
    ),
    described(
        MetricType::HISTOGRAM,
        "apiserver_watch_cache_read_wait_seconds",
        "[ALPHA] Seconds that reads waited until the cache was new enough.",
        |store| one(Figure::Histogram(store.cacher().counts().waited.histogram(SHORT))),
    ),
    described(
        MetricType::GAUGE,
        "watch_cache_capacity",
        "[ALPHA] How many events the cache keeps now.",
        |store| one(Figure::Gauge(store.cacher().kept_events() as u64)),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_storage_events_received_total",
        "[BETA] Events received from the store.",
        |store| of_cache(store, |counts| &counts.received),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_storage_list_total",
        "[ALPHA] Lists answered from the store.",
        |store| of_store(store, |counts| &counts.lists),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_storage_list_fetched_objects_total",
        "[ALPHA] Objects read from the store for lists.",
        |store| of_store(store, |counts| &counts.fetched),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_storage_list_evaluated_objects_total",
        "[ALPHA] Objects looked at for lists from the store.",
        |store| of_store(store, |counts| &counts.evaluated),
    ),
    described(
        MetricType::COUNTER,
        "apiserver_storage_list_returned_objects_total",
        "[ALPHA] Objects in lists answered from the store.",
        |store| of_store(store, |counts| &counts.returned),
    ),
    described(
        MetricType::HISTOGRAM,
        "etcd_request_duration_seconds",
        "[ALPHA] Seconds that requests to the store took.",
        |store| {
            operations(store, |store, operation| {
                Some(Figure::Histogram(store.counts.of(operation).took.histogram(LONG)))
            })
        },
    ),
    described(
        MetricType::COUNTER,
        "etcd_requests_total",
        "[ALPHA] Requests to the store.",
        |store| {
            operations(store, |store, operation| {
                Some(Figure::Counter(store.counts.of(operation).took.count()))
            })
        },
    ),
    described(
        MetricType::COUNTER,
        "etcd_request_errors_total",
        "[ALPHA] Requests to the store that failed.",
        |store| {
            operations(store, |store, operation| {
                let errors = store.counts.of(operation).errors.get();
                (errors > 0).then_some(Figure::Counter(errors))
            })
        },
    ),
    described(
        MetricType::GAUGE,
        OBJECTS_BY_RESOURCE,
        "[STABLE] (Deprecated since 1.34.0) Stored objects, by resource; see apiserver_resource_objects.",
        |store| one(Figure::Gauge(store.cacher().snapshot().len() as u64)),
    ),
];

/// The one family whose only label is the resource with its group.
const OBJECTS_BY_RESOURCE: &str = "apiserver_storage_objects";

/// Publishes the figures of each stored resource.
pub(in crate::server) fn register(routes: &Routes, registry: &MetricsRegistry) {
    let mut seen = HashSet::new();
    let stores = routes.values().filter_map(|endpoint| match &endpoint.backing {
        Backing::Store(store) => seen.insert(Arc::as_ptr(store)).then(|| store.clone()),
        Backing::Create(_) | Backing::Computed(_) => None,
    });
    let stores: Arc<[Arc<Store>]> = stores.collect();
    for described in &FAMILIES {
        let labels = ["group", "resource"].map(str::to_owned).to_vec();
        let description = Desc::new(described.name.into(), described.help.into(), labels, HashMap::new());
        registry.register(Box::new(StoredFamily {
            stores: stores.clone(),
            described,
            description: description.expect("names and labels are well-formed"),
        }));
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn metric(labels: Vec<LabelPair>, figure: Figure) -> Metric {
    let mut metric = Metric::from_label(labels);
    #[allow(clippy::cast_precision_loss, reason = "the text format knows floats only")]
    match figure {
        Figure::Counter(value) => {
            let mut counter = Counter::default();
            counter.set_value(value as f64);
            metric.set_counter(counter);
        }
        Figure::Gauge(value) => {
            let mut gauge = Gauge::default();
            gauge.set_value(value as f64);
            metric.set_gauge(gauge);
        }
        Figure::Histogram(histogram) => metric.set_histogram(histogram),
    }
    metric
}

impl Collector for StoredFamily {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let described = self.described;
        let metrics = self.stores.iter().flat_map(|store| {
            let (group, resource) = (&store.config().group, &store.config().resource);
            let of_resource = match (described.name, group.as_str()) {
                (OBJECTS_BY_RESOURCE, "") => vec![label("resource", resource)],
                (OBJECTS_BY_RESOURCE, group) => vec![label("resource", &format!("{resource}.{group}"))],
                (_, group) => vec![label("group", group), label("resource", resource)],
            };
            (described.figures)(store).into_iter().map(move |(more, figure)| {
                let mut labels = of_resource.clone();
                labels.extend(more.iter().map(|(name, value)| label(name, value)));
                labels.sort_by(|one, other| one.name().cmp(other.name()));
                metric(labels, figure)
            })
        });
        let mut family = MetricFamily::default();
        family.set_name(described.name.to_owned());
        family.set_help(described.help.to_owned());
        family.set_field_type(described.kind);
        family.set_metric(metrics.collect());
        Some(family)
            .filter(|family| !family.get_metric().is_empty())
            .into_iter()
            .collect()
    }
}
