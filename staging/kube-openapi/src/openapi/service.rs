//! The documents that the server keeps: built on first use, compressed, and thrown away when what
//! they describe changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use k8s_api::scheme;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    definitions::{BuiltinDefinitions, Definitions, Form},
    document::{Document, Info},
    model::PathItem,
    routes,
};
use crate::{
    digest::{EtagWriter, etag},
    negotiation::Representation,
};

/// A document, ready to be sent.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Entity tag, without quotes: the SHA-512 of the JSON form, whichever form this is.
    pub etag: Arc<str>,
    /// The bytes, compressed with gzip.
    pub gzip: Bytes,
    /// Length of the bytes before compression.
    pub length: usize,
}

impl Artifact {
    /// The bytes as they are without compression, for clients that accept none.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        let read = GzDecoder::new(&self.gzip[..]).read_to_end(&mut out);
        read.expect("the bytes were compressed here");
        out
    }
}

/// How `/openapi/v3/<name>` is answered, depending on the `hash` of the query.
#[derive(Clone, Debug)]
pub enum ServerRelativePath {
    /// There is no such document: 404.
    NotFound,
    /// The hash is an old one: 301 to this URL.
    Moved(String),
    /// The document. With a hash it never changes: `Cache-Control: public, immutable`, and `Expires` in a year.
    Document {
        /// What is sent.
        artifact: Artifact,
        /// Whether the request named the hash.
        immutable: bool,
    },
}

/// What somebody else than the server itself adds: the resources of a `CustomResourceDefinition`.
struct Contribution {
    paths: Vec<PathItem>,
    definitions: Arc<dyn Definitions>,
}

#[derive(Default)]
struct State {
    /// Group, version and name of built-in resources that are not served.
    withdrawn: BTreeSet<(&'static str, &'static str, &'static str)>,
    contributions: BTreeMap<String, Contribution>,
    /// Documents of aggregated servers: name, and the URL in the index.
    remote: BTreeMap<String, String>,
    v2: BTreeMap<Representation, Artifact>,
    v3: BTreeMap<(String, Representation), Artifact>,
    /// Entity tags of version 3, known before the documents are asked for.
    etags: Option<BTreeMap<String, Arc<str>>>,
    index: Option<Artifact>,
}

impl State {
    fn forget(&mut self) {
        self.v2.clear();
        self.v3.clear();
        self.etags = None;
        self.index = None;
    }
}

/// The server's OpenAPI documents.
///
/// Methods build what is not there yet and take up to some hundred milliseconds then; asynchronous
/// callers run them on a thread that may block.
pub struct OpenApi {
    info: Info,
    builtin: Arc<dyn Definitions>,
    state: Mutex<State>,
}

impl std::fmt::Debug for OpenApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenApi")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// The definitions of several sources; the first that knows one is asked.
struct Joined(Vec<Arc<dyn Definitions>>);

impl Definitions for Joined {
    fn schema(&self, name: &str, form: Form) -> Option<Value> {
        self.0.iter().find_map(|source| source.schema(name, form))
    }
}

/// The name of the version 3 document that a path belongs to: `api/v1`, `apis/apps/v1`, `version`.
#[must_use]
pub fn v3_document_name(path: &str) -> String {
    let path = path.trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let length = match parts[0] {
        "apis" => 3,
        "api" => 2,
        "logs" => 1,
        _ => parts.len(),
    };
    parts[..length.min(parts.len())].join("/")
}

impl OpenApi {
    /// The documents of the built-in resources, of a server with this version (`v1.36.0`).
    #[must_use]
    pub fn new(version: &str) -> Self {
        Self {
            info: Info {
                title: "Kubernetes".to_owned(),
                version: version.to_owned(),
            },
            builtin: Arc::new(BuiltinDefinitions::default()),
            state: Mutex::default(),
        }
    }

    /// Leaves a built-in resource out of the documents. What is no resource leaves them as they are.
    pub fn withdraw(&self, group: &str, version: &str, resource: &str) {
        let Some(info) = scheme::resource(group, version, resource) else {
            return;
        };
        let mut state = self.state.lock();
        if state.withdrawn.insert((info.group, info.version, info.plural)) {
            state.forget();
        }
    }

