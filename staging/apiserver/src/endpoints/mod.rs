//! HTTP endpoints of resources: from bytes to the registry and back.
//!
//! An [`Endpoint`] is one resource at one version. The handlers decode, let admission speak, call
//! the store and answer with bytes that are made once (upstream:
//! `k8s.io/apiserver/pkg/endpoints/handlers`).

mod apply;
mod body;
mod computed;
mod create;
mod delete;
mod dispatch;
pub(crate) mod field_management;
mod get;
mod list;
mod metadata_patch;
mod patch;
mod respond;
mod scale;
mod table;
mod update;
mod watch;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use apimachinery::{
    codec::negotiation::MediaType,
    status::{GroupResource, StatusError},
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::Response;
use streaming::Connections;

use crate::{
    admission::{Chain, ConnectOptions, GroupVersionName},
    cacher::CacheError,
    options::Query,
    registry::{ObjectBox, ResourceStrategy, Store, TableConvertor, ValidateObject, VersionCodec},
    request::RequestContext,
    server::WatchMetrics,
};

pub(crate) use body::discard_body;
pub use body::{MAX_BODY, read_body};
pub use computed::Lister;
pub(crate) use dispatch::add_warnings;
pub use dispatch::handle;
pub use respond::{error_response, status_response};
pub use scale::ScaleMapping;
pub(crate) use scale::codec as scale_codec;

/// How long watches last at least; the longest lasts twice that (`--min-request-timeout`).
const MIN_WATCH: std::time::Duration = std::time::Duration::from_secs(1800);

/// What a request brings besides its [`RequestContext`].
#[derive(Debug)]
pub struct Call<'a> {
    /// Who asks for what.
    pub context: &'a RequestContext,
    /// The decoded query.
    pub query: Query,
    /// The request's headers.
    pub headers: http::HeaderMap,
    /// The method.
    pub method: http::Method,
    /// How the connection and the server stand.
    pub serving: Option<component_base::serving::RequestContext>,
    /// How long a watch lasts at least that does not say.
    pub min_watch: std::time::Duration,
    /// Owns what the request's connection becomes if it is upgraded.
    pub connections: Option<&'a Connections>,
    /// Counts the events that are sent to watchers.
    pub watches: Option<&'a WatchMetrics>,
    /// The request's head, for those who pass it on.
    pub parts: &'a http::request::Parts,
}

impl<'a> Call<'a> {
    /// A request with what its head brings.
    #[must_use]
    pub fn new(
        context: &'a RequestContext,
        parts: &'a http::request::Parts,
        serving: Option<component_base::serving::RequestContext>,
    ) -> Self {
        Self {
            context,
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            method: parts.method.clone(),
            serving,
            min_watch: MIN_WATCH,
            connections: None,
            watches: None,
            parts,
        }
    }

