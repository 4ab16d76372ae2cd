//! [`Builder`]: what to find, and the finding (upstream: `resource.Builder`, `resource.Result`).

use std::path::Path;
use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::discovery::MappingError;
use k8s_api::primitives::quote;
use serde_json::Value;

use super::arguments::{self, Tuple};
use super::fetch::{self, Asking, JSON, Selection};
use super::sources::{self, Source};
use super::{FilenameOptions, Info, RestMapping, documents, glob, is_list, text_at};
use crate::{CommandError, Factory, IoStreams, Result, message};

/// What to say when nothing is named.
const NOTHING_NAMED: &str = "You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The objects, in the order they were named.
    pub infos: Vec<Info>,
    /// What went wrong on the way; without [`Builder::continue_on_error`] at most one, and nothing was found behind it.
    pub errors: Vec<CommandError>,
    /// Whether one object was meant, not a list that happens to hold one.
    pub single_item_implied: bool,
    /// Whether objects were named one by one.
    pub targets_single_items: bool,
}

impl Found {
    /// The objects.
    ///
    /// # Errors
    /// Something went wrong on the way.
    pub fn into_infos(self) -> Result<Vec<Info>> {
        CommandError::collect(self.errors)?;
        Ok(self.infos)
    }
}

/// Puts together what to find.
pub struct Builder<'f> {
    factory: &'f Factory,
    streams: IoStreams,
    errors: Vec<CommandError>,
    sources: Vec<Source>,
    resources: Vec<String>,
    names: Vec<String>,
    tuples: Vec<Tuple>,
    arguments: Option<(bool, Vec<String>)>,
    label_selector: Option<String>,
    field_selector: Option<String>,
    namespace: String,
    asking: Asking,
    limit: i64,
    subresource: String,
    options: Options,
}

#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, as upstream's builder has them"
)]
struct Options {
    default_namespace: bool,
    require_namespace: bool,
    all_namespaces: bool,
    select_all: bool,
    flatten: bool,
    latest: bool,
    local: bool,
    lazy: bool,
    continue_on_error: bool,
    single_resource_type: bool,
    single_item_implied: bool,
    stream: bool,
    folder: bool,
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self) -> Self {
            self.options.$name = true;
            self
        }
    )*};
}

impl<'f> Builder<'f> {
    /// Nothing is named yet.
    #[must_use]
    pub fn new(factory: &'f Factory, streams: &IoStreams) -> Self {
        Self {
            factory,
            streams: streams.clone(),
            errors: Vec::new(),
            sources: Vec::new(),
            resources: Vec::new(),
            names: Vec::new(),
            tuples: Vec::new(),
            arguments: None,
            label_selector: None,
            field_selector: None,
            namespace: String::new(),
            asking: Asking {
                accept: JSON,
                include_object: None,
            },
            limit: 0,
            subresource: String::new(),
            options: Options::default(),
        }
    }

    switches! {
        /// Objects without a namespace get the builder's.
        default_namespace;
        /// The same, and objects of another namespace are refused.
        require_namespace;
        /// Lists are opened.
        flatten;
        /// Objects of files are fetched from the server.
        latest;
        /// The server is not asked; objects have no mapping.
        local;
        /// Objects that are named are not fetched.
        lazy;
        /// Goes on behind an error.
        continue_on_error;
        /// Refuses more than one type.
        single_resource_type;
    }

    /// The namespace that is meant.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Across the namespaces; goes before [`Builder::namespace`].
    #[must_use]
    pub fn all_namespaces(mut self, all: bool) -> Self {
        if all {
            self.namespace.clear();
        }
        self.options.all_namespaces = all;
        self
    }

    /// [`Builder::local`] if it holds.
    #[must_use]
    pub fn local_if(mut self, local: bool) -> Self {
        self.options.local = local;
        self
    }

    /// Pages of so many objects; 0 for all at once.
    #[must_use]
    pub fn chunks_of(mut self, limit: i64) -> Self {
        self.limit = limit;
        self
    }

