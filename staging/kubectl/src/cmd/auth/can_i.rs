//! `kubectl auth can-i`.

use std::io::Write as _;

use async_trait::async_trait;
use client_go::discovery::ApiResource;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use serde_json::{Value, json};

use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, Result, message};

use super::rules::{Rule, compact};
use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub(super) static CAN_I: Command = Command {
    name: "can-i",
    usage: "VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
    short: "Check whether an action is allowed",
    long: "Check whether an action is allowed.\n\n VERB is a verb of the API such as 'get', 'list', 'watch' or 'delete'; TYPE is a resource, whose short names and groups are known; NONRESOURCEURL is a path that begins with \"/\"; NAME is the name of one object.\n\n With --as the question is asked for somebody else, and with --list every allowed action is printed.",
    examples: "# May I create pods in any namespace?
kubectl auth can-i create pods --all-namespaces

# May I list deployments in the current namespace?
kubectl auth can-i list deployments.apps

# May the service account dev:foo list pods in the namespace prod?
kubectl auth can-i list pods --as=system:serviceaccount:dev:foo -n prod

# May I do everything in the current namespace?
kubectl auth can-i '*' '*'

# May I get the job bar of the namespace foo?
kubectl auth can-i get jobs.batch/bar -n foo

# May I read logs of pods?
kubectl auth can-i get pods --subresource=log

# May I read the path /logs/?
kubectl auth can-i get /logs/

# What may I do in the namespace foo?
kubectl auth can-i --list --namespace=foo",
    options: Some(|| Box::new(CanI::default())),
    ..Command::EMPTY
};

const RESOURCE_VERBS: [&str; 16] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "use",
    "bind",
    "impersonate",
    "*",
    "approve",
    "sign",
    "escalate",
    "attest",
];
const URL_VERBS: [&str; 8] = ["get", "put", "post", "head", "options", "delete", "patch", "*"];

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct CanI {
    all_namespaces: bool,
    quiet: bool,
    subresource: String,
    list: bool,
    no_headers: bool,
}

impl Flags for CanI {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "all-namespaces",
                &mut self.all_namespaces,
                "If true, check the specified action in all namespaces.",
            )
            .shorthand('A');
        flags
            .add(
                "quiet",
                &mut self.quiet,
                "If true, suppress output and just return the exit code.",
            )
            .shorthand('q');
        flags.add(
            "subresource",
            &mut self.subresource,
            "SubResource such as pod/log or deployment/scale",
        );
        flags.add("list", &mut self.list, "If true, prints all allowed actions.");
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "If true, prints allowed actions without headers",
        );
    }
}

fn warn(context: &Context, text: &str) -> Result<()> {
    Ok(context.streams.err.print(format!("Warning: {text}\n"))?)
}

/// Asks the API for a review and gives its status back.
async fn review(context: &Context, resource: &str, kind: &str, spec: Value) -> Result<Value> {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}).to_string();
    let request = context
        .factory
        .client()?
        .request(Method::POST, format!("/apis/authorization.k8s.io/v1/{resource}"))
        .body("application/json", body);
    let response = request.send().await?;
    let mut answer: Value =
        serde_json::from_slice(&response.body).map_err(|error| message!("unable to decode the review: {error}"))?;
    Ok(answer["status"].take())
}

impl CanI {
    fn namespace(&self, context: &Context) -> Result<String> {
        if self.all_namespaces {
            Ok(String::new())
        } else {
            Ok(context.factory.namespace()?.0)
        }
    }

