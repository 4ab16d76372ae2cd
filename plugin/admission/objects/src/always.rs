//! `AlwaysAdmit` and `AlwaysDeny`, for tests of clients and of servers.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;

/// The plugin `AlwaysAdmit`: as if it were not there.
#[derive(Debug)]
pub struct AlwaysAdmit;

impl Plugin for AlwaysAdmit {
    fn name(&self) -> &'static str {
        "AlwaysAdmit"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    fn mutates(&self) -> bool {
        false
    }

    fn validates(&self) -> bool {
        false
    }
}

/// The plugin `AlwaysDeny`.
#[derive(Debug)]
pub struct AlwaysDeny;

const DENIED: &str = "admission control is denying all modifications";

#[async_trait]
impl Plugin for AlwaysDeny {
    fn name(&self) -> &'static str {
        "AlwaysDeny"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let object: Option<&dyn AnyObject> = object.map(|object| &**object);
        Err(attributes.forbidden(object, DENIED))
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        Err(attributes.forbidden(object, DENIED))
    }
}