    /// The subresource of what is named.
    #[must_use]
    pub fn subresource(mut self, subresource: &str) -> Self {
        subresource.clone_into(&mut self.subresource);
        self
    }

    /// Asks for tables; with `include_object` for whole objects in their rows.
    #[must_use]
    pub fn tables(mut self, include_object: bool) -> Self {
        self.asking = Asking {
            accept: fetch::TABLE,
            include_object: include_object.then_some("Object"),
        };
        self
    }

    /// Label selector of the command line; empty for none.
    #[must_use]
    pub fn label_selector(mut self, selector: &str) -> Self {
        if let Some(selector) = self.checked_selector("label", selector) {
            self.label_selector = Some(selector);
        }
        self
    }

    /// Field selector of the command line; empty for none.
    #[must_use]
    pub fn field_selector(mut self, selector: &str) -> Self {
        if let Some(selector) = self.checked_selector("field", selector) {
            self.field_selector = Some(selector);
        }
        self
    }

    /// A selector that selects something, unless everything is asked for.
    fn checked_selector(&mut self, what: &str, selector: &str) -> Option<String> {
        let trimmed = selector.trim();
        if trimmed.is_empty() {
            return None;
        }
        if self.options.select_all {
            self.errors.push(message!(
                "found non-empty {what} selector {} with previously set 'all' parameter. ",
                quote(selector)
            ));
            return None;
        }
        Some(trimmed.to_owned())
    }

    /// Every object of the types that are named (`--all`).
    #[must_use]
    pub fn select_all(mut self, all: bool) -> Self {
        if all && (self.label_selector.is_some() || self.field_selector.is_some()) {
            self.errors
                .push(message!("setting 'all' parameter but found a non empty selector. "));
            return self;
        }
        self.options.select_all = all;
        self
    }

    /// Files, folders, URLs and standard input; `enforce_namespace` refuses objects of other namespaces.
    #[must_use]
    pub fn filenames(mut self, enforce_namespace: bool, options: &FilenameOptions) -> Self {
        if !options.kustomize.is_empty() {
            if !options.filenames.is_empty() {
                self.errors.push(message!("only one of -f or -k can be specified"));
            }
            if options.recursive {
                self.errors.push(message!("the -k flag can't be used with -f or -R"));
            }
            self.sources
                .push(Source::Kustomization(options.kustomize.clone().into()));
            self.options.require_namespace |= enforce_namespace;
            // What a folder means may be anything, also a single object.
            self.options.folder = true;
            return self;
        }
        for name in &options.filenames {
            if name == "-" {
                self.add_stdin();
            } else if name.starts_with("http://") || name.starts_with("https://") {
                self.sources.push(Source::Url(name.clone()));
            } else {
                match glob::expand(name) {
                    Err(error) => self.errors.push(error),
                    Ok(paths) => {
                        self.options.single_item_implied = !options.recursive && paths.len() == 1;
                        paths.iter().for_each(|path| self.add_path(path, options.recursive));
                    }
                }
            }
        }
        if enforce_namespace {
            self.options.require_namespace = true;
        }
        self
    }

    fn add_stdin(&mut self) {
        self.options.stream = true;
        if self.sources.iter().any(|source| matches!(source, Source::Stdin)) {
            self.errors
                .push(message!("standard input cannot be used for multiple arguments"));
        }
        self.sources.push(Source::Stdin);
    }

    fn add_path(&mut self, path: &Path, recursive: bool) {
        match sources::expand(path, recursive) {
            Err(error) => self.errors.push(error),
            Ok(found) if found.is_empty() => self.errors.push(message!(
                "error reading [{}]: recognized file extensions are [.json .yaml .yml]",
                path.display()
            )),
            Ok(found) => {
                self.options.folder |= found.len() > 1;
                self.sources.extend(found);
            }
        }
    }