    async fn print_list(&self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(message!("list option must be specified with no arguments"));
        }
        if self.quiet || self.all_namespaces || !self.subresource.is_empty() {
            return Err(message!(
                "list option can't be specified with neither quiet, all-namespaces nor subresource options"
            ));
        }
        let spec = json!({"namespace": self.namespace(context)?});
        let status = review(context, "selfsubjectrulesreviews", "SelfSubjectRulesReview", spec).await?;
        if status["incomplete"] == true {
            let why = text_at(&status, &["evaluationError"]);
            warn(context, &format!("the list may be incomplete: {why}"))?;
        }
        let rules = ["resourceRules", "nonResourceRules"]
            .into_iter()
            .flat_map(|member| status[member].as_array().into_iter().flatten())
            .map(Rule::from_value)
            .collect();
        let mut table = TabWriter::table();
        if !self.no_headers {
            writeln!(table, "Resources\tNon-Resource URLs\tResource Names\tVerbs")?;
        }
        for rule in compact(rules) {
            let list = |words: &[String]| format!("[{}]", words.join(" "));
            writeln!(
                table,
                "{}\t{}\t{}\t{}",
                rule.combined_resource(),
                list(&rule.urls),
                list(&rule.names),
                list(&rule.verbs)
            )?;
        }
        Ok(table.flush_to(&mut &context.streams.out)?)
    }

    /// The resource that is meant; one that is not served is asked for as it is, with a warning.
    async fn resource(&self, context: &Context, word: &str) -> Result<ApiResource> {
        let literal = ApiResource {
            name: word.to_owned(),
            namespaced: true,
            ..ApiResource::default()
        };
        if word == "*" {
            return Ok(literal);
        }
        match context.factory.resource(&word.to_lowercase()).await {
            Ok(found) => Ok((*found).clone()),
            Err(CommandError::Message(_)) => {
                if !matches!(word, "users" | "groups") {
                    match word.split_once('.') {
                        Some((name, group)) => {
                            warn(
                                context,
                                &format!("the server doesn't have a resource type '{name}' in group '{group}'\n"),
                            )?;
                        }
                        None => warn(context, &format!("the server doesn't have a resource type '{word}'\n"))?,
                    }
                }
                Ok(literal)
            }
            Err(other) => Err(other),
        }
    }

    async fn question(&self, context: &Context, verb: &str, target: &str) -> Result<Value> {
        let unknown = format!("verb '{verb}' is not a known verb\n");
        if target.starts_with('/') {
            if !self.subresource.is_empty() {
                return Err(message!("--subresource can not be used with NonResourceURL"));
            }
            if !URL_VERBS.contains(&verb) {
                warn(context, &unknown)?;
            }
            return Ok(json!({"nonResourceAttributes": {"verb": verb, "path": target}}));
        }
        let (kind, name) = target.split_once('/').unwrap_or((target, ""));
        let resource = self.resource(context, kind).await?;
        let served = !resource.kind.is_empty();
        if served && !self.all_namespaces {
            if !resource.namespaced {
                let place = if resource.group.is_empty() {
                    String::new()
                } else {
                    format!(" in group '{}'", resource.group)
                };
                warn(
                    context,
                    &format!("resource '{}' is not namespace scoped{place}\n", resource.name),
                )?;
            }
            if !RESOURCE_VERBS.contains(&verb) {
                warn(context, &unknown)?;
            }
        } else if !served && !RESOURCE_VERBS.contains(&verb) {
            warn(context, &unknown)?;
        }
        Ok(json!({"resourceAttributes": {
            "namespace": self.namespace(context)?,
            "verb": verb,
            "group": resource.group,
            "resource": resource.name,
            "subresource": self.subresource,
            "name": name,
        }}))
    }
}

#[async_trait(?Send)]
impl Run for CanI {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if self.list {
            return self.print_list(context, arguments).await;
        }
        let [verb, target] = arguments.words.as_slice() else {
            return Err(message!(
                "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples."
            ));
        };
        let spec = self.question(context, verb, target).await?;
        if self.no_headers {
            return Err(message!("--no-headers cannot be set without --list specified"));
        }
        let status = review(context, "selfsubjectaccessreviews", "SelfSubjectAccessReview", spec).await?;
        let allowed = status["allowed"] == true;
        if !self.quiet {
            let mut text = if allowed { "yes" } else { "no" }.to_owned();
            for member in ["reason", "evaluationError"] {
                let why = text_at(&status, &[member]);
                if !allowed && !why.is_empty() {
                    text.push_str(&format!(" - {why}"));
                }
            }
            context.streams.out.print(text + "\n")?;
        }
        if allowed { Ok(()) } else { Err(CommandError::Exit(1)) }
    }
}
