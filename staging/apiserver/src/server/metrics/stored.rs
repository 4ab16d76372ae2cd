//! How many objects there are, read from the caches when somebody asks.

use std::{collections::HashSet, sync::Arc};

use prometheus::{
    IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::{endpoints::Backing, registry::Store, server::Routes};

/// Publishes the number of objects of each stored resource.
pub(in crate::server) struct StoredObjects {
    stores: Vec<Arc<Store>>,
    objects: IntGaugeVec,
    by_resource: IntGaugeVec,
}

impl StoredObjects {
    pub(in crate::server) fn new(routes: &Routes) -> Self {
        let mut seen = HashSet::new();
        let stores = routes.values().filter_map(|endpoint| match &endpoint.backing {
            Backing::Store(store) => seen.insert(Arc::as_ptr(store)).then(|| store.clone()),
            Backing::Create(_) | Backing::Computed(_) => None,
        });
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels).expect("names and labels are well-formed")
        };
        Self {
            stores: stores.collect(),
            objects: gauges(
                "apiserver_resource_objects",
                "[ALPHA] Stored objects, by group and resource.",
                &["group", "resource"],
            ),
            by_resource: gauges(
                "apiserver_storage_objects",
                "[STABLE] (Deprecated since 1.34.0) Stored objects, by resource; see apiserver_resource_objects.",
                &["resource"],
            ),
        }
    }
}

impl Collector for StoredObjects {
    fn desc(&self) -> Vec<&Desc> {
        let mut descriptions = self.objects.desc();
        descriptions.extend(self.by_resource.desc());
        descriptions
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for store in &self.stores {
            let count = i64::try_from(store.cacher().snapshot().len()).unwrap_or(i64::MAX);
            let (group, resource) = (&store.config().group, &store.config().resource);
            self.objects.with_label_values(&[group.as_str(), resource]).set(count);
            let name = match group.as_str() {
                "" => resource.clone(),
                group => format!("{resource}.{group}"),
            };
            self.by_resource.with_label_values(&[name.as_str()]).set(count);
        }
        let mut families = self.objects.collect();
        families.extend(self.by_resource.collect());
        families
    }
}
