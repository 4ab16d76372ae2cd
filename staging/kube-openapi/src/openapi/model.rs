//! Paths and operations, independent of the version of OpenAPI they are written in.

use std::borrow::Cow;

type Text = Cow<'static, str>;

/// Method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of HTTP")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
    Options,
    Head,
    Patch,
}

impl Method {
    /// The key of the operation in its path.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Head => "head",
            Self::Patch => "patch",
        }
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterPlace {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// A parameter in the path or the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Where it stands; those in the path are required.
    pub place: ParameterPlace,
    /// `string`, `integer` or `boolean`.
    pub kind: &'static str,
    /// What it does.
    pub description: Text,
}

/// The type of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A definition, by name.
    Definition(Text),
    /// Text.
    Text,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    /// Name of its definition.
    pub definition: Text,
    /// Whether it may be left out.
    pub required: bool,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub code: u16,
    /// What it says.
    pub description: &'static str,
    /// Its body, if it has one.
    pub payload: Option<Payload>,
}

/// An operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Method.
    pub method: Method,
    /// `operationId`.
    pub id: String,
    /// The tag that groups the operations of a version.
    pub tag: Text,
    /// What it does; empty where nothing is said.
    pub description: Text,
    /// `x-kubernetes-action`.
    pub action: Option<&'static str>,
    /// `x-kubernetes-group-version-kind`.
    pub kind: Option<[Text; 3]>,
    /// Parameters, those of the whole path included.
    pub parameters: Vec<Parameter>,
    /// The request's body.
    pub body: Option<RequestBody>,
    /// Media types of requests; `None` where the operation does not say.
    pub consumes: Option<&'static [&'static str]>,
    /// Media types of answers; `None` where the operation does not say.
    pub produces: Option<&'static [&'static str]>,
    /// Answers, by code.
    pub responses: Vec<Response>,
}

/// A path and its operations.
#[derive(Clone, Debug)]
pub struct PathItem {
    /// The path, with parameters in braces.
    pub path: String,
    /// The operations.
    pub operations: Vec<Operation>,
}

impl PathItem {
    /// The parameters that every operation has; they are written once, for the path.
    pub(crate) fn common_parameters(&self) -> Vec<&Parameter> {
        let Some((first, others)) = self.operations.split_first() else {
            return Vec::new();
        };
        let same = |a: &Parameter, b: &Parameter| a.name == b.name && a.place == b.place;
        let common = first
            .parameters
            .iter()
            .filter(|p| others.iter().all(|o| o.parameters.iter().any(|q| same(p, q))));
        sort(common.collect())
    }

    /// The parameters of one operation that are not [common](Self::common_parameters).
    pub(crate) fn own_parameters<'a>(&self, operation: &'a Operation) -> Vec<&'a Parameter> {
        let common = self.common_parameters();
        let own = operation
            .parameters
            .iter()
            .filter(|p| !common.iter().any(|q| p.name == q.name && p.place == q.place));
        sort(own.collect())
    }

    /// The definitions that bodies and answers name.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().flat_map(|o| {
            let answers = o.responses.iter().filter_map(|r| match &r.payload {
                Some(Payload::Definition(name)) => Some(name.as_ref()),
                _ => None,
            });
            answers.chain(o.body.iter().map(|b| b.definition.as_ref()))
        })
    }
}

fn sort(mut parameters: Vec<&Parameter>) -> Vec<&Parameter> {
    parameters.sort_by_key(|p| (p.name, p.place));
    parameters
}