    /// Adds paths and definitions under a key, in place of what was there before.
    pub fn set(&self, key: &str, paths: Vec<PathItem>, definitions: Arc<dyn Definitions>) {
        let mut state = self.state.lock();
        state
            .contributions
            .insert(key.to_owned(), Contribution { paths, definitions });
        state.forget();
    }

    /// Removes what was added under a key; returns whether there was something.
    pub fn remove(&self, key: &str) -> bool {
        let mut state = self.state.lock();
        let removed = state.contributions.remove(key).is_some();
        if removed {
            state.forget();
        }
        removed
    }

    /// Lists the version 3 document of an aggregated server, with the URL out of that server's index.
    pub fn set_remote(&self, name: &str, server_relative_url: &str) {
        let mut state = self.state.lock();
        let old = state.remote.insert(name.to_owned(), server_relative_url.to_owned());
        if old.as_deref() != Some(server_relative_url) {
            state.index = None;
        }
    }

    /// Stops listing the document of an aggregated server.
    pub fn remove_remote(&self, name: &str) -> bool {
        let mut state = self.state.lock();
        let removed = state.remote.remove(name).is_some();
        if removed {
            state.index = None;
        }
        removed
    }

    /// Throws away all documents; the next request builds what it needs.
    pub fn release_memory(&self) {
        self.state.lock().forget();
    }

    /// `/openapi/v2`.
    #[must_use]
    pub fn v2(&self, representation: Representation) -> Artifact {
        let mut state = self.state.lock();
        if let Some(artifact) = state.v2.get(&representation) {
            return artifact.clone();
        }
        let document = Document::new(self.info.clone(), Self::paths(&state), self.definitions(&state));
        let known = state.v2.values().next().map(|a| Arc::clone(&a.etag));
        let artifact = artifact(&document, Form::V2, representation, known);
        state.v2.insert(representation, artifact.clone());
        artifact
    }

    /// `/openapi/v3`: the names of the documents and their URLs.
    #[must_use]
    pub fn v3_index(&self) -> Artifact {
        let mut state = self.state.lock();
        if let Some(index) = &state.index {
            return index.clone();
        }
        let own = self.etags(&mut state).into_iter();
        let mut paths: BTreeMap<String, Value> = own
            .map(|(name, etag)| {
                let url = server_relative_url(&name, &etag);
                (name, json!({"serverRelativeURL": url}))
            })
            .collect();
        for (name, url) in &state.remote {
            let entry = json!({"serverRelativeURL": url});
            paths.entry(name.clone()).or_insert(entry);
        }
        let text = json!({"paths": paths}).to_string();
        let index = Artifact {
            etag: etag(text.as_bytes()).into(),
            gzip: compress(|out| out.write_all(text.as_bytes())),
            length: text.len(),
        };
        state.index = Some(index.clone());
        index
    }

    /// `/openapi/v3/<name>?hash=<hash>`; an empty hash is none.
    #[must_use]
    pub fn v3(&self, name: &str, hash: &str, representation: Representation) -> ServerRelativePath {
        let mut state = self.state.lock();
        let Some(etag) = self.etags(&mut state).remove(name) else {
            return ServerRelativePath::NotFound;
        };
        if !hash.is_empty() && hash != &*etag {
            return ServerRelativePath::Moved(server_relative_url(name, &etag));
        }
        let key = (name.to_owned(), representation);
        let artifact = match state.v3.get(&key) {
            Some(artifact) => artifact.clone(),
            None => {
                let mut paths = Self::paths(&state);
                paths.retain(|item| v3_document_name(&item.path) == name);
                let document = self.v3_document(name, paths, self.definitions(&state));
                let artifact = artifact(&document, Form::V3, representation, Some(etag));
                state.v3.insert(key, artifact.clone());
                artifact
            }
        };
        ServerRelativePath::Document {
            artifact,
            immutable: !hash.is_empty(),
        }
    }

