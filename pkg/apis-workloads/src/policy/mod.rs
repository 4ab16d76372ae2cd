//! The policy group: how much disruption a workload bears.

pub mod pod_disruption_budget;
