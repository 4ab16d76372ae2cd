//! `kubectl get`.

mod print;
mod sort;
mod watch;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use http::Method;

use cli_runtime::{Builder, FilenameOptions, PrintFlags, Result, message};

use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Group, Run};

/// The command.
pub static COMMAND: Command = Command {
    name: "get",
    usage: "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    short: "Display one or many resources",
    long: "Display one or many resources.\n\n By default a table shows what matters most of each object. Label and field selectors narrow a list down; objects that live in namespaces are looked for in the current namespace unless another, or all of them, are asked for.\n\n With --output the objects are written whole (json, yaml), or in a form of your own: a Go template, JSONPath expressions or custom columns.\n\nUse \"kubectl api-resources\" for a complete list of supported resources.",
    examples: "# The pods of the current namespace
kubectl get pods

# The same with more columns, such as the node
kubectl get pods -o wide

# One deployment, of version v1 of the group apps, as JSON
kubectl get deployments.v1.apps web -o json

# The object that a manifest describes, as it is on the server
kubectl get -f pod.yaml -o yaml

# The phase of one pod
kubectl get pod/web-pod -o jsonpath='{.status.phase}'

# Columns of one's own
kubectl get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image

# Several types at once
kubectl get rc,services

# Objects by type and name
kubectl get rc/web service/frontend pods/web-pod

# The status subresource of a pod
kubectl get pod web-pod --subresource status

# All deployments of the namespace backend
kubectl get deployments.apps --namespace backend

# The pods of every namespace
kubectl get pods --all-namespaces",
    group: Group::Intermediate,
    suggest_for: &["list", "ls"],
    options: Some(|| Box::new(GetOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

/// The formats that only this command has, behind the others.
pub(crate) const OWN_FORMATS: [&str; 3] = ["custom-columns", "custom-columns-file", "wide"];

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct GetOptions {
    print: PrintFlags,
    files: FilenameOptions,
    raw: String,
    watch: bool,
    watch_only: bool,
    output_watch_events: bool,
    ignore_not_found: bool,
    field_selector: String,
    selector: String,
    all_namespaces: bool,
    server_print: bool,
    chunk_size: i64,
    subresource: String,
    no_headers: bool,
    show_labels: bool,
    show_kind: bool,
    sort_by: String,
    label_columns: Vec<String>,
}

impl Default for GetOptions {
    fn default() -> Self {
        Self {
            print: PrintFlags::new(""),
            files: FilenameOptions::new("identifying the resource to get from a server."),
            raw: String::new(),
            watch: false,
            watch_only: false,
            output_watch_events: false,
            ignore_not_found: false,
            field_selector: String::new(),
            selector: String::new(),
            all_namespaces: false,
            server_print: true,
            chunk_size: 500,
            subresource: String::new(),
            no_headers: false,
            show_labels: false,
            show_kind: false,
            sort_by: String::new(),
            label_columns: Vec::new(),
        }
    }
}

impl Flags for GetOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let formats: Vec<_> = cli_runtime::printers::FORMATS
            .iter()
            .chain(&OWN_FORMATS)
            .copied()
            .collect();
        self.print.add_flags_with(flags, format!("Output format. One of: ({}). See custom columns [https://kubernetes.io/docs/reference/kubectl/#custom-columns], golang template [http://golang.org/pkg/text/template/#pkg-overview] and jsonpath template [https://kubernetes.io/docs/reference/kubectl/jsonpath/].", formats.join(", ")));
        self.files.add_flags(flags);
        flags.add(
            "raw",
            &mut self.raw,
            "Raw URI to request from the server.  Uses the transport specified by the kubeconfig file.",
        );
        flags
            .add(
                "watch",
                &mut self.watch,
                "After listing/getting the requested object, watch for changes.",
            )
            .shorthand('w');
        flags.add(
            "watch-only",
            &mut self.watch_only,
            "Watch for changes to the requested object(s), without listing/getting first.",
        );
        flags.add("output-watch-events", &mut self.output_watch_events, "Output watch event objects when --watch or --watch-only is used. Existing objects are output as initial ADDED events.");
        flags.add("ignore-not-found", &mut self.ignore_not_found, "If set to true, suppresses NotFound error for specific objects that do not exist. Using this flag with commands that query for collections of resources has no effect when no resources are found.");
        shared::add_field_selector_flag(flags, &mut self.field_selector);
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add("all-namespaces", &mut self.all_namespaces, "If present, list the requested object(s) across all namespaces. Namespace in current context is ignored even if specified with --namespace.").shorthand('A');
        flags.add(
            "server-print",
            &mut self.server_print,
            "If true, have the server return the appropriate table output. Supports extension APIs and CRDs.",
        );
        shared::add_chunk_size_flag(flags, &mut self.chunk_size);
        flags.add(
            "subresource",
            &mut self.subresource,
            "If specified, gets the subresource of the requested object.",
        );
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "When using the default or custom-column output format, don't print headers (default print headers).",
        );
        flags.add(
            "show-labels",
            &mut self.show_labels,
            "When printing, show all labels as the last column (default hide labels column)",
        );
        flags.add(
            "show-kind",
            &mut self.show_kind,
            "If present, list the resource type for the requested object(s).",
        );
        flags.add("sort-by", &mut self.sort_by, "If non-empty, sort list types using this field specification.  The field specification is expressed as a JSONPath expression (e.g. '{.metadata.name}'). The field in the API resource specified by this JSONPath expression must be an integer or a string.");
        flags.add("label-columns", &mut self.label_columns, "Accepts a comma separated list of labels that are going to be presented as columns. Names are case-sensitive. You can also use multiple flag options like -L label1 -L label2...").shorthand('L');
    }
}

