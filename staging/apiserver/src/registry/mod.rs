//! The generic registry: one [`Store`] serves every kind; what differs is its [`Strategy`].
//!
//! Upstream counterpart: `k8s.io/apiserver/pkg/registry/generic/registry` and `.../registry/rest`.

mod any;
mod delete;
mod local;
mod object_meta;
mod store;
mod strategy;
mod table;
mod write;

pub use any::{AnyObject, ObjectBox};
pub use delete::DeleteOutcome;
pub use local::{Local, Unjudged, Unruled};
pub use object_meta::{ensure_namespace, fill_system_fields, wipe_system_fields};
pub(crate) use store::storage_status;
pub use store::{Begun, Deletion, Effects, Hooks, NoHooks, StorageMedia, Store, StoreConfig, Stored};
pub use strategy::{
    ConvertingCodec, GarbageCollectionPolicy, HubCodec, ResourceStrategy, SelectableField, Strategy, StrategyContext,
    Typed, VersionCodec,
};
pub use table::{Column, Row, RowCondition, TableConvertor, TypedTable, metadata_columns};
pub use write::{Existing, Preconditions, UpdateFlags, UpdateOutcome, UpdateSource, ValidateObject, ValidateUpdate};
