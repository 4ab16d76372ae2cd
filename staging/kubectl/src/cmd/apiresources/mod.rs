//! `kubectl api-resources` and `kubectl api-versions`.

use std::io::Write as _;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use cli_runtime::gotext::TabWriter;
use cli_runtime::printers::no_compatible_printer;
use cli_runtime::{CommandError, PrintFlags, RestMapping, Result, message};

use crate::frame::{Arguments, Command, Context, Run};

/// The command `api-resources`.
pub static API_RESOURCES: Command = Command {
    name: "api-resources",
    usage: "[flags]",
    short: "Print the supported API resources on the server",
    long: "Print the supported API resources on the server.",
    examples: "# The resources that the server has
kubectl api-resources

# With their verbs and categories
kubectl api-resources -o wide

# In the order of their names
kubectl api-resources --sort-by=name

# Those that live in namespaces
kubectl api-resources --namespaced=true

# Those that do not
kubectl api-resources --namespaced=false

# Those of one API group
kubectl api-resources --api-group=rbac.authorization.k8s.io",
    options: Some(|| Box::new(ApiResources::default())),
    ..Command::EMPTY
};

/// The command `api-versions`.
pub static API_VERSIONS: Command = Command {
    name: "api-versions",
    short: "Print the supported API versions on the server, in the form of \"group/version\"",
    long: "Print the supported API versions on the server, in the form of \"group/version\".",
    examples: "# The API versions that the server has\nkubectl api-versions",
    options: Some(|| Box::new(ApiVersions)),
    ..Command::EMPTY
};

#[derive(Default)]
struct ApiResources {
    api_group: String,
    namespaced: Namespaced,
    verbs: Vec<String>,
    sort_by: String,
    cached: bool,
    categories: Vec<String>,
    output: String,
    no_headers: bool,
    show_managed_fields: bool,
}

/// `--namespaced`, which is true unless it is given.
struct Namespaced(bool);

impl Default for Namespaced {
    fn default() -> Self {
        Self(true)
    }
}

impl Flags for ApiResources {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "api-group",
            &mut self.api_group,
            "Limit to resources in the specified API group.",
        );
        flags.add(
            "namespaced",
            &mut self.namespaced.0,
            "If false, non-namespaced resources will be returned, otherwise returning namespaced resources by default.",
        );
        flags.add(
            "verbs",
            &mut self.verbs,
            "Limit to resources that support the specified verbs.",
        );
        flags.add(
            "sort-by",
            &mut self.sort_by,
            "If non-empty, sort list of resources using specified field. The field can be either 'name' or 'kind'.",
        );
        flags.add(
            "cached",
            &mut self.cached,
            "Use the cached list of resources if available.",
        );
        flags.add(
            "categories",
            &mut self.categories,
            "Limit to resources that belong to the specified categories.",
        );
        flags
            .add(
                "output",
                &mut self.output,
                "Output format. One of: (json, yaml, kyaml, name, wide).",
            )
            .shorthand('o');
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "When using the default or custom-column output format, don't print headers (default print headers).",
        );
        flags.add(
            "show-managed-fields",
            &mut self.show_managed_fields,
            "If true, keep the managedFields when printing objects in JSON or YAML format.",
        );
    }
}

impl ApiResources {
    fn selects(&self, resource: &RestMapping, arguments: &Arguments) -> bool {
        !resource.verbs.is_empty()
            && (!arguments.given("api-group") || resource.group == self.api_group)
            && (!arguments.given("namespaced") || resource.namespaced == self.namespaced.0)
            && self.verbs.iter().all(|verb| resource.verbs.contains(verb))
            && self
                .categories
                .iter()
                .all(|category| resource.categories.contains(category))
    }

