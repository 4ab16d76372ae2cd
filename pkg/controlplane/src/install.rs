//! Turns the description of a resource into its store, cache and endpoints.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apimachinery::codec::protobuf::{Envelope, MAGIC, ProtobufCodec};
use apiserver::{
    admission::{Chain, GroupVersionName},
    cacher::{Absent, Cacher, CacherConfig, StoredCodec},
    endpoints::{Backing, Creater, Endpoint, Lister},
    registry::{StorageMedia, Store, StoreConfig, TableConvertor, VersionCodec},
    server::Routes,
};
use apiserver_storage::{
    Storage,
    encryption::{Encrypted, EncryptionKeys},
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{Object, scheme};
use registry::{Registration, Version};
use tokio_util::sync::CancellationToken;

use crate::stores::ResourceName;

/// Installs resources one after the other.
pub(crate) struct Installer {
    pub(crate) storage: Arc<dyn Storage>,
    /// Where objects of single resources are stored instead, by group and name.
    pub(crate) elsewhere: Vec<(ResourceName, Arc<dyn Storage>)>,
    /// Whether no read is answered as of some time ago.
    pub(crate) uncached: bool,
    /// The resources of which none is, by group and name.
    pub(crate) uncached_resources: Vec<ResourceName>,
    pub(crate) prefix: String,
    pub(crate) gates: Arc<FeatureGates>,
    pub(crate) admission: Chain,
    /// How long objects that go away by themselves live after each write; `None` for ever.
    pub(crate) event_ttl: Option<Duration>,
    /// How objects are written.
    pub(crate) media: StorageMedia,
    /// What encrypts which resources at rest.
    pub(crate) encryption: Option<Arc<EncryptionKeys>>,
    /// Whether the garbage collector's finalizers are set on deletion.
    pub(crate) garbage_collection: bool,
    pub(crate) routes: Routes,
    pub(crate) cachers: Vec<Arc<Cacher>>,
}

impl Installer {
    /// Adds one resource at all its versions.
    pub(crate) fn install(&mut self, resource: Registration) -> Arc<Store> {
        let Version { info, codec: hub, .. } = resource
            .versions
            .first()
            .expect("a resource has a stored version")
            .clone();
        let fields = resource.strategy.selectable_fields();
        let field_names: Vec<String> = fields.iter().map(|field| field.name.to_owned()).collect();
        let indexed: Vec<usize> = resource
            .indexed
            .iter()
            .filter_map(|name| field_names.iter().position(|field| field == name))
            .collect();
        let paths = fields
            .iter()
            .map(|field| {
                let other = field
                    .instead
                    .and_then(|other| field_names.iter().position(|name| name == other));
                let absent = other.map_or_else(|| Absent::Text(field.default.into()), Absent::Field);
                (field.path.iter().map(|&member| member.to_owned()).collect(), absent)
            })
            .collect();
        let codecs: Vec<Arc<dyn VersionCodec>> =
            resource.versions.iter().map(|version| version.codec.clone()).collect();
        let stored = StoredCodec::new(
            hub.api_version(),
            hub.kind(),
            paths,
            Box::new(move |bytes| read_foreign(&codecs, bytes)),
        );
        let names: Vec<(String, String)> = resource
            .versions
            .iter()
            .map(|version| (version.info.group.to_owned(), version.info.plural.to_owned()))
            .collect();
        let elsewhere = self.elsewhere.iter().find(|(name, _)| names.contains(name));
        let storage = elsewhere.map_or(&self.storage, |(_, storage)| storage).clone();
        let storage: Arc<dyn Storage> = match &self.encryption {
            None => storage,
            Some(keys) => Encrypted::new(storage, keys.clone(), info.group, info.plural),
        };
        let cacher = Cacher::new(
            storage.clone(),
            CacherConfig {
                prefix: format!("{}/{}/", self.prefix, resource.key),
                resource: if info.group.is_empty() {
                    info.plural.to_owned()
                } else {
                    format!("{}.{}", info.plural, info.group)
                },
                codec: Arc::new(stored),
                indexed_fields: indexed.clone(),
            },
        );
        self.cachers.push(cacher.clone());
        let config = StoreConfig {
            group: info.group.to_owned(),
            resource: info.plural.to_owned(),
            kind: info.kind.to_owned(),
            strategy: resource.strategy,
            hub: hub.clone(),
            media: self.media_of(info.group),
            ttl: self.event_ttl.filter(|_| resource.expires),
            garbage_collection: self.garbage_collection,
            returns_deleted_object: resource.returns_deleted_object,
            fresh_reads: self.uncached || self.uncached_resources.iter().any(|name| names.contains(name)),
            hooks: resource.hooks,
        };
        let store = Store::new(config, storage, cacher, self.gates.clone());
        for (number, version) in (0_u32..).zip(resource.versions) {
            let fields = version_fields(&version, &field_names);
            let Version { info, codec, .. } = version;
            let endpoint = Endpoint {
                resource: name(info.group, info.version, info.plural),
                kind: name(info.group, info.version, info.kind),
                namespaced: info.namespaced,
                verbs: info.verbs,
                deprecation: resource.deprecation,
                field_annotations: resource.field_annotations,
                codec,
                is_hub: number == 0,
                version_number: number,
                backing: Backing::Store(store.clone()),
                table: resource.table.clone(),
                subresources: resource.subresources.clone(),
                admission: self.admission.for_resource(info.group, info.plural),
                fields,
                indexed_fields: indexed.clone(),
            };
            let key = (info.group.to_owned(), info.version.to_owned(), info.plural.to_owned());
            self.routes.insert(key, Arc::new(endpoint));
        }
        store
    }

    /// Adds a kind whose objects are answered and not stored.
    pub(crate) fn install_unstored<T: Object>(&mut self, creater: Arc<dyn Creater>) {
        let info = scheme::resource(T::GROUP, T::VERSION, T::PLURAL).expect("every object kind is a resource");
        let endpoint = Endpoint {
            resource: name(info.group, info.version, info.plural),
            kind: name(info.group, info.version, info.kind),
            namespaced: info.namespaced,
            verbs: info.verbs,
            deprecation: "",
            field_annotations: &[],
            codec: creater.codec(),
            is_hub: true,
            version_number: 0,
            backing: Backing::Create(creater),
            table: None,
            subresources: BTreeMap::new(),
            admission: self.admission.for_resource(info.group, info.plural),
            fields: Vec::new(),
            indexed_fields: Vec::new(),
        };
        let key = (info.group.to_owned(), info.version.to_owned(), info.plural.to_owned());
        self.routes.insert(key, Arc::new(endpoint));
    }

    /// Adds a kind whose objects are made when they are asked for.
    pub(crate) fn install_computed<T: Object>(
        &mut self,
        lister: Arc<dyn Lister>,
        table: Arc<dyn TableConvertor>,
        deprecation: &'static str,
    ) {
        let info = scheme::resource(T::GROUP, T::VERSION, T::PLURAL).expect("every object kind is a resource");
        let endpoint = Endpoint {
            resource: name(info.group, info.version, info.plural),
            kind: name(info.group, info.version, info.kind),
            namespaced: info.namespaced,
            verbs: info.verbs,
            deprecation,
            field_annotations: &[],
            codec: lister.codec(),
            is_hub: true,
            version_number: 0,
            backing: Backing::Computed(lister),
            table: Some(table),
            subresources: BTreeMap::new(),
            admission: self.admission.clone(),
            fields: Vec::new(),
            indexed_fields: Vec::new(),
        };
        let key = (info.group.to_owned(), info.version.to_owned(), info.plural.to_owned());
        self.routes.insert(key, Arc::new(endpoint));
    }

    /// Upstream's servers of these two groups read and write JSON only.
    fn media_of(&self, group: &str) -> StorageMedia {
        match group {
            "apiextensions.k8s.io" | "apiregistration.k8s.io" => StorageMedia::Json,
            _ => self.media,
        }
    }

    /// Starts the caches.
    pub(crate) fn start(&self, stop: &CancellationToken) {
        for cacher in &self.cachers {
            tokio::spawn(cacher.clone().run(stop.clone()));
        }
    }
}

/// The names of the selectable fields in a version, in the stored version's order; empty for those it has not.
fn version_fields(version: &Version, stored: &[String]) -> Vec<String> {
    if version.field_names.is_empty() {
        return stored.to_vec();
    }
    let name = |stored: &String| {
        let mut names = version.field_names.iter();
        let renamed = names.find(|(_, hub)| hub == stored);
        renamed.map_or_else(String::new, |(name, _)| (*name).to_owned())
    };
    stored.iter().map(name).collect()
}

fn name(group: &str, version: &str, name: &str) -> GroupVersionName {
    GroupVersionName {
        group: group.to_owned(),
        version: version.to_owned(),
        name: name.to_owned(),
    }
}

/// Reads what another server, or an older version of this one, wrote: protobuf or JSON of any served version.
fn read_foreign(codecs: &[Arc<dyn VersionCodec>], bytes: &[u8]) -> Result<Vec<u8>, String> {
    let hub = codecs.first().ok_or("the resource has no versions")?;
    let (api_version, json) = if bytes.starts_with(&MAGIC) {
        let envelope = Envelope::decode(bytes).map_err(|error| error.to_string())?;
        let (group, version) = scheme::split_api_version(&envelope.api_version);
        let info = scheme::resource_of_kind(group, version, &envelope.kind).ok_or_else(|| {
            format!(
                "no kind {:?} is registered for version {:?}",
                envelope.kind, envelope.api_version
            )
        })?;
        let value = ProtobufCodec::builtin()
            .decode(info.type_id(), &envelope)
            .map_err(|error| error.to_string())?;
        (envelope.api_version.clone(), value.to_string().into_bytes())
    } else {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let api_version = value
            .get("apiVersion")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        (api_version.to_owned(), bytes.to_vec())
    };
    let codec = codecs
        .iter()
        .find(|codec| codec.api_version() == api_version)
        .ok_or_else(|| format!("version {api_version:?} is not served"))?;
    let mut object = codec.decode_stored(&json).map_err(|error| error.to_string())?;
    object.metadata_mut().resource_version.clear();
    Ok(hub.encode_json(object.as_ref()))
}
