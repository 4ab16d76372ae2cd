//! Which paths and operations there are.
//!
//! Names of operations are made as upstream makes them, because generated clients have their
//! methods from there.

use std::borrow::Cow;

use k8s_api::scheme::{self, ResourceInfo, api_version};

use super::{
    model::{Method, Operation, Parameter, PathItem, Payload, RequestBody, Response},
    parameters,
};
use crate::discovery::subresource;

type Text = Cow<'static, str>;
type MediaTypes = &'static [&'static str];

const ANY: MediaTypes = &["*/*"];
const OBJECT: MediaTypes = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const STREAM: MediaTypes = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];
const LOG: MediaTypes = &[
    "text/plain",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const PATCH: MediaTypes = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];
const CUSTOM_OBJECT: MediaTypes = &["application/json", "application/yaml"];
const CUSTOM_STREAM: MediaTypes = &["application/json", "application/yaml", "application/json;stream=watch"];
const CUSTOM_PATCH: MediaTypes = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
];

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// A subresource, as far as its operations go.
#[derive(Clone, Debug)]
pub struct SubresourceRoutes {
    /// Name behind the slash.
    pub name: Text,
    /// Group, version and kind of what is read and written.
    pub kind: [Text; 3],
    /// Definition of the body; empty for connections and logs.
    pub definition: Text,
    /// Verbs.
    pub verbs: Vec<Text>,
}

/// A resource, as far as its operations go.
#[derive(Clone, Debug)]
pub struct ResourceRoutes {
    /// API group.
    pub group: Text,
    /// API version.
    pub version: Text,
    /// Plural name.
    pub plural: Text,
    /// Kind.
    pub kind: Text,
    /// Definition of the kind; the list's has `List` behind it.
    pub definition: Text,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Verbs.
    pub verbs: Vec<Text>,
    /// Whether a deletion answers with the object instead of a Status.
    pub returns_deleted: bool,
    /// Whether it is a custom resource: no protobuf, no strategic merge patch, no `/watch/` paths.
    pub custom: bool,
    /// Subresources.
    pub subresources: Vec<SubresourceRoutes>,
}

/// Resources whose deletion answers with the deleted object.
static RETURNS_DELETED: [(&str, &str); 16] = [
    ("", "persistentvolumeclaims"),
    ("", "persistentvolumes"),
    ("", "pods"),
    ("", "podtemplates"),
    ("", "resourcequotas"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaimtemplates"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "volumeattachments"),
    ("storage.k8s.io", "volumeattributesclasses"),
];

impl From<&'static ResourceInfo> for ResourceRoutes {
    fn from(info: &'static ResourceInfo) -> Self {
        let texts = |list: &'static [&'static str]| list.iter().map(|t| Text::Borrowed(t)).collect();
        let subresources = info.subresources.iter().map(|name| {
            let facts = subresource(info.plural, name);
            let own = |text: &'static str, parent: &'static str| if text.is_empty() { parent } else { text }.into();
            let is_connection = !facts.kind.is_empty() && facts.definition.is_empty();
            SubresourceRoutes {
                name: (*name).into(),
                kind: if facts.group.is_empty() {
                    [info.group.into(), info.version.into(), own(facts.kind, info.kind)]
                } else {
                    [facts.group.into(), facts.version.into(), facts.kind.into()]
                },
                definition: if is_connection || *name == "log" {
                    "".into()
                } else {
                    own(facts.definition, info.definition)
                },
                verbs: texts(facts.verbs),
            }
        });
        Self {
            group: info.group.into(),
            version: info.version.into(),
            plural: info.plural.into(),
            kind: info.kind.into(),
            definition: info.definition.into(),
            namespaced: info.namespaced,
            verbs: texts(info.verbs),
            returns_deleted: RETURNS_DELETED.contains(&(info.group, info.plural)),
            custom: false,
            subresources: subresources.collect(),
        }
    }
}

/// `rbac.authorization.k8s.io` as it stands in names of operations: `RbacAuthorization`.
fn friendly_group(group: &str) -> String {
    if group.is_empty() {
        return "Core".to_owned();
    }
    let labels = group.strip_suffix(".k8s.io").unwrap_or(group).split('.');
    labels.map(capitalise).collect()
}