    /// A text with manifests; errors name it so.
    #[must_use]
    pub fn text(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.options.stream = true;
        self.sources.push(Source::Text {
            name: name.to_owned(),
            bytes: bytes.into(),
        });
        self
    }

    /// Names that may bring their type (`TYPE/NAME`), with the type of those that do not.
    #[must_use]
    pub fn resource_names(mut self, resource: &str, names: &[String]) -> Self {
        for name in names {
            match arguments::tuple(name) {
                Err(error) => self.errors.push(error),
                Ok(Some(tuple)) => self.tuples.push(tuple),
                Ok(None) if resource.is_empty() => {
                    self.errors
                        .push(message!("the argument {} must be RESOURCE/NAME", quote(name)));
                }
                Ok(None) => self.tuples.push(Tuple {
                    resource: resource.to_owned(),
                    name: name.clone(),
                }),
            }
        }
        self
    }

    /// Types of objects to list.
    #[must_use]
    pub fn resource_types(mut self, types: &[&str]) -> Self {
        self.resources.extend(types.iter().map(|name| (*name).to_owned()));
        self
    }

    /// `TYPE[,TYPE…] [NAME…]` or `TYPE/NAME…`; a type alone means every object of it if `allow_empty_selector`.
    #[must_use]
    pub fn resource_type_or_name_args(mut self, allow_empty_selector: bool, arguments: &[String]) -> Self {
        self.arguments = Some((allow_empty_selector, arguments.to_vec()));
        self
    }

    async fn read_arguments(&mut self) -> Result<()> {
        let Some((allow_empty_selector, words)) = self.arguments.take() else {
            return Ok(());
        };
        let words = arguments::normalize(&words);
        if arguments::are_combined(&words)? {
            for word in &words {
                self.tuples.extend(arguments::tuple(word)?);
            }
            return Ok(());
        }
        let [types, names @ ..] = words.as_slice() else {
            return Ok(());
        };
        for kind in types.split(',') {
            let members = self.category(kind).await?;
            if members.is_empty() {
                self.resources.push(kind.to_owned());
            } else {
                self.resources.extend(members);
            }
        }
        let mut seen: Vec<String> = Vec::new();
        self.resources.retain(|name| {
            let new = !seen.contains(name);
            seen.push(name.clone());
            new
        });
        self.names.extend(names.iter().cloned());
        if names.is_empty() && allow_empty_selector && self.label_selector.is_none() {
            self.label_selector = Some(String::new());
        }
        Ok(())
    }

    async fn category(&self, name: &str) -> Result<Vec<String>> {
        if self.options.local {
            return Ok(Vec::new());
        }
        let served = self.factory.served().await?;
        let full = |resource: &&RestMapping| match resource.group.as_str() {
            "" => resource.name.clone(),
            group => format!("{}.{group}", resource.name),
        };
        Ok(served.mapper.category(name).iter().map(full).collect())
    }

    /// Finds it all.
    ///
    /// # Errors
    /// What is named makes no sense. What goes wrong with single objects stands in [`Found::errors`].
    pub async fn find(mut self) -> Result<Found> {
        if let Err(error) = self.read_arguments().await {
            self.errors.push(error);
        }
        CommandError::collect(std::mem::take(&mut self.errors))?;
        if self.options.select_all {
            self.label_selector = Some(String::new());
        }
        if !self.sources.is_empty() {
            return self.by_paths().await;
        }
        if self.label_selector.is_some() || self.field_selector.is_some() {
            return self.by_selector().await;
        }
        if !self.tuples.is_empty() {
            return self.by_tuples().await;
        }
        if !self.names.is_empty() {
            return self.by_names().await;
        }
        for resource in &self.resources {
            self.factory.resource(resource).await?;
        }
        Err(CommandError::message(if self.resources.is_empty() {
            NOTHING_NAMED
        } else {
            "resource(s) were provided, but no name was specified"
        }))
    }

