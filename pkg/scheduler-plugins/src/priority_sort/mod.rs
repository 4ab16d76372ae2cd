//! Orders the queue: higher priority first, then who came first.

use std::cmp::Ordering;
use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::plugin::{Plugin, QueueSort, Queued};
use scheduler_framework::{extension_points, names};

use crate::PluginContext;

/// The plugin.
#[derive(Debug, Default)]
pub struct PrioritySort;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(PrioritySort))
}

impl Plugin for PrioritySort {
    fn name(&self) -> &'static str {
        names::PRIORITY_SORT
    }

    extension_points!(as_queue_sort: QueueSort);
}

impl QueueSort for PrioritySort {
    fn compare(&self, a: &dyn Queued, b: &dyn Queued) -> Ordering {
        let by_priority = b.pod().priority().cmp(&a.pod().priority());
        by_priority.then_with(|| a.queued_at().cmp(&b.queued_at()))
    }
}
