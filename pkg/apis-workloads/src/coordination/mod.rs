//! The coordination group: who leads.

pub mod lease;