#[async_trait(?Send)]
impl Run for GetOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        if !self.raw.is_empty() {
            if !arguments.is_empty() {
                return Err(message!("arguments may not be passed when --raw is specified"));
            }
            self.check_raw()?;
            return self.get_raw(context).await;
        }
        self.check(context, arguments)?;
        if self.watch || self.watch_only {
            return self.run_watch(context, arguments).await;
        }
        let chunk_size = if self.sort_by.is_empty() { self.chunk_size } else { 0 };
        let (namespace, enforce) = context.factory.namespace()?;
        let found = self
            .builder(context, arguments, &namespace, enforce)
            .subresource(&self.subresource)
            .chunks_of(chunk_size)
            .continue_on_error()
            .flatten()
            .find()
            .await?;
        if self.is_human_readable() {
            self.print_tables(context, found, &namespace)
        } else {
            self.print_objects(context, found)
        }
    }
}

impl GetOptions {
    fn check_raw(&self) -> Result<()> {
        if self.watch || self.watch_only || !self.selector.is_empty() {
            return Err(message!(
                "--raw may not be specified with other flags that filter the server request or alter the output"
            ));
        }
        if !self.print.output.is_empty() {
            return Err(message!("--raw and --output are mutually exclusive"));
        }
        if !self.raw.starts_with('/') && !self.raw.contains("://") {
            return Err(message!(
                "--raw must be a valid URL path: parse {:?}: invalid URI for request",
                self.raw
            ));
        }
        Ok(())
    }

    fn check(&self, context: &Context, arguments: &Arguments) -> Result<()> {
        if self.watch {
            if !self.sort_by.is_empty() {
                context
                    .streams
                    .err
                    .print("warning: --watch requested, --sort-by will be ignored for watch events received\n")?;
            }
        } else if self.watch_only {
            if !self.sort_by.is_empty() {
                context
                    .streams
                    .err
                    .print("warning: --watch-only requested, --sort-by will be ignored\n")?;
            }
        } else if arguments.is_empty() && self.files.is_empty() {
            context.streams.err.print(
                "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\n",
            )?;
            return Err(context.usage_error(
                "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).",
            ));
        }
        let output = self.print.output.as_str();
        if self.show_labels && !matches!(output, "" | "wide") {
            return Err(message!("--show-labels option cannot be used with {output} printer"));
        }
        if self.output_watch_events && !(self.watch || self.watch_only) {
            return Err(message!(
                "--output-watch-events option can only be used with --watch or --watch-only"
            ));
        }
        Ok(())
    }

    /// Whether the result is a table for people.
    fn is_human_readable(&self) -> bool {
        (self.print.output.is_empty() && self.print.template.is_empty()) || self.print.output == "wide"
    }

    fn wants_tables(&self) -> bool {
        let output = self.print.output.as_str();
        let whole = output.contains("custom-columns") || output == "yaml" || output.contains("json");
        self.server_print && !whole && self.is_human_readable()
    }

    fn builder<'c>(&self, context: &'c Context, arguments: &Arguments, namespace: &str, enforce: bool) -> Builder<'c> {
        let builder = context
            .builder()
            .namespace(namespace)
            .default_namespace()
            .all_namespaces(self.all_namespaces)
            .filenames(enforce && !self.all_namespaces, &self.files)
            .label_selector(&self.selector)
            .field_selector(&self.field_selector)
            .resource_type_or_name_args(true, arguments)
            .latest();
        if self.wants_tables() {
            builder.tables(!self.sort_by.is_empty())
        } else {
            builder
        }
    }

    async fn get_raw(&self, context: &Context) -> Result<()> {
        let path = match self.raw.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => &self.raw,
        };
        let client = context.factory.client()?;
        let request = client.request(Method::GET, path).accept("*/*");
        let mut stream = request.stream().await?;
        while let Some(chunk) = futures::StreamExt::next(&mut stream).await {
            context.streams.out.print(chunk.map_err(client_go::Error::Body)?)?;
        }
        Ok(())
    }
}
