//! Flow schemas.

mod printer;
mod strategy;

use apis_cluster::flowcontrol::flow_schema;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{FlowSchemaStatusStrategy, FlowSchemaStrategy};

/// The resource `flowschemas`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("flowschemas", FlowSchemaStrategy, flow_schema::set_defaults)
        .table(COLUMNS, row)
        .update("status", FlowSchemaStatusStrategy)
}
