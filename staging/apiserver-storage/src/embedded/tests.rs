//! Tests of what only the embedded store has.