fn capitalise(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn lower_first(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// `a Pod`, `an Event`, `Endpoints`.
fn with_article(kind: &str) -> String {
    let plural = kind.ends_with('s') && !kind.ends_with("ss");
    match kind.chars().next() {
        _ if plural => kind.to_owned(),
        Some('A' | 'E' | 'I' | 'O' | 'U' | 'a' | 'e' | 'i' | 'o' | 'u') => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// The path of a group version: `/api/v1`, `/apis/apps/v1`.
fn root(group: &str, version: &str) -> String {
    let prefix = if group.is_empty() { "/api" } else { "/apis" };
    format!("{prefix}/{}", api_version(group, version))
}

fn definition(name: &str) -> Option<Payload> {
    Some(Payload::Definition(name.to_owned().into()))
}

fn ok(payload: Option<Payload>) -> Response {
    Response {
        code: 200,
        description: "OK",
        payload,
    }
}

/// The codes, with the same body each, and 401 behind them.
fn answers(codes: &[u16], payload: &Payload) -> Vec<Response> {
    let answer = |code: &u16| Response {
        code: *code,
        description: match code {
            201 => "Created",
            202 => "Accepted",
            _ => "OK",
        },
        payload: Some(payload.clone()),
    };
    codes.iter().map(answer).chain([unauthorized()]).collect()
}

fn unauthorized() -> Response {
    Response {
        code: 401,
        description: "Unauthorized",
        payload: None,
    }
}

/// All built-in paths: those of discovery, of every resource that is served, and of the server itself.
#[must_use]
pub fn builtin_paths(served: impl Fn(&scheme::ResourceInfo) -> bool) -> Vec<PathItem> {
    let mut paths = server_paths();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for info in scheme::resources().iter().filter(|info| served(info)) {
        if !info.group.is_empty() && !seen.iter().any(|(g, _)| *g == info.group) {
            paths.push(group_path(info.group));
        }
        if !seen.contains(&(info.group, info.version)) {
            paths.push(version_path(info.group, info.version));
            seen.push((info.group, info.version));
        }
        paths.extend(resource_paths(&info.into()));
    }
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    paths
}

/// A path that only answers GET and takes nothing.
fn plain(
    path: String,
    id: String,
    tag: String,
    description: &'static str,
    body: Option<Payload>,
    types: Option<MediaTypes>,
) -> PathItem {
    let responses = body.map(|b| ok(Some(b))).into_iter().chain([unauthorized()]);
    let operation = Operation {
        method: Method::Get,
        id,
        tag: tag.into(),
        description: description.into(),
        action: None,
        kind: None,
        parameters: Vec::new(),
        body: None,
        consumes: types,
        produces: types,
        responses: responses.collect(),
    };
    PathItem {
        path,
        operations: vec![operation],
    }
}

/// `/apis/<group>/`.
#[must_use]
pub fn group_path(group: &str) -> PathItem {
    let name = friendly_group(group);
    plain(
        format!("/apis/{group}/"),
        format!("get{name}APIGroup"),
        lower_first(&name),
        "get information of a group",
        definition(&format!("{META}.APIGroup")),
        Some(OBJECT),
    )
}

/// `/api/v1/`, `/apis/<group>/<version>/`.
#[must_use]
pub fn version_path(group: &str, version: &str) -> PathItem {
    let name = friendly_group(group);
    plain(
        format!("{}/", root(group, version)),
        format!("get{name}{}APIResources", capitalise(version)),
        format!("{}_{version}", lower_first(&name)),
        "get available resources",
        definition(&format!("{META}.APIResourceList")),
        Some(OBJECT),
    )
}

fn server_paths() -> Vec<PathItem> {
    let roots = [
        ("/api/", "getCoreAPIVersions", "core", "APIVersions"),
        ("/apis/", "getAPIVersions", "apis", "APIGroupList"),
    ];
    let mut paths: Vec<PathItem> = roots
        .into_iter()
        .map(|(path, id, tag, kind)| {
            let body = definition(&format!("{META}.{kind}"));
            plain(
                path.into(),
                id.into(),
                tag.into(),
                "get available API versions",
                body,
                Some(OBJECT),
            )
        })
        .collect();
    paths.push(plain(
        "/version/".into(),
        "getCodeVersion".into(),
        "version".into(),
        "get the version information for this server",
        definition(super::definitions::VERSION_INFO),
        Some(&["application/json"]),
    ));
    let mut tokens = [
        plain(
            "/.well-known/openid-configuration/".into(),
            "getServiceAccountIssuerOpenIDConfiguration".into(),
            "WellKnown".into(),
            "get the OpenID configuration of the issuer of service account tokens",
            Some(Payload::Text),
            Some(&["application/json"]),
        ),
        plain(
            "/openid/v1/jwks/".into(),
            "getServiceAccountIssuerOpenIDKeyset".into(),
            "openid".into(),
            "get the keys that verify service account tokens, as a JSON Web Key Set",
            Some(Payload::Text),
            Some(&["application/jwk-set+json"]),
        ),
    ];
    for item in &mut tokens {
        item.operations[0].consumes = None;
    }
    paths.extend(tokens);
    paths.push(plain(
        "/logs/".into(),
        "logFileListHandler".into(),
        "logs".into(),
        "",
        None,
        None,
    ));
    let mut file = plain(
        "/logs/{logpath}".into(),
        "logFileHandler".into(),
        "logs".into(),
        "",
        None,
        None,
    );
    file.operations[0].parameters.push(parameters::log_path());
    paths.push(file);
    paths
}

/// The paths of a resource and its subresources.
#[must_use]
pub fn resource_paths(resource: &ResourceRoutes) -> Vec<PathItem> {
    let builder = Builder::new(resource);
    let mut paths = builder.collection();
    paths.extend(builder.object());
    for sub in &resource.subresources {
        paths.extend(builder.subresource(sub));
    }
    paths
}

struct Builder<'a> {
    resource: &'a ResourceRoutes,
    /// `CoreV1`.
    version_name: String,
    /// `core_v1`.
    tag: String,
    /// `Namespaced`, or nothing.
    scope: &'static str,
    /// `/api/v1/namespaces/{namespace}/pods`.
    collection: String,
}

impl<'a> Builder<'a> {
    fn new(resource: &'a ResourceRoutes) -> Self {
        let group = friendly_group(&resource.group);
        let namespace = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let root = root(&resource.group, &resource.version);
        Self {
            resource,
            version_name: format!("{group}{}", capitalise(&resource.version)),
            tag: format!("{}_{}", lower_first(&group), resource.version),
            scope: if resource.namespaced { "Namespaced" } else { "" },
            collection: format!("{root}{namespace}/{}", resource.plural),
        }
    }

    fn has(&self, verb: &str) -> bool {
        self.resource.verbs.iter().any(|v| v == verb)
    }

    fn object_types(&self) -> MediaTypes {
        if self.resource.custom { CUSTOM_OBJECT } else { OBJECT }
    }

    fn stream_types(&self) -> MediaTypes {
        if self.resource.custom { CUSTOM_STREAM } else { STREAM }
    }

    fn own_kind(&self) -> [Text; 3] {
        let r = self.resource;
        [r.group.clone(), r.version.clone(), r.kind.clone()]
    }

    /// An operation with what all of them have in common; `name` is the verb and what follows it.
    fn operation(
        &self,
        method: Method,
        action: &'static str,
        verb: &str,
        name: &str,
        description: String,
    ) -> Operation {
        let namespace = self.resource.namespaced.then(parameters::namespace);
        Operation {
            method,
            id: format!("{verb}{}{name}", self.version_name),
            tag: self.tag.clone().into(),
            description: description.into(),
            action: Some(action),
            kind: Some(self.own_kind()),
            parameters: namespace.into_iter().chain([parameters::pretty()]).collect(),
            body: None,
            consumes: Some(ANY),
            produces: Some(self.object_types()),
            responses: Vec::new(),
        }
    }

    /// The paths that name no object, and their deprecated watches.
    fn collection(&self) -> Vec<PathItem> {
        let r = self.resource;
        let (kind, scope) = (&r.kind, self.scope);
        let name = format!("{scope}{kind}");
        let object = Payload::Definition(r.definition.clone());
        let mut operations = Vec::new();
        if self.has("list") {
            operations.push(self.list(&name));
        }
        if self.has("create") {
            let mut post = self.operation(
                Method::Post,
                "post",
                "create",
                &name,
                format!("create {}", with_article(kind)),
            );
            post.parameters.extend(parameters::write());
            post.body = Some(required(&r.definition));
            post.responses = answers(&[200, 201, 202], &object);
            operations.push(post);
        }
        if self.has("deletecollection") {
            let mut delete = self.operation(
                Method::Delete,
                "deletecollection",
                "delete",
                &format!("Collection{name}"),
                format!("delete collection of {kind}"),
            );
            delete.parameters.extend(parameters::delete_collection());
            delete.body = Some(delete_options());
            delete.responses = answers(&[200], &meta("Status"));
            operations.push(delete);
        }
        let mut paths = vec![PathItem {
            path: self.collection.clone(),
            operations,
        }];
        if r.namespaced && self.has("list") {
            let mut all = self.list(&format!("{kind}ForAllNamespaces"));
            all.parameters.retain(|p| p.name != "namespace");
            paths.push(PathItem {
                path: format!("{}/{}", root(&r.group, &r.version), r.plural),
                operations: vec![all],
            });
        }
        if self.has("watch") && !r.custom {
            paths.extend(self.watches(&name));
        }
        paths.retain(|p| !p.operations.is_empty());
        paths
    }

    fn list(&self, name: &str) -> Operation {
        let r = self.resource;
        let verbs = if self.has("watch") { "list or watch" } else { "list" };
        let description = format!("{verbs} objects of kind {}", r.kind);
        let mut list = self.operation(Method::Get, "list", "list", name, description);
        list.parameters.extend(parameters::list());
        list.produces = Some(self.stream_types());
        let body = Payload::Definition(format!("{}List", r.definition).into());
        list.responses = answers(&[200], &body);
        list
    }

    /// The deprecated paths that only watch.
    fn watches(&self, name: &str) -> Vec<PathItem> {
        let r = self.resource;
        let kind = &r.kind;
        let of_list = format!(
            "watch individual changes to a list of {kind}. deprecated: use the 'watch' parameter with a list operation instead."
        );
        let of_object = format!(
            "watch changes to an object of kind {kind}. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter."
        );
        let watch = |path: String, action, name: &str, description: &str| {
            let mut operation = self.operation(Method::Get, action, "watch", name, description.to_owned());
            operation.parameters.extend(parameters::list());
            operation.produces = Some(self.stream_types());
            operation.responses = answers(&[200], &meta("WatchEvent"));
            PathItem {
                path,
                operations: vec![operation],
            }
        };
        let root = root(&r.group, &r.version);
        let below = self
            .collection
            .strip_prefix(&root)
            .expect("a collection lies under its version");
        let mut paths = vec![watch(
            format!("{root}/watch{below}"),
            "watchlist",
            &format!("{name}List"),
            &of_list,
        )];
        if self.has("get") {
            let mut one = watch(format!("{root}/watch{below}/{{name}}"), "watch", name, &of_object);
            one.operations[0].parameters.push(parameters::name(kind));
            paths.push(one);
        }
        if r.namespaced {
            let name = format!("{kind}ListForAllNamespaces");
            let mut all = watch(format!("{root}/watch/{}", r.plural), "watchlist", &name, &of_list);
            all.operations[0].parameters.retain(|p| p.name != "namespace");
            paths.push(all);
        }
        paths
    }

    /// The path of an object.
    fn object(&self) -> Option<PathItem> {
        let r = self.resource;
        let name = format!("{}{}", self.scope, r.kind);
        let object = Payload::Definition(r.definition.clone());
        let verbs: Vec<&str> = r.verbs.iter().map(AsRef::as_ref).collect();
        let mut operations = self.read_write(&verbs, &name, &r.definition, &format!("the specified {}", r.kind));
        if self.has("delete") {
            let description = format!("delete {}", with_article(&r.kind));
            let mut delete = self.operation(Method::Delete, "delete", "delete", &name, description);
            delete.parameters.extend(parameters::delete());
            delete.body = Some(delete_options());
            let body = if r.returns_deleted { object } else { meta("Status") };
            delete.responses = answers(&[200, 202], &body);
            operations.push(delete);
        }
        for operation in &mut operations {
            operation.parameters.push(parameters::name(&r.kind));
        }
        (!operations.is_empty()).then(|| PathItem {
            path: format!("{}/{{name}}", self.collection),
            operations,
        })
    }

    /// GET, PUT and PATCH, as far as the verbs allow them.
    fn read_write(&self, verbs: &[&str], name: &str, body: &Text, of: &str) -> Vec<Operation> {
        let object = Payload::Definition(body.clone());
        let mut operations = Vec::new();
        if verbs.contains(&"get") {
            let mut get = self.operation(Method::Get, "get", "read", name, format!("read {of}"));
            get.responses = answers(&[200], &object);
            operations.push(get);
        }
        if verbs.contains(&"update") {
            let mut put = self.operation(Method::Put, "put", "replace", name, format!("replace {of}"));
            put.parameters.extend(parameters::write());
            put.body = Some(required(body));
            put.responses = answers(&[200, 201], &object);
            operations.push(put);
        }
        if verbs.contains(&"patch") {
            let mut patch = self.operation(Method::Patch, "patch", "patch", name, format!("partially update {of}"));
            patch.parameters.extend(parameters::patch());
            patch.body = Some(required(&format!("{META}.Patch").into()));
            patch.consumes = Some(if self.resource.custom { CUSTOM_PATCH } else { PATCH });
            patch.responses = answers(&[200, 201], &object);
            operations.push(patch);
        }
        operations
    }

    fn subresource(&self, sub: &SubresourceRoutes) -> Vec<PathItem> {
        let r = self.resource;
        let name = format!("{}{}{}", self.scope, r.kind, capitalise(&sub.name));
        let path = format!("{}/{{name}}/{}", self.collection, sub.name);
        let verbs: Vec<&str> = sub.verbs.iter().map(AsRef::as_ref).collect();
        if sub.definition.is_empty() && sub.name != "log" {
            return self.connections(sub, &path, &name);
        }
        let mut operations = self.read_write(
            &verbs,
            &name,
            &sub.definition,
            &format!("{} of the specified {}", sub.name, r.kind),
        );
        if verbs.contains(&"create") {
            let description = format!("create {} of {}", sub.name, with_article(&r.kind));
            let mut post = self.operation(Method::Post, "post", "create", &name, description);
            post.parameters.extend(parameters::write());
            post.body = Some(required(&sub.definition));
            post.responses = answers(&[200, 201, 202], &Payload::Definition(sub.definition.clone()));
            operations.push(post);
        }
        for operation in &mut operations {
            operation.kind = Some(sub.kind.clone());
            operation.parameters.push(parameters::name(&sub.kind[2]));
            operation.parameters.extend(parameters::of_subresource(&sub.name));
            if sub.name == "log" {
                operation.produces = Some(LOG);
                operation.responses = answers(&[200], &Payload::Text);
            }
        }
        vec![PathItem { path, operations }]
    }

    /// The paths that connect a client to something behind the server.
    fn connections(&self, sub: &SubresourceRoutes, path: &str, name: &str) -> Vec<PathItem> {
        const ALL: &[Method] = &[
            Method::Delete,
            Method::Get,
            Method::Head,
            Method::Options,
            Method::Patch,
            Method::Post,
            Method::Put,
        ];
        let is_proxy = sub.verbs.iter().any(|v| v == "delete");
        let methods = if is_proxy { ALL } else { &[Method::Get, Method::Post] };
        let connect = |path: String, suffix: &str, more: Option<Parameter>| {
            let operations = methods.iter().map(|method| {
                let verb = method.key();
                let description = format!(
                    "connect {} requests to {} of {}",
                    verb.to_uppercase(),
                    sub.name,
                    self.resource.kind
                );
                let name = format!("{}{name}{suffix}", capitalise(verb));
                let mut operation = self.operation(*method, "connect", "connect", &name, description);
                operation.kind = Some(sub.kind.clone());
                operation.parameters.retain(|p| p.name != "pretty");
                operation.parameters.push(parameters::name(&sub.kind[2]));
                operation.parameters.extend(parameters::of_subresource(&sub.name));
                operation.parameters.extend(more.clone());
                operation.produces = Some(ANY);
                operation.responses = answers(&[200], &Payload::Text);
                operation
            });
            PathItem {
                path,
                operations: operations.collect(),
            }
        };
        let mut paths = vec![connect(path.to_owned(), "", None)];
        if is_proxy {
            paths.push(connect(
                format!("{path}/{{path}}"),
                "WithPath",
                Some(parameters::path()),
            ));
        }
        paths
    }
}

fn meta(kind: &str) -> Payload {
    Payload::Definition(format!("{META}.{kind}").into())
}

fn required(definition: &Text) -> RequestBody {
    RequestBody {
        definition: definition.clone(),
        required: true,
    }
}

fn delete_options() -> RequestBody {
    RequestBody {
        definition: format!("{META}.DeleteOptions").into(),
        required: false,
    }
}