    /// Who owns what the connection becomes if it is upgraded.
    ///
    /// # Errors
    /// The request did not come over a connection.
    pub fn owner_of_upgraded(&self) -> Result<&'a Connections, StatusError> {
        let message = "this request has no connection that could be upgraded";
        self.connections.ok_or_else(|| StatusError::internal_error(message))
    }

    /// A header's text; empty if absent or not text.
    #[must_use]
    pub fn header(&self, name: http::header::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Creates objects that are not stored (reviews, bindings, tokens, evictions).
#[async_trait]
pub trait Creater: Send + Sync + Debug + 'static {
    /// The codec of what is sent.
    fn codec(&self) -> Arc<dyn VersionCodec>;

    /// Other API versions under which the same may be sent.
    fn also_accepts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the UID that is sent means something (below another object's name only): it is the client's condition.
    fn keeps_uid(&self) -> bool {
        false
    }

    /// Acts on the object; `name` is that of the parent for subresources. Returns what the client is shown.
    ///
    /// # Errors
    /// What the client is told.
    async fn create(
        &self,
        call: &Call<'_>,
        name: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Created, StatusError>;
}

/// What a [`Creater`] answers with.
#[derive(Debug)]
pub enum Created {
    /// An object.
    Object(ObjectBox),
    /// A bare success.
    Success,
    /// A Status.
    Status(k8s_api::meta::v1::Status),
}

/// Answers a subresource in its own way (streams, logs, proxies).
#[async_trait]
pub trait Connecter: Send + Sync + Debug + 'static {
    /// The methods it takes.
    fn methods(&self) -> &'static [&'static str];

    /// What admission is shown of the request; `None` for one that only reads.
    fn admission_options(&self, _call: &Call<'_>) -> Option<ConnectOptions> {
        None
    }

    /// Answers the request.
    ///
    /// # Errors
    /// What the client is told.
    async fn connect(&self, call: &Call<'_>, name: &str, body: Body) -> Result<Response<Body>, StatusError>;
}

/// What stands below an object's name.
#[derive(Clone, Debug)]
pub enum Subresource {
    /// The same object under other rules (`status`, `resize`).
    Update(Arc<dyn ResourceStrategy>),
    /// The `autoscaling/v1` Scale of the object.
    Scale(ScaleMapping),
    /// Something to be created (`binding`, `eviction`, `token`).
    Create(Arc<dyn Creater>),
    /// A stream or document.
    Connect(Arc<dyn Connecter>),
}

/// How a resource keeps its objects.
#[derive(Clone, Debug)]
pub enum Backing {
    /// In the store.
    Store(Arc<Store>),
    /// Not at all: they are answered at once.
    Create(Arc<dyn Creater>),
    /// Not at all: they are made when they are asked for.
    Computed(Arc<dyn Lister>),
}

/// One resource at one version.
#[derive(Debug)]
pub struct Endpoint {
    /// Plural name with group and version.
    pub resource: GroupVersionName,
    /// Kind with group and version.
    pub kind: GroupVersionName,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs that discovery shows.
    pub verbs: &'static [&'static str],
    /// What every request is warned of; empty for nothing.
    pub deprecation: &'static str,
    /// This version's codec.
    pub codec: Arc<dyn VersionCodec>,
    /// Whether this version is the one that is stored.
    pub is_hub: bool,
    /// A number unlike that of any other version of the resource; part of cached encodings' names.
    pub version_number: u32,
    /// Where the objects are.
    pub backing: Backing,
    /// Annotations that stand for fields of the stored version; metadata alone goes without them.
    pub field_annotations: &'static [&'static str],
    /// How objects are shown as rows.
    pub table: Option<Arc<dyn TableConvertor>>,
    /// What stands below an object's name.
    pub subresources: BTreeMap<String, Subresource>,
    /// Admission of the server.
    pub admission: Chain,
    /// Names of the selectable fields, in the order of the cacher's field list.
    pub fields: Vec<String>,
    /// The numbers of those with an index.
    pub indexed_fields: Vec<usize>,
}

impl Endpoint {
    /// The resource, as errors name it.
    #[must_use]
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource::new(&self.resource.group, &self.resource.name)
    }

    /// The group of the version that strategies know: Events are core's in both groups that serve them.
    pub(crate) fn internal_group(&self) -> &str {
        match &self.backing {
            Backing::Store(store) => &store.config().group,
            Backing::Create(_) | Backing::Computed(_) => &self.kind.group,
        }
    }

    /// The store, where there is one.
    ///
    /// # Errors
    /// `MethodNotAllowed` where objects are not stored.
    pub fn store(&self, action: &str) -> Result<&Arc<Store>, StatusError> {
        match &self.backing {
            Backing::Store(store) => Ok(store),
            Backing::Create(_) | Backing::Computed(_) => {
                Err(StatusError::method_not_supported(self.group_resource(), action))
            }
        }
    }
}

/// The kind that a codec is of.
pub(crate) fn kind_of(codec: &dyn VersionCodec) -> GroupVersionName {
    let (group, version) = k8s_api::scheme::split_api_version(codec.api_version());
    GroupVersionName {
        group: group.into(),
        version: version.into(),
        name: codec.kind().into(),
    }
}

/// The answer's encoding, and whether it is to be indented.
#[derive(Clone, Debug)]
pub struct Output {
    /// What was negotiated.
    pub media: MediaType,
    /// Indent JSON.
    pub pretty: bool,
}

/// What a client is told when the cache cannot answer.
pub(crate) fn cache_status(error: &CacheError) -> StatusError {
    match error {
        CacheError::TooLarge { .. } => {
            StatusError::timeout(error, 1).map_details(|details| details.causes.push(too_large_cause(error)))
        }
        CacheError::TooOld { .. } => StatusError::resource_expired(error.to_string()),
        CacheError::Unsure | CacheError::NotReady => StatusError::too_many_requests("storage is (re)initializing", 1),
    }
}

fn too_large_cause(_error: &CacheError) -> k8s_api::meta::v1::StatusCause {
    k8s_api::meta::v1::StatusCause {
        reason: "ResourceVersionTooLarge".to_owned(),
        message: "Too large resource version".to_owned(),
        field: String::new(),
    }
}
