//! The parameters of the API's operations.

use std::borrow::Cow;

use super::model::{Parameter, ParameterPlace};

/// Name, type and meaning of a parameter of the query.
type Fact = (&'static str, &'static str, &'static str);

const PRETTY: Fact = (
    "pretty",
    "string",
    "Set to 'true' to get indented output. Browsers, curl and wget get it without asking.",
);

/// What lists and watches take.
const LIST: &[Fact] = &[
    (
        "allowWatchBookmarks",
        "boolean",
        "Asks a watch for BOOKMARK events, which carry nothing but a resource version. The server sends them when it sees fit. Without effect on a list.",
    ),
    (
        "continue",
        "string",
        "The token out of the metadata of the last page, to get the next one. All other parameters must stay as they were. A token that has grown too old is answered with 410 Expired, together with a new token that continues on the present state instead. Not for watches.",
    ),
    (
        "fieldSelector",
        "string",
        "Chooses objects by their fields; everything by default.",
    ),
    (
        "labelSelector",
        "string",
        "Chooses objects by their labels; everything by default.",
    ),
    (
        "limit",
        "integer",
        "How many objects a page has at most. A page that is not the last has a continue token in its metadata. All pages show the state at the time of the first. Not for watches.",
    ),
    (
        "resourceVersion",
        "string",
        "Which state of the data may answer; see also resourceVersionMatch.",
    ),
    (
        "resourceVersionMatch",
        "string",
        "How a list treats resourceVersion: 'Exact', or 'NotOlderThan'. Must be given along with it where the state matters.",
    ),
    (
        "sendInitialEvents",
        "boolean",
        "Lets a watch begin with an ADDED event for every present object, and a bookmark annotated with k8s.io/initial-events-end behind the last of them. Needs resourceVersionMatch=NotOlderThan.",
    ),
    (
        "shardSelector",
        "string",
        "Chooses objects by a hash of one of their fields, as a CEL expression of shardRange(field, from, to) terms joined by ||. Needs the feature gate ShardedListAndWatch.",
    ),
    (
        "timeoutSeconds",
        "integer",
        "Ends the list or watch after this time, whether or not anything happened.",
    ),
];

const WATCH: Fact = (
    "watch",
    "boolean",
    "Answers with a stream of changes from resourceVersion on, instead of a list.",
);

const DRY_RUN: Fact = (
    "dryRun",
    "string",
    "Set to 'All' to go through all stages of the request and store nothing. Other values are refused.",
);

const FIELD_MANAGER: Fact = (
    "fieldManager",
    "string",
    "Who makes the change, for the ownership of fields: up to 128 printable characters.",
);

const FIELD_MANAGER_OF_PATCH: Fact = (
    "fieldManager",
    "string",
    "Who makes the change, for the ownership of fields: up to 128 printable characters. An apply patch must have it.",
);

const FIELD_VALIDATION: Fact = (
    "fieldValidation",
    "string",
    "What happens to unknown and duplicate fields: 'Strict' refuses the request and names them all, 'Warn' (the default) drops them with a warning each, 'Ignore' drops them silently.",
);

const FORCE: Fact = (
    "force",
    "boolean",
    "Lets an apply patch take over fields that others own. Only for apply patches.",
);

/// What deletions take besides [`DRY_RUN`].
const DELETE: &[Fact] = &[
    (
        "gracePeriodSeconds",
        "integer",
        "Seconds that the object may take to end. Zero deletes at once; by default each kind has its own period.",
    ),
    (
        "ignoreStoreReadErrorWithClusterBreakingPotential",
        "boolean",
        "Removes an object that cannot be read from storage, because it can neither be decrypted nor decoded. Finalizers and preconditions are not looked at, and what depends on the object may break.",
    ),
    (
        "orphanDependents",
        "boolean",
        "Whether dependents stay behind. Superseded by propagationPolicy, and not to be given along with it.",
    ),
    (
        "propagationPolicy",
        "string",
        "What becomes of dependents: 'Orphan' leaves them, 'Background' deletes them afterwards, 'Foreground' before the object itself. By default the object's finalizers and its kind decide.",
    ),
];

const LOG: &[Fact] = &[
    (
        "container",
        "string",
        "The container whose log is read; may be left out where the pod has only one.",
    ),
    (
        "follow",
        "boolean",
        "Goes on sending lines as they are written. False by default.",
    ),
    (
        "insecureSkipTLSVerifyBackend",
        "boolean",
        "Does not check the certificate of the node's kubelet. Whoever sits between the server and the node can then forge the log.",
    ),
    ("limitBytes", "integer", "Ends the answer after about this many bytes."),
    (
        "previous",
        "boolean",
        "Reads the log of the container's previous run. False by default.",
    ),
    (
        "sinceSeconds",
        "integer",
        "Starts this many seconds ago. Not together with sinceTime.",
    ),
    (
        "stream",
        "string",
        "Which stream is read: 'All' (the default), 'Stdout' or 'Stderr'. With tailLines only 'All'.",
    ),
    (
        "tailLines",
        "integer",
        "How many lines from the end are shown; all by default.",
    ),
    (
        "timestamps",
        "boolean",
        "Puts the time in RFC 3339 form before each line. False by default.",
    ),
];

const ATTACH: &[Fact] = &[
    (
        "container",
        "string",
        "The container that is attached to; may be left out where the pod has only one.",
    ),
    (
        "stderr",
        "boolean",
        "Whether the container's standard error is sent. True by default.",
    ),
    (
        "stdin",
        "boolean",
        "Whether the container's standard input is fed. False by default.",
    ),
    (
        "stdout",
        "boolean",
        "Whether the container's standard output is sent. True by default.",
    ),
    (
        "tty",
        "boolean",
        "Whether a terminal is allocated on the node. False by default.",
    ),
];

const EXEC: &[Fact] = &[
    (
        "command",
        "string",
        "A part of the command; repeat it for each argument. No shell interprets it.",
    ),
    (
        "container",
        "string",
        "The container in which the command runs; may be left out where the pod has only one.",
    ),
    ("stderr", "boolean", "Whether the command's standard error is sent."),
    (
        "stdin",
        "boolean",
        "Whether the command's standard input is fed. False by default.",
    ),
    ("stdout", "boolean", "Whether the command's standard output is sent."),
    (
        "tty",
        "boolean",
        "Whether the command gets a terminal. False by default.",
    ),
];

const PORT_FORWARD: &[Fact] = &[("ports", "integer", "The ports to forward; WebSockets need them here.")];

const PROXY: &[Fact] = &[(
    "path",
    "string",
    "The rest of the URL, which the request is sent on to.",
)];

fn query(fact: Fact) -> Parameter {
    let (name, kind, description) = fact;
    Parameter {
        name,
        place: ParameterPlace::Query,
        kind,
        description: Cow::Borrowed(description),
    }
}

fn queries(facts: &[Fact]) -> impl Iterator<Item = Parameter> {
    facts.iter().copied().map(query)
}

fn in_path(name: &'static str, description: impl Into<Cow<'static, str>>) -> Parameter {
    Parameter {
        name,
        place: ParameterPlace::Path,
        kind: "string",
        description: description.into(),
    }
}

/// `{name}`.
pub(crate) fn name(kind: &str) -> Parameter {
    in_path("name", format!("name of the {kind}"))
}

/// `{namespace}`.
pub(crate) fn namespace() -> Parameter {
    in_path("namespace", "namespace of the object")
}

/// `{path}`.
pub(crate) fn path() -> Parameter {
    in_path("path", "path behind the proxy")
}

/// `{logpath}`.
pub(crate) fn log_path() -> Parameter {
    in_path("logpath", "path of the log file")
}

/// What every operation on objects takes.
pub(crate) fn pretty() -> Parameter {
    query(PRETTY)
}

/// What lists and watches take.
pub(crate) fn list() -> impl Iterator<Item = Parameter> {
    queries(LIST).chain([query(WATCH)])
}

/// What creations and replacements take.
pub(crate) fn write() -> impl Iterator<Item = Parameter> {
    [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION].into_iter().map(query)
}

/// What patches take.
pub(crate) fn patch() -> impl Iterator<Item = Parameter> {
    [DRY_RUN, FIELD_MANAGER_OF_PATCH, FIELD_VALIDATION, FORCE]
        .into_iter()
        .map(query)
}

/// What the deletion of an object takes.
pub(crate) fn delete() -> impl Iterator<Item = Parameter> {
    queries(DELETE).chain([query(DRY_RUN)])
}

/// What the deletion of a collection takes.
pub(crate) fn delete_collection() -> impl Iterator<Item = Parameter> {
    delete().chain(queries(&LIST[1..]))
}

/// What a subresource takes by itself.
pub(crate) fn of_subresource(name: &str) -> impl Iterator<Item = Parameter> {
    queries(match name {
        "log" => LOG,
        "attach" => ATTACH,
        "exec" => EXEC,
        "portforward" => PORT_FORWARD,
        "proxy" => PROXY,
        _ => &[],
    })
}