    fn print(&self, context: &Context, resources: &[&RestMapping]) -> Result<()> {
        if matches!(self.output.as_str(), "json" | "yaml" | "kyaml") {
            let list = List {
                kind: "APIResourceList",
                api_version: "v1",
                group_version: "",
                resources: resources.iter().map(|resource| Entry::of(resource)).collect(),
            };
            let unencodable = |error: serde_json::Error| message!("{error}");
            if self.output == "json" {
                let mut bytes = Vec::new();
                let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
                list.serialize(&mut serializer).map_err(unencodable)?;
                bytes.push(b'\n');
                return Ok(context.streams.out.print(bytes)?);
            }
            let mut print = PrintFlags::new("");
            print.output.clone_from(&self.output);
            let value = serde_json::to_value(&list).map_err(unencodable)?;
            return print.to_printer()?.print(&value, &mut &context.streams.out);
        }
        let mut table = TabWriter::table();
        let wide = self.output == "wide";
        if self.output != "name" && !self.no_headers {
            let more = if wide { "\tVERBS\tCATEGORIES" } else { "" };
            writeln!(table, "NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND{more}")?;
        }
        for resource in resources {
            let dot = if resource.group.is_empty() { "" } else { "." };
            if self.output == "name" {
                writeln!(table, "{}{dot}{}", resource.name, resource.group)?;
                continue;
            }
            write!(
                table,
                "{}\t{}\t{}\t{}\t{}",
                resource.name,
                resource.short_names.join(","),
                resource.group_version_resource().group_version(),
                resource.namespaced,
                resource.kind
            )?;
            if wide {
                write!(
                    table,
                    "\t{}\t{}",
                    resource.verbs.join(","),
                    resource.categories.join(",")
                )?;
            }
            writeln!(table)?;
        }
        Ok(table.flush_to(&mut &context.streams.out)?)
    }
}

/// The list with its members in the order in which Go writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'r> {
    kind: &'static str,
    api_version: &'static str,
    group_version: &'static str,
    resources: Vec<Entry<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'r> {
    name: &'r str,
    singular_name: &'r str,
    namespaced: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'r str,
    kind: &'r str,
    verbs: &'r [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    short_names: &'r [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    categories: &'r [String],
}

impl<'r> Entry<'r> {
    fn of(resource: &'r RestMapping) -> Self {
        Self {
            name: &resource.name,
            singular_name: &resource.singular,
            namespaced: resource.namespaced,
            group: &resource.group,
            version: &resource.version,
            kind: &resource.kind,
            verbs: &resource.verbs,
            short_names: &resource.short_names,
            categories: &resource.categories,
        }
    }
}

#[async_trait(?Send)]
impl Run for ApiResources {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("unexpected arguments: [{}]", arguments.join(" "))));
        }
        let formats = ["json", "yaml", "kyaml", "name", "wide"];
        if !self.output.is_empty() && !formats.contains(&self.output.as_str()) {
            return Err(no_compatible_printer(&self.output, &formats));
        }
        if !matches!(self.sort_by.as_str(), "" | "name" | "kind") {
            return Err(message!("--sort-by accepts only name or kind"));
        }
        let served = if self.cached {
            context.factory.served().await?
        } else {
            context.factory.served_now().await?
        };
        let mut resources = served.mapper.preferred_resources();
        resources.retain(|resource| self.selects(resource, arguments));
        resources.sort_by(|a, b| {
            let key = |resource: &RestMapping| match self.sort_by.as_str() {
                "name" => resource.name.clone(),
                "kind" => resource.kind.clone(),
                _ => resource.group.clone(),
            };
            (key(a), &a.name).cmp(&(key(b), &b.name))
        });
        self.print(context, &resources)?;
        let failed: Vec<_> = served
            .failed
            .iter()
            .map(|(version, why)| format!("{version}: {why}"))
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(CommandError::Message(format!(
            "unable to retrieve the complete list of server APIs: {}",
            failed.join(", ")
        )))
    }
}

struct ApiVersions;

impl Flags for ApiVersions {
    fn add_flags<'a>(&'a mut self, _flags: &mut FlagSet<'a>) {}
}

#[async_trait(?Send)]
impl Run for ApiVersions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !arguments.is_empty() {
            return Err(context.usage_error(&format!("unexpected arguments: [{}]", arguments.join(" "))));
        }
        let served = context
            .factory
            .served_now()
            .await
            .map_err(|error| message!("couldn't get available api versions from server: {error}"))?;
        let groups = served.mapper.groups().iter();
        let mut versions: Vec<String> = groups
            .flat_map(|group| {
                group
                    .versions
                    .iter()
                    .map(|version| k8s_api::scheme::api_version(&group.name, &version.version))
            })
            .chain(served.failed.iter().map(|(version, _)| version.clone()))
            .collect();
        versions.sort();
        let lines: String = versions.iter().map(|version| format!("{version}\n")).collect();
        Ok(context.streams.out.print(lines)?)
    }
}
