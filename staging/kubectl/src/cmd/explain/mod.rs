//! `kubectl explain`: the documentation of fields, from the server's OpenAPI.

mod render;
mod wrap;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use http::Method;
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, RestMapping, Result, message};
use k8s_api::primitives::quote;

use crate::frame::{Arguments, Command, Completion, Context, Group, Run};
use render::{Explanation, Style};

/// The command.
pub static COMMAND: Command = Command {
    name: "explain",
    usage: "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
    short: "Get documentation for a resource",
    long: "Describe fields and structure of various resources.\n\n A field is named by its path from the resource: <type>.<fieldName>[.<fieldName>]. What is said of it comes from the server.\n\nUse \"kubectl api-resources\" for a complete list of supported resources.",
    examples: "# A resource and its fields
kubectl explain pods

# All fields of a resource
kubectl explain pods --recursive

# A resource in one API version
kubectl explain deployments --api-version=apps/v1

# One field
kubectl explain pods.spec.containers

# In the older form
kubectl explain deployment --output=plaintext-openapiv2",
    group: Group::Intermediate,
    options: Some(|| Box::new(Explain::default())),
    completion: Completion::ResourceTypes,
    ..Command::EMPTY
};

struct Explain {
    recursive: bool,
    api_version: String,
    output: String,
}

impl Default for Explain {
    fn default() -> Self {
        Self {
            recursive: false,
            api_version: String::new(),
            output: "plaintext".to_owned(),
        }
    }
}

impl Flags for Explain {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .add(
                "recursive",
                &mut self.recursive,
                "Print the fields of fields (Currently only 1 level deep)",
            )
            .shorthand('R');
        flags.add(
            "api-version",
            &mut self.api_version,
            "Get different explanations for particular API version (API group/version)",
        );
        flags
            .add(
                "output",
                &mut self.output,
                "Format in which to render the schema (plaintext, plaintext-openapiv2)",
            )
            .shorthand('o');
    }
}

/// The resource and the fields below it that `deployments.apps.spec.replicas` names.
async fn split(context: &Context, word: &str) -> Result<(RestMapping, Vec<String>)> {
    let parts: Vec<&str> = word.trim_end_matches('.').split('.').collect();
    let served = context.factory.served().await?;
    // A group may follow the resource; the longest one that is served is meant.
    let with_group = (2..=parts.len()).rev().find_map(|count| {
        let group = parts[1..count].join(".");
        let found = served.mapper.find(&parts[..count].join(".")).ok()?;
        (found.group == group).then(|| (found.clone(), count))
    });
    let (mapping, count) = match with_group {
        Some(found) => found,
        None => match context.factory.resource(parts[0]).await {
            Ok(found) => ((*found).clone(), 1),
            // Printed without the usual prefix.
            Err(CommandError::Message(text)) => return Err(CommandError::Verbatim(text)),
            Err(other) => return Err(other),
        },
    };
    Ok((mapping, parts[count..].iter().map(|part| (*part).to_owned()).collect()))
}

/// The OpenAPI document of a group's version.
async fn document(context: &Context, mapping: &RestMapping) -> Result<Value> {
    let client = context.factory.client()?;
    let decode = |bytes: &[u8]| -> Result<Value> {
        serde_json::from_slice(bytes).map_err(|error| message!("failed to parse openapi schema: {error}"))
    };
    let index = decode(&client.request(Method::GET, "/openapi/v3").send().await?.body)?;
    let path = if mapping.group.is_empty() {
        format!("api/{}", mapping.version)
    } else {
        format!("apis/{}/{}", mapping.group, mapping.version)
    };
    let Some(url) = index["paths"][&path]["serverRelativeURL"].as_str() else {
        return Err(message!(
            "couldn't find resource for {}",
            quote(&mapping.group_version_resource().to_string())
        ));
    };
    decode(&client.request(Method::GET, url).send().await?.body)
}

#[async_trait(?Send)]
impl Run for Explain {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let word = match arguments.words.as_slice() {
            [] => {
                return Err(message!(
                    "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of supported resources.\n"
                ));
            }
            [word] => word,
            _ => return Err(message!("We accept only this format: explain RESOURCE\n")),
        };
        let (mut mapping, fields) = split(context, word).await?;
        let style = match self.output.as_str() {
            "plaintext" => Style::Plain,
            "plaintext-openapiv2" => Style::Older,
            other => return Err(message!("unrecognized format: {other}")),
        };
        if !self.api_version.is_empty() {
            let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
            group.clone_into(&mut mapping.group);
            version.clone_into(&mut mapping.version);
        }
        let document = document(context, &mapping).await?;
        let explanation = Explanation::new(&document, self.recursive);
        let Some(schema) = explanation.schema_of(&mapping) else {
            return Err(message!(
                "GVR ({}) not found in OpenAPI schema",
                mapping.group_version_resource()
            ));
        };
        let (text, outcome) = explanation.text(style, &mapping, schema, &fields);
        context.streams.out.print(text)?;
        outcome.map_err(|field| message!("field {} does not exist", quote(&field)))
    }
}

/// Whether a schema describes this kind.
fn describes(schema: &Value, mapping: &RestMapping) -> bool {
    let kinds = schema["x-kubernetes-group-version-kind"].as_array();
    kinds.into_iter().flatten().any(|kind| {
        text_at(kind, &["group"]) == mapping.group
            && text_at(kind, &["version"]) == mapping.version
            && text_at(kind, &["kind"]) == mapping.kind
    })
}
