//! What the API server needs to know of a resource to serve it.
//!
//! Each kind's folder has one function that makes its [`Registration`]; [`all`](crate::all) strings
//! them together. The control plane adds what depends on how the server runs (hooks, what is
//! created below an object's name, streams) and makes stores and endpoints of them.
//!
//! Upstream counterpart: `pkg/registry/*/rest/storage_*.go`.

use std::{collections::BTreeMap, sync::Arc};

use apiserver::{
    endpoints::{ScaleMapping, Subresource},
    registry::{
        AnyObject, Column, ConvertingCodec, Hooks, HubCodec, NoHooks, ResourceStrategy, Row, RowCondition, Strategy,
        TableConvertor, Typed, TypedTable, VersionCodec,
    },
};
use k8s_api::{
    Object,
    core::v1::PodTemplateSpec,
    scheme::{self, ResourceInfo},
};

mod privileges;

use privileges::Unprivileged;

use crate::{Settings, scale::Scalable};

/// One version that a resource is served at.
#[derive(Clone, Debug)]
pub struct Version {
    /// Names, scope and verbs.
    pub info: &'static ResourceInfo,
    /// How its JSON becomes the stored type.
    pub codec: Arc<dyn VersionCodec>,
    /// The selectable fields that have other names in this version, or none: its name and the stored
    /// version's. If there are any, fields that are not among them cannot be selected by.
    pub field_names: &'static [(&'static str, &'static str)],
}

/// One stored resource.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Where objects lie below the prefix of all keys.
    pub key: &'static str,
    /// The rules.
    pub strategy: Arc<dyn ResourceStrategy>,
    /// The served versions, the stored one first.
    pub versions: Vec<Version>,
    /// How objects are shown as rows; without it by name and creation time.
    pub table: Option<Arc<dyn TableConvertor>>,
    /// What stands below an object's name.
    pub subresources: BTreeMap<String, Subresource>,
    /// Names of the selectable fields that have an index.
    pub indexed: &'static [&'static str],
    /// Annotations that stand for fields; metadata alone goes without them.
    pub field_annotations: &'static [&'static str],
    /// What every request is warned of; empty for nothing.
    pub deprecation: &'static str,
    /// Whether objects go away by themselves some time after each write (`--event-ttl`).
    pub expires: bool,
    /// Whether a completed deletion answers with the object instead of a bare success.
    pub returns_deleted_object: bool,
    /// What happens around writes.
    pub hooks: Arc<dyn Hooks>,
}

/// The defaults of kinds that have none.
pub(crate) fn no_defaults<T>(_object: &mut T) {}

fn info<T: Object>() -> &'static ResourceInfo {
    scheme::resource(T::GROUP, T::VERSION, T::PLURAL).expect("every object kind is a resource")
}

impl Registration {
    /// A resource whose stored version is that of the strategy's type, and which has nothing special about it.
    pub(crate) fn new<S>(key: &'static str, strategy: S, defaults: fn(&mut S::Object)) -> Self
    where
        S: Strategy,
        S::Object: Object,
    {
        Self {
            key,
            strategy: Typed::erase(strategy),
            versions: vec![Version {
                info: info::<S::Object>(),
                codec: Arc::new(HubCodec::<S::Object>::new(defaults)),
                field_names: &[],
            }],
            table: None,
            subresources: BTreeMap::new(),
            indexed: &[],
            field_annotations: &[],
            deprecation: "",
            expires: false,
            returns_deleted_object: false,
            hooks: Arc::new(NoHooks),
        }
    }

    /// Shown by these columns, whose cells `row` makes.
    pub(crate) fn table<T: Object>(mut self, columns: &'static [Column], row: fn(&T, jiff::Timestamp) -> Row) -> Self {
        self.table = Some(Arc::new(TypedTable::new(columns, row)));
        self
    }

    /// Shown by rows that say something of their objects' state.
    pub(crate) fn table_with_conditions<T: Object>(
        mut self,
        columns: &'static [Column],
        row: fn(&T, jiff::Timestamp) -> Row,
        conditions: fn(&T) -> &'static [RowCondition],
    ) -> Self {
        self.table = Some(Arc::new(TypedTable::new(columns, row).with_conditions(conditions)));
        self
    }

    /// These annotations stand for fields that the version lacks; metadata alone goes without them.
    pub(crate) fn field_annotations(mut self, keys: &'static [&'static str]) -> Self {
        self.field_annotations = keys;
        self
    }

    /// Whoever may not have privileged pods may not have them in this template either.
    pub(crate) fn template<T: Object>(
        mut self,
        settings: &Settings,
        path: &'static str,
        template: fn(&T) -> Option<&PodTemplateSpec>,
    ) -> Self {
        if !settings.allow_privileged {
            self.strategy = Arc::new(Unprivileged {
                rules: self.strategy,
                path,
                template,
            });
        }
        self
    }

    /// Another endpoint for the same objects, under other rules (`status`).
    pub(crate) fn update<S: Strategy>(mut self, subresource: &str, strategy: S) -> Self {
        let update = Subresource::Update(Typed::erase(strategy));
        self.subresources.insert(subresource.to_owned(), update);
        self
    }

    /// Has a `scale`, which is written under the rules of the object.
    pub(crate) fn scale<T: Object + Scalable>(mut self) -> Self {
        const SAME_KIND: &str = "a store holds objects of its own kind only";
        let mapping = ScaleMapping {
            to_scale: |object: &dyn AnyObject| object.downcast_ref::<T>().expect(SAME_KIND).to_scale(),
            set_replicas: |object: &mut dyn AnyObject, replicas| {
                object.downcast_mut::<T>().expect(SAME_KIND).set_replicas(replicas);
            },
            strategy: self.strategy.clone(),
        };
        self.subresources
            .insert("scale".to_owned(), Subresource::Scale(mapping));
        self
    }

    /// Served at one more version, which converts to the stored one and back.
    pub(crate) fn version<V: Object, H: Object>(
        mut self,
        codec: ConvertingCodec<V, H>,
        field_names: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.versions.push(Version {
            info: info::<V>(),
            codec: Arc::new(codec),
            field_names,
        });
        self
    }

    /// With an index of these selectable fields.
    pub(crate) fn indexed(mut self, fields: &'static [&'static str]) -> Self {
        self.indexed = fields;
        self
    }

    /// Whoever uses it is told that there is something better.
    pub(crate) fn deprecated(mut self, warning: &'static str) -> Self {
        self.deprecation = warning;
        self
    }

    /// Objects go away by themselves.
    pub(crate) fn expires(mut self) -> Self {
        self.expires = true;
        self
    }

    /// A completed deletion answers with the object.
    pub(crate) fn returns_deleted_object(mut self) -> Self {
        self.returns_deleted_object = true;
        self
    }

    /// Group and plural name of the stored version.
    #[must_use]
    pub fn group_resource(&self) -> (&'static str, &'static str) {
        let hub = self.versions.first().expect("a resource has a stored version");
        (hub.info.group, hub.info.plural)
    }
}

#[cfg(test)]
mod tests;