    async fn by_selector(&self) -> Result<Found> {
        if !self.names.is_empty() {
            return Err(message!("name cannot be provided when a selector is specified"));
        }
        if !self.tuples.is_empty() {
            return Err(message!(
                "selectors and the all flag cannot be used when passing resource/name arguments"
            ));
        }
        if self.resources.is_empty() {
            return Err(message!("at least one resource must be specified to use a selector"));
        }
        if !self.subresource.is_empty() {
            return Err(message!("subresource cannot be used when bulk resources are specified"));
        }
        let mappings = self.mappings().await?;
        let client = self.factory.client()?;
        let selection = Selection {
            labels: self.label_selector.as_deref().unwrap_or_default(),
            fields: self.field_selector.as_deref().unwrap_or_default(),
            limit: self.limit,
        };
        let mut found = Found::default();
        for mapping in &mappings {
            match fetch::list_as(&client, mapping, &self.namespace, &selection, &self.asking).await {
                Ok(pages) => {
                    for page in pages {
                        let info = Info {
                            mapping: Some(mapping.clone()),
                            namespace: if mapping.namespaced {
                                self.namespace.clone()
                            } else {
                                String::new()
                            },
                            resource_version: text_at(&page, &["metadata", "resourceVersion"]).to_owned(),
                            object: Some(page),
                            ..Info::default()
                        };
                        self.add(&mut found, info).await;
                    }
                }
                Err(error) => found.errors.push(error),
            }
            if !found.errors.is_empty() && !self.options.continue_on_error {
                break;
            }
        }
        Ok(found)
    }

    async fn by_tuples(&self) -> Result<Found> {
        if !self.resources.is_empty() {
            return Err(message!(
                "you may not specify individual resources and bulk resources in the same call"
            ));
        }
        let mut mappings: Vec<(&str, Arc<RestMapping>)> = Vec::new();
        for tuple in &self.tuples {
            if !mappings.iter().any(|(name, _)| *name == tuple.resource) {
                mappings.push((&tuple.resource, self.factory.resource(&tuple.resource).await?));
            }
        }
        if self.options.single_resource_type && mappings.iter().any(|(_, mapping)| mapping != &mappings[0].1) {
            return Err(message!("you may only specify a single resource type"));
        }
        let mapping_of = |tuple: &Tuple| mappings.iter().find(|(name, _)| *name == tuple.resource);
        let pairs: Vec<_> = self
            .tuples
            .iter()
            .filter_map(|tuple| mapping_of(tuple).map(|(_, mapping)| (mapping.clone(), tuple.name.as_str())))
            .collect();
        self.named(&pairs, self.options.single_item_implied || self.tuples.len() == 1)
            .await
    }

    async fn by_names(&self) -> Result<Found> {
        if self.resources.is_empty() {
            return Err(message!("you must provide a resource and a resource name together"));
        }
        if self.resources.len() > 1 {
            return Err(message!("you must specify only one resource"));
        }
        let mapping = self.factory.resource(&self.resources[0]).await?;
        let pairs: Vec<_> = self.names.iter().map(|name| (mapping.clone(), name.as_str())).collect();
        self.named(&pairs, self.names.len() == 1).await
    }

    async fn named(&self, pairs: &[(Arc<RestMapping>, &str)], single_item_implied: bool) -> Result<Found> {
        if self.namespace.is_empty() && pairs.iter().any(|(mapping, _)| mapping.namespaced) {
            return Err(message!(
                "{}",
                if self.options.all_namespaces {
                    "a resource cannot be retrieved by name across all namespaces"
                } else {
                    "namespace may not be empty when retrieving a resource by name"
                }
            ));
        }
        let mut found = Found {
            single_item_implied,
            targets_single_items: true,
            ..Found::default()
        };
        for (mapping, name) in pairs {
            let info = Info {
                mapping: Some(mapping.clone()),
                namespace: if mapping.namespaced {
                    self.namespace.clone()
                } else {
                    String::new()
                },
                name: (*name).to_owned(),
                subresource: self.subresource.clone(),
                ..Info::default()
            };
            self.add(&mut found, info).await;
            if !found.errors.is_empty() && !self.options.continue_on_error {
                break;
            }
        }
        Ok(found)
    }

