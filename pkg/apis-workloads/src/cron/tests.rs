//! Schedules, their errors and their due times.

use jiff::Zoned;

use super::{Schedule, load_location};

fn error(text: &str) -> String {
    Schedule::parse(text)
        .expect_err("the schedule is malformed")
        .to_string()
}

#[test]
fn refuses_with_the_known_words() {
    let cases = [
        ("", "empty spec string"),
        ("every day", "expected exactly 5 fields, found 2: [every day]"),
        ("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* 24 * * *", "end of range (24) above maximum (23): 24"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * 13 *", "end of range (13) above maximum (12): 13"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        (
            "a * * * *",
            r#"failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax"#,
        ),
        (
            "99999999999999999999 * * * *",
            "failed to parse int from 99999999999999999999: strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        (
            "-1 * * * *",
            r#"failed to parse int from : strconv.Atoi: parsing "": invalid syntax"#,
        ),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        ("@never", "unrecognized descriptor: @never"),
        (
            "@every 5",
            r#"failed to parse duration @every 5: time: missing unit in duration "5""#,
        ),
        (
            "TZ=0",
            "invalid schedule format: runtime error: slice bounds out of range [:-1]",
        ),
        (
            "TZ=Mars/Phobos 0 0 * * *",
            "provided bad location Mars/Phobos: unknown time zone Mars/Phobos",
        ),
        (
            "CRON_TZ=../x 0 0 * * *",
            "provided bad location ../x: time: invalid location name",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(error(text), message, "of {text:?}");
    }
}

#[test]
fn time_zones_have_their_case() {
    assert_eq!(
        load_location("europe/berlin").expect_err("case counts").to_string(),
        "unknown time zone europe/berlin"
    );
    for name in [
        "",
        "UTC",
        "Europe/Berlin",
        "Etc/GMT+5",
        "America/Argentina/Buenos_Aires",
    ] {
        assert!(load_location(name).is_ok(), "{name}");
    }
}

#[test]
fn finds_the_next_due_time() {
    let cases = [
        // Every minute, and the fraction of a second goes.
        ("* * * * *", "2012-07-09T14:45:00.5[UTC]", "2012-07-09T14:46:00[UTC]"),
        ("0/15 * * * *", "2012-07-09T14:59:59[UTC]", "2012-07-09T15:00:00[UTC]"),
        (
            "20-35/15 * * * *",
            "2012-07-09T15:45:00[UTC]",
            "2012-07-09T16:20:00[UTC]",
        ),
        // Over the end of a day, a month, a year.
        ("*/15 * * * *", "2012-07-09T23:45:00[UTC]", "2012-07-10T00:00:00[UTC]"),
        (
            "0 0 9 apr-oct ?",
            "2012-07-09T23:35:00[UTC]",
            "2012-08-09T00:00:00[UTC]",
        ),
        ("0 0 * Feb Mon", "2012-07-09T23:35:00[UTC]", "2013-02-04T00:00:00[UTC]"),
        // Either of the days will do when both are restricted.
        ("0 0 1,15 * 3", "2012-07-01T00:00:00[UTC]", "2012-07-04T00:00:00[UTC]"),
        ("0 0 */10 * Sun", "2012-07-09T00:00:00[UTC]", "2012-07-11T00:00:00[UTC]"),
        ("0 0 * * Sun", "2012-07-09T00:00:00[UTC]", "2012-07-15T00:00:00[UTC]"),
        // Leap years.
        ("0 0 29 Feb ?", "2012-07-09T23:35:00[UTC]", "2016-02-29T00:00:00[UTC]"),
        // The clock goes forward over the hour, or over midnight.
        (
            "30 2 11 Mar ?",
            "2012-03-11T00:00:00-05:00[America/New_York]",
            "2013-03-11T02:30:00-04:00[America/New_York]",
        ),
        (
            "0 * * * ?",
            "2012-03-11T01:00:00-05:00[America/New_York]",
            "2012-03-11T03:00:00-04:00[America/New_York]",
        ),
        (
            "0 1 * * ?",
            "2018-10-17T05:00:00-03:00[America/Sao_Paulo]",
            "2018-10-18T01:00:00-03:00[America/Sao_Paulo]",
        ),
        (
            "0 0 * * ?",
            "2018-11-03T05:00:00-03:00[America/Sao_Paulo]",
            "2018-11-05T00:00:00-02:00[America/Sao_Paulo]",
        ),
        // And back.
        (
            "0 1 4 Nov ?",
            "2012-11-04T00:00:00-04:00[America/New_York]",
            "2012-11-04T01:00:00-04:00[America/New_York]",
        ),
        (
            "0 1 4 Nov ?",
            "2012-11-04T01:00:00-04:00[America/New_York]",
            "2012-11-04T01:00:00-05:00[America/New_York]",
        ),
        // The schedule's own zone.
        (
            "CRON_TZ=Asia/Tokyo 0 9 * * *",
            "2012-07-09T23:45:00[UTC]",
            "2012-07-10T00:00:00[UTC]",
        ),
        ("@hourly", "2012-07-09T14:45:00[UTC]", "2012-07-09T15:00:00[UTC]"),
        (
            "@every 1h30m",
            "2012-07-09T14:45:00.75[UTC]",
            "2012-07-09T16:15:00[UTC]",
        ),
        ("@every 10ms", "2012-07-09T14:45:00[UTC]", "2012-07-09T14:45:01[UTC]"),
    ];
    for (schedule, after, expected) in cases {
        let after: Zoned = after.parse().expect("a time");
        let expected: Zoned = expected.parse().expect("a time");
        let schedule = Schedule::parse(schedule).expect("a schedule");
        assert_eq!(schedule.next(&after), Some(expected), "of {schedule:?} after {after}");
    }
}

#[test]
fn some_schedules_are_never_due() {
    let now: Zoned = "2012-07-09T14:45:00[UTC]".parse().expect("a time");
    for schedule in ["0 0 30 Feb ?", "0 0 31 Apr ?", ", * * * *"] {
        let schedule = Schedule::parse(schedule).expect("a schedule");
        assert_eq!(schedule.next(&now), None, "{schedule:?}");
    }
}
