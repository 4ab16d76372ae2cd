//! What part of a container's log is wanted.

use apimachinery::{
    field::{Error, ErrorList, Path},
    status::{GroupResource, StatusError},
};
use apiserver::options::Query;
use jiff::Timestamp;

const STREAMS: [&str; 3] = ["All", "Stderr", "Stdout"];

/// The options of `pods/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogOptions {
    pub(super) container: String,
    pub(super) follow: bool,
    previous: bool,
    timestamps: bool,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    tail_lines: Option<i64>,
    limit_bytes: Option<i64>,
    /// `None` where streams cannot be told apart.
    stream: Option<String>,
    pub(super) skip_verification: bool,
}

impl LogOptions {
    /// Decodes and judges the options; with `selects` one of a container's streams may be asked for.
    pub(super) fn parse(query: &Query, name: &str, selects: bool) -> Result<Self, StatusError> {
        let flag = |name: &str| query.boolean(name).unwrap_or(false);
        let since_time = match query.get("sinceTime").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(text.parse::<Timestamp>().map_err(|_| {
                StatusError::bad_request(format!(
                    "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
                ))
            })?),
        };
        let given = query.get("stream").map(str::to_owned);
        let options = Self {
            container: query.text("container"),
            follow: flag("follow"),
            previous: flag("previous"),
            timestamps: flag("timestamps"),
            since_seconds: query.integer("sinceSeconds")?,
            since_time,
            tail_lines: query.integer("tailLines")?,
            limit_bytes: query.integer("limitBytes")?,
            stream: if selects {
                given.or_else(|| Some("All".to_owned()))
            } else {
                given
            },
            skip_verification: flag("insecureSkipTLSVerifyBackend"),
        };
        let errors = options.validate(selects);
        if errors.is_empty() {
            return Ok(options);
        }
        Err(StatusError::invalid(
            GroupResource::new("", "PodLogOptions"),
            name,
            &errors,
        ))
    }

    fn validate(&self, selects: bool) -> ErrorList {
        let mut errors = ErrorList::new();
        let mut at_least = |name: &str, value: Option<i64>, least: i64, detail: &str| {
            if let Some(value) = value.filter(|value| *value < least) {
                errors.push(Error::invalid(&Path::new(name), value, detail));
            }
        };
        at_least("tailLines", self.tail_lines, 0, "must be greater than or equal to 0");
        at_least("limitBytes", self.limit_bytes, 1, "must be greater than 0");
        if self.since_time.is_none() {
            at_least("sinceSeconds", self.since_seconds, 1, "must be greater than 0");
        } else if self.since_seconds.is_some() {
            let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            errors.push(Error::forbidden(&Path::new(""), detail));
        }
        let path = Path::new("stream");
        match self.stream.as_deref() {
            Some(_) if !selects => errors.push(Error::forbidden(&path, "may not be specified")),
            Some(stream) => {
                if !STREAMS.contains(&stream) {
                    errors.push(Error::not_supported(&path, stream, &STREAMS));
                }
                if stream != "All" && self.tail_lines.is_some() {
                    let detail = "`tailLines` and specific `stream` are mutually exclusive for now";
                    errors.push(Error::forbidden(&Path::new(""), detail));
                }
            }
            None => {}
        }
        errors
    }

    /// The options as the kubelet gets them, in the order of their names.
    pub(super) fn to_query(&self) -> String {
        let number = |value: Option<i64>| value.map(|value| value.to_string());
        let truth = |value: bool| value.then(|| "true".to_owned());
        let time = self
            .since_time
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let pairs = [
            ("follow", truth(self.follow)),
            ("limitBytes", number(self.limit_bytes)),
            ("previous", truth(self.previous)),
            ("sinceSeconds", number(self.since_seconds)),
            ("sinceTime", time),
            ("stream", self.stream.clone()),
            ("tailLines", number(self.tail_lines)),
            ("timestamps", truth(self.timestamps)),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use apiserver::options::Query;

    use super::LogOptions;

    fn parse(query: &str) -> Result<String, String> {
        LogOptions::parse(&Query::parse(query), "p", true)
            .map(|options| options.to_query())
            .map_err(|status| status.into_status().message)
    }

    #[test]
    fn options_reach_the_kubelet() {
        let cases = [
            ("", "stream=All"),
            (
                "follow=true&tailLines=10&container=c&timestamps=1",
                "follow=true&stream=All&tailLines=10&timestamps=true",
            ),
            (
                "sinceTime=2026-01-02T03:04:05%2B01:00&limitBytes=5&stream=Stdout",
                "limitBytes=5&sinceTime=2026-01-02T02%3A04%3A05Z&stream=Stdout",
            ),
        ];
        for (query, expected) in cases {
            assert_eq!(parse(query).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_wrong() {
        let cases = [
            (
                "tailLines=-1",
                "tailLines: Invalid value: -1: must be greater than or equal to 0",
            ),
            ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
            (
                "sinceSeconds=0",
                "sinceSeconds: Invalid value: 0: must be greater than 0",
            ),
            (
                "sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z",
                "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
            (
                "stream=Stdout&tailLines=1",
                "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now",
            ),
        ];
        for (query, text) in cases {
            let message = parse(query).expect_err(text);
            assert!(message.contains(text), "{query}: {message}");
        }
        assert!(parse("tailLines=x").is_err());
    }
}
