//! The order of events: when they were last seen.

use jiff::Timestamp;
use serde_json::Value;

use cli_runtime::resource::text_at;

/// When an event was last seen; `None`, which comes first, if it does not say.
pub(super) fn event_time(event: &Value) -> Option<Timestamp> {
    let at = |path: &[&str]| text_at(event, path).parse().ok();
    if event["series"].is_object() {
        return at(&["series", "lastObservedTime"]);
    }
    at(&["lastTimestamp"]).or_else(|| at(&["eventTime"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_series_goes_before_the_timestamps() {
        let mut events = [
            json!({"n": 3, "lastTimestamp": "2024-01-01T00:00:03Z", "eventTime": "2024-01-01T00:00:00.5Z"}),
            json!({"n": 4, "series": {"lastObservedTime": "2024-01-01T00:00:04.000000Z"}, "lastTimestamp": "2024-01-01T00:00:01Z"}),
            json!({"n": 1, "lastTimestamp": null, "eventTime": "2024-01-01T00:00:01.000000Z"}),
            json!({"n": 0, "lastTimestamp": null, "eventTime": null}),
            json!({"n": 2, "lastTimestamp": "2024-01-01T00:00:02Z"}),
        ];
        events.sort_by_cached_key(event_time);
        let order: Vec<_> = events.iter().filter_map(|event| event["n"].as_i64()).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }
}
