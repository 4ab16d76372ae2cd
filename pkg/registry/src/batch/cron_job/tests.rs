//! Cron jobs: who may change what, and rows.

use apiserver::registry::Strategy as _;
use k8s_api::batch::v1::CronJob;
use serde_json::json;

use super::{CronJobStrategy, StatusStrategy, row};
use crate::core::tests::{noon, object, with_context};

#[test]
fn rows_and_parts() {
    let old: CronJob = object(json!({
        "metadata": {"name": "c", "generation": 1},
        "spec": {"schedule": "5 4 * * *", "suspend": false, "timeZone": "Europe/Berlin"},
        "status": {"active": [{"name": "c-1"}], "lastScheduleTime": "2026-01-02T11:59:00Z"},
    }));
    assert_eq!(
        json!(row(&old, noon())),
        json!([
            "c",
            "5 4 * * *",
            "Europe/Berlin",
            "False",
            1,
            "60s",
            "<unknown>",
            "",
            "",
            "<none>"
        ])
    );
    with_context("batch", |context| {
        let mut new = old.clone();
        new.spec.suspend = Some(true);
        new.status.active.clear();
        let mut status = new.clone();
        CronJobStrategy.prepare_for_update(context, &mut new, &old);
        assert_eq!((new.metadata.generation, new.status.active.len()), (2, 1));
        StatusStrategy.prepare_for_update(context, &mut status, &old);
        assert_eq!((status.spec.suspend, status.status.active.len()), (Some(false), 0));
    });
}
