//! Resources: whether requests fit a node, and how good the node is for it.

mod balanced;
mod fit;
mod scorer;
#[cfg(test)]
mod tests;

pub use balanced::BalancedAllocation;
pub use fit::{Fit, insufficient};
pub(crate) use scorer::Curve;

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::config::args::{NodeResourcesBalancedAllocationArgs, NodeResourcesFitArgs};
use scheduler_framework::plugin::Plugin;

use crate::PluginContext;

pub(crate) fn new_fit(args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let mut args = match args {
        Some(PluginArgs::NodeResourcesFit(args)) => args.clone(),
        _ => NodeResourcesFitArgs::default(),
    };
    args.ignored_resources.extend(context.ignored_resources.iter().cloned());
    Ok(Arc::new(Fit::new(&args)?))
}

pub(crate) fn new_balanced(args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    let args = match args {
        Some(PluginArgs::NodeResourcesBalancedAllocation(args)) => args.clone(),
        _ => NodeResourcesBalancedAllocationArgs::default(),
    };
    Ok(Arc::new(BalancedAllocation::new(&args)))
}
