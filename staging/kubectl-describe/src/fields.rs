//! Descriptions as data: which label shows which field.

use cli_runtime::gotext::go_value;
use serde_json::Value;

use crate::text::{Text, put};
use crate::values::{some, text, time};

/// A line: its label up to the tab, the place of its value, and what stands for none.
pub(crate) type Field = (&'static str, &'static str, &'static str);

/// One line for each field.
pub(crate) fn fields(object: &Value, level: usize, fields: &[Field], out: &mut Text) {
    for (label, place, absent) in fields {
        let value = some(object, place).map_or_else(|| (*absent).to_owned(), go_value);
        put!(out, level, "{label}\t{value}\n");
    }
}

/// One line for each field that holds something.
pub(crate) fn given(object: &Value, level: usize, fields: &[(&str, &str)], out: &mut Text) {
    for (label, place) in fields {
        if let Some(value) = some(object, place).map(go_value).filter(|value| !value.is_empty()) {
            put!(out, level, "{label}\t{value}\n");
        }
    }
}

/// When the object was made.
pub(crate) fn created(object: &Value, out: &mut Text) {
    let created = time(text(object, "/metadata/creationTimestamp"));
    put!(out, 0, "CreationTimestamp:\t{created}\n");
}

/// A column of conditions: its title, the rule below it, and the field.
pub(crate) type Column = (&'static str, &'static str, &'static str);

/// The conditions as a table, each cell but the last followed by `gap`; nothing where there are none.
pub(crate) fn conditions(conditions: &[Value], columns: &[Column], gap: &str, out: &mut Text) {
    if conditions.is_empty() {
        return;
    }
    let row = |cell: &dyn Fn(&Column) -> String, gap: &str, out: &mut Text| {
        let cells: Vec<_> = columns.iter().map(cell).collect();
        put!(out, 1, "{}\n", cells.join(&format!("{gap}\t")));
    };
    put!(out, 0, "Conditions:\n");
    row(&|(title, _, _)| (*title).to_owned(), "", out);
    row(&|(_, rule, _)| (*rule).to_owned(), "", out);
    for condition in conditions {
        let cell = |(_, _, field): &Column| {
            let value = text(condition, field);
            if field.ends_with("Time") {
                time(value)
            } else {
                value.to_owned()
            }
        };
        row(&cell, gap, out);
    }
}

/// The columns of conditions that say since when they hold.
pub(crate) const SINCE: [Column; 5] = [
    ("Type", "----", "/type"),
    ("Status", "------", "/status"),
    ("LastTransitionTime", "------------------", "/lastTransitionTime"),
    ("Reason", "------", "/reason"),
    ("Message", "-------", "/message"),
];