    async fn mappings(&self) -> Result<Vec<Arc<RestMapping>>> {
        if self.resources.len() > 1 && self.options.single_resource_type {
            return Err(message!("you may only specify a single resource type"));
        }
        let mut mappings: Vec<Arc<RestMapping>> = Vec::new();
        for resource in &self.resources {
            let mapping = self.factory.resource(resource).await?;
            let same = |known: &Arc<RestMapping>| {
                known.kind == mapping.kind && known.group == mapping.group && known.version == mapping.version
            };
            if !mappings.iter().any(same) {
                mappings.push(mapping);
            }
        }
        Ok(mappings)
    }

    async fn by_paths(&self) -> Result<Found> {
        if !self.resources.is_empty() {
            return Err(message!(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
            ));
        }
        if !self.names.is_empty() {
            return Err(message!("name cannot be provided when a path is specified"));
        }
        if !self.tuples.is_empty() {
            return Err(message!(
                "resource/name arguments cannot be provided when a path is specified"
            ));
        }
        let selector = match self.label_selector.as_deref() {
            None => None,
            Some(text) => Some(
                Selector::parse(text, &apimachinery::field::Path::NIL)
                    .map_err(|error| message!("the provided selector {} is not valid: {error}", quote(text)))?,
            ),
        };
        let mut found = Found {
            single_item_implied: !self.options.folder && !self.options.stream && self.sources.len() == 1,
            targets_single_items: true,
            ..Found::default()
        };
        for source in &self.sources {
            self.read_source(source, selector.as_ref(), &mut found).await;
            if !found.errors.is_empty() && !self.options.continue_on_error {
                break;
            }
        }
        Ok(found)
    }

    async fn read_source(&self, source: &Source, selector: Option<&Selector>, found: &mut Found) {
        let name = source.name();
        let bytes = match source.read(&self.streams).await {
            Ok(bytes) => bytes,
            Err(error) => return found.errors.push(error),
        };
        let (values, outcome) = documents(&bytes, &name);
        for value in values {
            let objects = if self.options.flatten {
                flattened(value)
            } else {
                vec![value]
            };
            for object in objects {
                if !found.errors.is_empty() && !self.options.continue_on_error {
                    return;
                }
                match self.recognize(object, &name).await {
                    Ok(info) if selector.is_some_and(|selector| !has_labels(selector, info.object())) => {}
                    Ok(info) => self.add(found, info).await,
                    Err(error) => found.errors.push(error),
                }
            }
        }
        found.errors.extend(outcome.err());
    }

    async fn recognize(&self, object: Value, source: &str) -> Result<Info> {
        let kind = text_at(&object, &["kind"]).to_owned();
        if kind.is_empty() {
            let text = quote(&object.to_string()).trim_matches('"').replace("\\\"", "\"");
            return Err(message!(
                "unable to decode {}: Object 'Kind' is missing in '{text}'",
                quote(source)
            ));
        }
        let api_version = text_at(&object, &["apiVersion"]).to_owned();
        let mut info = Info::of(object);
        source.clone_into(&mut info.source);
        info.subresource.clone_from(&self.subresource);
        if self.options.local {
            return Ok(info);
        }
        match self.factory.mapping(&api_version, &kind).await {
            Ok(mapping) => info.mapping = Some(mapping),
            Err(CommandError::Mapping(error @ MappingError::NoKind { .. })) => {
                return Err(message!(
                    "resource mapping not found for name: {} namespace: {} from {}: {error}\nensure CRDs are installed first",
                    quote(&info.name),
                    quote(&info.namespace),
                    quote(source)
                ));
            }
            Err(other) => return Err(message!("unable to recognize {}: {}", quote(source), other)),
        }
        Ok(info)
    }

