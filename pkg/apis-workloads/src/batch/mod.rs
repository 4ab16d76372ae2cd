//! The batch group: work that comes to an end, once or again and again.

pub mod cron_job;
pub mod job;
