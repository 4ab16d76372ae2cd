//! Server-side tables: what `kubectl get` shows of a kind.

use std::{fmt::Debug, marker::PhantomData};

use k8s_api::HasMetadata;
use serde_json::Value;

use super::AnyObject;

/// A column of a kind's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// OpenAPI type (`string`, `integer`, `date`, …).
    pub ty: &'static str,
    /// OpenAPI format; `name` marks the column that names the object.
    pub format: &'static str,
    /// What it shows.
    pub description: &'static str,
    /// 0 is always shown, more only in wide output.
    pub priority: i32,
}

/// The cells of one object.
pub type Row = Vec<Value>;

/// What a row says of its object's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCondition {
    /// `Completed`: the object has come to its end and can be filtered out.
    pub kind: &'static str,
    /// Why, in a word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: &'static str,
}

/// Shows objects of one kind as rows.
pub trait TableConvertor: Send + Sync + Debug + 'static {
    /// The columns.
    fn columns(&self) -> Vec<Column>;
    /// The cells of an object, one for each column.
    fn row(&self, object: &dyn AnyObject, now: jiff::Timestamp) -> Row;
    /// What the object's row says of its state.
    fn conditions(&self, _object: &dyn AnyObject) -> &'static [RowCondition] {
        &[]
    }
}

/// A [`TableConvertor`] from a kind's columns and the function that fills them.
pub struct TypedTable<T> {
    columns: &'static [Column],
    row: fn(&T, jiff::Timestamp) -> Row,
    conditions: fn(&T) -> &'static [RowCondition],
    kind: PhantomData<fn() -> T>,
}

const OWN_KIND: &str = "a table shows objects of its own kind only";

impl<T: HasMetadata> TypedTable<T> {
    /// A table of these columns, filled by `row`.
    #[must_use]
    pub const fn new(columns: &'static [Column], row: fn(&T, jiff::Timestamp) -> Row) -> Self {
        Self {
            columns,
            row,
            conditions: |_| &[],
            kind: PhantomData,
        }
    }

    /// The same, with rows that say something of their objects' state.
    #[must_use]
    pub const fn with_conditions(self, conditions: fn(&T) -> &'static [RowCondition]) -> Self {
        Self { conditions, ..self }
    }
}

impl<T> Debug for TypedTable<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TypedTable")
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}

impl<T: HasMetadata> TableConvertor for TypedTable<T> {
    fn columns(&self) -> Vec<Column> {
        self.columns.to_vec()
    }

    fn row(&self, object: &dyn AnyObject, now: jiff::Timestamp) -> Row {
        (self.row)(object.downcast_ref().expect(OWN_KIND), now)
    }

    fn conditions(&self, object: &dyn AnyObject) -> &'static [RowCondition] {
        (self.conditions)(object.downcast_ref().expect(OWN_KIND))
    }
}

/// The columns of kinds without a table of their own: name and creation time.
#[must_use]
pub fn metadata_columns() -> Vec<Column> {
    vec![
        Column {
            name: "Name",
            ty: "string",
            format: "name",
            description: "Name of the object",
            priority: 0,
        },
        Column {
            name: "Created At",
            ty: "date",
            format: "",
            description: "Time at which the server created the object",
            priority: 0,
        },
    ]
}