    /// Namespace, latest state, lists: what every object goes through before it is found.
    async fn add(&self, found: &mut Found, mut info: Info) {
        let from_list = info.name.is_empty() && info.object.is_some() && info.source.is_empty();
        if from_list && self.options.flatten && is_list(info.object()) {
            let (mapping, version) = (info.mapping.clone(), info.resource_version.clone());
            for object in flattened(info.object.take().unwrap_or_default()) {
                let mut item = Info::of(object);
                item.mapping = match self.item_mapping(item.object(), mapping.as_ref()).await {
                    Ok(mapping) => Some(mapping),
                    Err(error) => {
                        found.errors.push(error);
                        continue;
                    }
                };
                if !version.is_empty() {
                    item.resource_version.clone_from(&version);
                }
                found.infos.push(item);
            }
            return;
        }
        match self.complete(&mut info, from_list).await {
            Ok(()) => found.infos.push(info),
            Err(error) => found.errors.push(error),
        }
    }

    /// The mapping of a list's item: as a rule that of the list.
    async fn item_mapping(&self, object: &Value, list: Option<&Arc<RestMapping>>) -> Result<Arc<RestMapping>> {
        let (api_version, kind) = (text_at(object, &["apiVersion"]), text_at(object, &["kind"]));
        if let Some(mapping) = list
            && mapping.kind == kind
            && mapping.group_version_resource().group_version() == api_version
        {
            return Ok(mapping.clone());
        }
        self.factory.mapping(api_version, kind).await
    }

    async fn complete(&self, info: &mut Info, from_list: bool) -> Result<()> {
        if info.mapping.is_some() && !info.namespaced() {
            info.namespace.clear();
            set_namespace(info, "");
        } else if !from_list {
            self.put_into_namespace(info);
        }
        let named = info.object.is_none() && !self.options.lazy;
        let refetched = self.options.latest && !info.source.is_empty() && !info.name.is_empty();
        if named || refetched {
            let client = self.factory.client()?;
            let mapping = info.mapping()?.clone();
            let (namespace, name) = (&info.namespace, &info.name);
            let object = fetch::get_as(&client, &mapping, namespace, name, &info.subresource, &self.asking).await?;
            text_at(&object, &["metadata", "resourceVersion"]).clone_into(&mut info.resource_version);
            info.object = Some(object);
        }
        if self.options.require_namespace
            && !from_list
            && info.namespaced()
            && !info.namespace.is_empty()
            && info.namespace != self.namespace
        {
            let theirs = &info.namespace;
            return Err(message!(
                "the namespace from the provided object {} does not match the namespace {}. You must pass '--namespace={theirs}' to perform this operation.",
                quote(theirs),
                quote(&self.namespace)
            ));
        }
        Ok(())
    }

    /// An object without a namespace gets ours, if that is wanted and the server says that it has one.
    fn put_into_namespace(&self, info: &mut Info) {
        let wanted = self.options.default_namespace || self.options.require_namespace;
        if wanted && info.namespace.is_empty() && info.mapping.is_some() {
            info.namespace.clone_from(&self.namespace);
            set_namespace(info, &self.namespace);
        }
    }
}

fn set_namespace(info: &mut Info, namespace: &str) {
    let Some(metadata) = info.object.as_mut().and_then(|object| object.get_mut("metadata")) else {
        return;
    };
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    if namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
}

fn has_labels(selector: &Selector, object: &Value) -> bool {
    let labels: std::collections::BTreeMap<String, String> = object
        .pointer("/metadata/labels")
        .and_then(|labels| serde_json::from_value(labels.clone()).ok())
        .unwrap_or_default();
    selector.matches(&labels)
}

/// The objects of a list, of lists in it too; anything else as it is.
fn flattened(value: Value) -> Vec<Value> {
    let Value::Object(mut members) = value else {
        return vec![value];
    };
    match members.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items.into_iter().flat_map(flattened).collect(),
        Some(other) => {
            members.insert("items".to_owned(), other);
            vec![Value::Object(members)]
        }
        None => vec![Value::Object(members)],
    }
}
