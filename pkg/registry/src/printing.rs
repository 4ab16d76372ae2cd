//! What the printers of all kinds share: columns, ages, labels.
//!
//! Upstream counterpart: the helpers of `pkg/printers/internalversion` and
//! `k8s.io/apimachinery/pkg/util/duration`.

use apimachinery::selectors::Selector;
use apiserver::registry::Column;
use k8s_api::{Map, core::v1::Container, meta::v1::LabelSelector, primitives::Time};

/// What is shown of a time that is not known.
pub const UNKNOWN: &str = "<unknown>";
/// What is shown where there is nothing.
pub const NONE: &str = "<none>";
/// What is shown of a field that is not set.
pub const UNSET: &str = "<unset>";

/// A column that is always shown.
#[must_use]
pub const fn column(name: &'static str, ty: &'static str) -> Column {
    Column {
        name,
        ty,
        format: "",
        description: "",
        priority: 0,
    }
}

/// A column that only wide output shows.
#[must_use]
pub const fn wide(name: &'static str, ty: &'static str) -> Column {
    Column {
        priority: 1,
        ..column(name, ty)
    }
}

/// The column that names the object.
pub const NAME: Column = Column {
    format: "name",
    ..column("Name", "string")
};

/// The column that says how old the object is.
pub const AGE: Column = column("Age", "string");

/// How long ago something was.
#[must_use]
pub fn age(time: Option<Time>, now: jiff::Timestamp) -> String {
    match time {
        Some(time) if !time.is_zero() => since(time.into(), now),
        _ => UNKNOWN.to_owned(),
    }
}

/// The time from `then` to `now`, in two units at most.
#[must_use]
pub fn since(then: jiff::Timestamp, now: jiff::Timestamp) -> String {
    human_duration(now.duration_since(then).as_nanos() / 1_000_000_000)
}

/// So many seconds, in the precision that people care for. Up to a second in the future is now.
#[must_use]
pub fn human_duration(seconds: i128) -> String {
    const MINUTE: i128 = 60;
    const HOUR: i128 = 60 * MINUTE;
    const DAY: i128 = 24 * HOUR;
    const YEAR: i128 = 365 * DAY;

    let pair = |unit: i128, name: &str, rest: i128, rest_name: &str| match seconds % unit / rest {
        0 => format!("{}{name}", seconds / unit),
        more => format!("{}{name}{more}{rest_name}", seconds / unit),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => pair(MINUTE, "m", 1, "s"),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => pair(HOUR, "h", MINUTE, "m"),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => pair(DAY, "d", HOUR, "h"),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => pair(YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// `a=b,c=d`, or that there are none.
#[must_use]
pub fn labels(labels: &Map<String>) -> String {
    if labels.is_empty() {
        return NONE.to_owned();
    }
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// A selector as text, or that there is none or a malformed one.
#[must_use]
pub fn label_selector(selector: Option<&LabelSelector>) -> String {
    match Selector::from_api(selector) {
        Err(_) => "<error>".to_owned(),
        Ok(selector) => Some(selector.to_string())
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| NONE.to_owned()),
    }
}

/// The names and the images of containers, each list with commas between.
#[must_use]
pub fn containers(containers: &[Container]) -> (String, String) {
    let join = |text: fn(&Container) -> &str| containers.iter().map(text).collect::<Vec<_>>().join(",");
    (join(|container| &container.name), join(|container| &container.image))
}

#[cfg(test)]
mod tests {
    use super::{age, human_duration, labels};

    #[test]
    fn durations() {
        const HOUR: i128 = 3600;
        const DAY: i128 = 24 * HOUR;
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 60, "3h1m"),
            (8 * HOUR, "8h"),
            (48 * HOUR, "2d"),
            (49 * HOUR, "2d1h"),
            (8 * DAY, "8d"),
            (729 * DAY, "729d"),
            (730 * DAY, "2y"),
            (731 * DAY, "2y1d"),
            (8 * 365 * DAY + DAY, "8y"),
        ] {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn nothing_has_its_words() {
        assert_eq!(age(None, jiff::Timestamp::UNIX_EPOCH), "<unknown>");
        assert_eq!(labels(&k8s_api::Map::new()), "<none>");
        assert_eq!(
            labels(&k8s_api::Map::from([("b", "2".to_owned()), ("a", "1".to_owned())])),
            "a=1,b=2"
        );
    }
}