    /// All paths, the built-in ones and the contributed.
    fn paths(state: &State) -> Vec<PathItem> {
        let mut paths = routes::builtin_paths(|info| {
            let name = (info.group, info.version, info.plural);
            !state.withdrawn.contains(&name)
        });
        let mut known: BTreeSet<String> = paths.iter().map(|p| p.path.clone()).collect();
        for item in state.contributions.values().flat_map(|c| &c.paths) {
            // Two custom resources of a group both bring the group's own paths.
            if known.insert(item.path.clone()) {
                paths.push(item.clone());
            }
        }
        paths.sort_by(|a, b| a.path.cmp(&b.path));
        paths
    }

    fn definitions(&self, state: &State) -> Arc<dyn Definitions> {
        let contributed = state.contributions.values().map(|c| Arc::clone(&c.definitions));
        Arc::new(Joined(
            std::iter::once(Arc::clone(&self.builtin)).chain(contributed).collect(),
        ))
    }

    fn v3_document(&self, name: &str, paths: Vec<PathItem>, source: Arc<dyn Definitions>) -> Document {
        let document = Document::new(self.info.clone(), paths, source);
        match name.split('/').collect::<Vec<_>>()[..] {
            ["api", version] => document.of_group_version("", version),
            ["apis", group, version] => document.of_group_version(group, version),
            _ => document,
        }
    }

    /// The entity tags of the version 3 documents; hashes them all when they are not known.
    fn etags(&self, state: &mut State) -> BTreeMap<String, Arc<str>> {
        if let Some(etags) = &state.etags {
            return etags.clone();
        }
        let mut groups: BTreeMap<String, Vec<PathItem>> = BTreeMap::new();
        for item in Self::paths(state) {
            groups.entry(v3_document_name(&item.path)).or_default().push(item);
        }
        let source = self.definitions(state);
        let tag = |(name, paths): (String, Vec<PathItem>)| {
            let document = self.v3_document(&name, paths, Arc::clone(&source));
            (name, Arc::from(json_etag(&document, Form::V3)))
        };
        let etags: BTreeMap<String, Arc<str>> = groups.into_iter().map(tag).collect();
        state.etags = Some(etags.clone());
        etags
    }
}

fn server_relative_url(name: &str, etag: &str) -> String {
    format!("/openapi/v3/{name}?hash={etag}")
}

fn json_etag(document: &Document, form: Form) -> String {
    let mut writer = EtagWriter::new();
    document.write_json(form, &mut writer).expect("hashing cannot fail");
    writer.finish()
}

/// Builds a document; its tag is that of the JSON form, unless it is known already.
fn artifact(document: &Document, form: Form, representation: Representation, known: Option<Arc<str>>) -> Artifact {
    let mut length = 0;
    let mut tag = EtagWriter::new();
    let gzip = compress(|out| match representation {
        Representation::Json => {
            let mut tee = Tee {
                out,
                tag: &mut tag,
                length: &mut length,
            };
            let mut buffered = io::BufWriter::with_capacity(1 << 16, &mut tee);
            document.write_json(form, &mut buffered)?;
            buffered.flush()
        }
        Representation::Protobuf => {
            let bytes = document.to_protobuf(form);
            length = bytes.len();
            out.write_all(&bytes)
        }
    });
    let etag = match (known, representation) {
        (Some(etag), _) => etag,
        (None, Representation::Json) => tag.finish().into(),
        (None, Representation::Protobuf) => json_etag(document, form).into(),
    };
    Artifact { etag, gzip, length }
}

fn compress(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let result = write(&mut encoder).and_then(|()| encoder.finish());
    let mut bytes = result.expect("writing to memory cannot fail");
    bytes.shrink_to_fit();
    bytes.into()
}

/// Writes to the compressor and the digest at once.
struct Tee<'a> {
    out: &'a mut dyn Write,
    tag: &'a mut EtagWriter,
    length: &'a mut usize,
}

impl Write for Tee<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.tag.write_all(&buffer[..written])?;
        *self.length += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
