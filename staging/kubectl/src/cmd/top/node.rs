//! `kubectl top node`.

use std::collections::BTreeMap;
use std::io::Write as _;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags};
use serde_json::Value;

use apimachinery::selectors::Selector;
use cli_runtime::gotext::TabWriter;
use cli_runtime::resource::text_at;
use cli_runtime::{Result, message};

use super::print::{Layout, Node, nodes};
use super::usage::{Usage, User};
use super::{Wanted, fetch_metrics, fetch_objects, only_name, require_metrics, sort_by};
use crate::flags as shared;
use crate::frame::{Arguments, Command, Completion, Context, Run};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "node",
    aliases: &["nodes", "no"],
    usage: "[NAME | -l label]",
    short: "Display resource (CPU/memory) usage of nodes",
    long: "Display resource (CPU/memory) usage of nodes.",
    examples: "# What all nodes use\nkubectl top node\n\n# What one node uses\nkubectl top node NODE_NAME",
    options: Some(|| Box::new(TopNodeOptions::default())),
    completion: Completion::OneName("node"),
    ..Command::EMPTY
};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct TopNodeOptions {
    selector: String,
    sort_by: String,
    no_headers: bool,
    use_protocol_buffers: bool,
    show_capacity: bool,
    show_swap: bool,
}

impl Default for TopNodeOptions {
    fn default() -> Self {
        Self {
            selector: String::new(),
            sort_by: String::new(),
            no_headers: false,
            use_protocol_buffers: true,
            show_capacity: false,
            show_swap: false,
        }
    }
}

impl Flags for TopNodeOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        shared::add_selector_flag(flags, &mut self.selector);
        flags.add(
            "sort-by",
            &mut self.sort_by,
            "If non-empty, sort nodes list using specified field. The field can be either 'cpu' or 'memory'.",
        );
        flags.add(
            "no-headers",
            &mut self.no_headers,
            "If present, print output without headers",
        );
        // Taken and not heeded: JSON says the same, and every metrics server speaks it.
        flags.add(
            "use-protocol-buffers",
            &mut self.use_protocol_buffers,
            "Enables using protocol-buffers to access Metrics API.",
        );
        flags.add(
            "show-capacity",
            &mut self.show_capacity,
            "Print node resources based on Capacity instead of Allocatable(default) of the nodes.",
        );
        flags.add(
            "show-swap",
            &mut self.show_swap,
            "Print node resources related to swap memory.",
        );
    }
}

#[async_trait(?Send)]
impl Run for TopNodeOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let name = only_name(context, arguments, "node [NAME | -l label]")?;
        let layout = Layout {
            no_headers: self.no_headers,
            show_swap: self.show_swap,
            sort_by: sort_by(&self.sort_by)?,
        };
        if !name.is_empty() && !self.selector.is_empty() {
            return Err(message!("only one of NAME or --selector can be provided"));
        }
        let selector: Selector = self.selector.parse().map_err(|error| message!("{error}"))?;
        let labels = selector.to_string();
        let client = context.factory.client()?;
        require_metrics(&client).await?;
        let wanted = Wanted {
            name,
            labels: &labels,
            ..Wanted::default()
        };
        let metrics = fetch_metrics(&client, "nodes", &wanted).await?;
        if metrics.is_empty() {
            return Err(message!("metrics not available yet"));
        }
        let users = metrics
            .iter()
            .map(|metrics| User::new(text_at(metrics, &["metadata", "name"]), &metrics["usage"]))
            .collect::<Result<Vec<_>>>()?;
        let mut known = BTreeMap::new();
        for node in fetch_objects(&client, "nodes", &wanted).await? {
            known.insert(text_at(&node, &["metadata", "name"]).to_owned(), self.available(&node)?);
        }
        let mut table = TabWriter::table();
        table.write_all(nodes(users, known, layout).as_bytes())?;
        Ok(table.flush_to(&mut &context.streams.out)?)
    }
}

impl TopNodeOptions {
    /// What a node has.
    fn available(&self, node: &Value) -> Result<Node> {
        let member = if self.show_capacity { "capacity" } else { "allocatable" };
        let mut available = Usage::of(&node["status"][member])?;
        let swap = node["status"]["nodeInfo"]["swap"]["capacity"].as_i64();
        if let Some(bytes) = swap {
            available.set_swap(bytes);
        }
        Ok(Node {
            available,
            has_swap: swap.is_some(),
        })
    }
}
