//! What is written for which events, in both formats.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{debug, error, info, trace, warn};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::flags::{ByteQuantity, FlagSet, FlagValue, Flags};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().clone())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

struct Log {
    info: Sink,
    error: Sink,
    handle: LogHandle,
}

fn log(configuration: &LoggingConfiguration, events: impl FnOnce(&Log)) -> Log {
    let mut gates = FeatureGates::default();
    gates.set_from_text("LoggingAlphaOptions=true").unwrap();
    let (info, error) = (Sink::default(), Sink::default());
    let (layer, handle) = layer(configuration, &gates, Box::new(info.clone()), Box::new(error.clone())).unwrap();
    let log = Log { info, error, handle };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || events(&log));
    log
}

fn configuration(change: impl FnOnce(&mut LoggingConfiguration)) -> LoggingConfiguration {
    let mut configuration = LoggingConfiguration::default();
    change(&mut configuration);
    configuration
}

/// The line behind klog's header, after checking the header.
fn body(line: &str, severity: char) -> &str {
    let (header, body) = line.split_once("] ").unwrap();
    let mut words = header.split_whitespace();
    let date = words.next().unwrap();
    assert!(
        date.starts_with(severity) && date.len() == 5 && date[1..].bytes().all(|byte| byte.is_ascii_digit()),
        "{line}"
    );
    let time = words.next().unwrap();
    assert!(time.len() == 15 && time.as_bytes()[8] == b'.', "{line}");
    assert_eq!(words.next().unwrap(), std::process::id().to_string());
    assert!(words.next().unwrap().starts_with("tests.rs:"), "{line}");
    body
}

#[test]
fn text_lines_look_like_klog_s() {
    let log = log(&LoggingConfiguration::default(), |_| {
        info!("Serving securely on [::]:6443");
        info!(pod = "kube-system/dns", count = 3, ready = true, "Pod status updated");
        warn!("two\nlines");
        let failure = io::Error::other("no \"route\"");
        error!(error = &failure as &dyn std::error::Error, "command failed");
        info!(token = %Redacted("s3cr3t"), other = ?Redacted("s3cr3t"), "login");
    });
    let lines = log.error.lines();
    assert_eq!(body(&lines[0], 'I'), "Serving securely on [::]:6443");
    assert_eq!(
        body(&lines[1], 'I'),
        "\"Pod status updated\" pod=\"kube-system/dns\" count=3 ready=true"
    );
    assert_eq!(body(&lines[2], 'W'), "two\\nlines");
    assert_eq!(body(&lines[3], 'E'), "\"command failed\" err=\"no \\\"route\\\"\"");
    assert_eq!(
        body(&lines[4], 'I'),
        "\"login\" token=\"--- REDACTED ---\" other=\"--- REDACTED ---\""
    );
    assert_eq!(lines.len(), 5);
    assert!(log.info.lines().is_empty());
}

#[test]
fn verbosity_decides() {
    let events = || {
        info!("zero");
        info!(v = 2, "two");
        debug!(v = 3, "three");
        debug!("four");
        trace!("six");
        error!(v = 9, "always");
    };
    for (verbosity, expected) in [
        (0, "zero always"),
        (2, "zero two always"),
        (3, "zero two three always"),
        (4, "zero two three four always"),
        (6, "zero two three four six always"),
    ] {
        let log = log(
            &configuration(|configuration| configuration.verbosity = Verbosity(verbosity)),
            |_| events(),
        );
        let written: Vec<_> = log
            .error
            .lines()
            .iter()
            .map(|line| line.split_once("] ").unwrap().1.to_owned())
            .collect();
        assert_eq!(written.join(" "), expected, "at -v={verbosity}");
    }
}

#[test]
fn verbosity_can_be_changed_while_running() {
    let event = || debug!("detail");
    let log = log(&LoggingConfiguration::default(), |log| {
        event();
        log.handle.set_verbosity(4);
        event();
        assert_eq!(log.handle.verbosity(), 4);
    });
    assert_eq!(log.error.lines().len(), 1);
}

#[test]
fn single_files_have_their_own_threshold() {
    for (pattern, written) in [
        ("tests=5", 1),
        ("te?t*=5", 1),
        ("*/logs/tests=5", 1),
        ("test=5", 0),
        ("other=9,tests=3", 0),
    ] {
        let mut vmodule = VModule::default();
        vmodule.set(pattern, true).unwrap();
        let log = log(&configuration(|configuration| configuration.vmodule = vmodule), |_| {
            debug!("detail")
        });
        assert_eq!(log.error.lines().len(), written, "{pattern}");
    }
    let mut vmodule = VModule::default();
    assert_eq!(
        vmodule.set("gc*", true).unwrap_err(),
        "\"gc*\" does not have the pattern=N format"
    );
    assert_eq!(
        vmodule.set("gc*=x", true).unwrap_err(),
        "parsing verbosity in \"gc*=x\": strconv.ParseUint: parsing \"x\": invalid syntax"
    );
}

#[test]
fn json_lines_have_upstream_s_keys() {
    let log = log(
        &configuration(|configuration| configuration.format = "json".into()),
        |_| {
            let span = tracing::info_span!("request", user = "ann");
            let _inside = span.enter();
            info!(v = 0, pod = "a/b", count = 3, "hello \"world\"");
            error!(err = "boom", "failed");
        },
    );
    let lines: Vec<serde_json::Value> = log
        .error
        .lines()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["msg"], "hello \"world\"");
    assert_eq!(
        (&lines[0]["v"], &lines[0]["count"], &lines[0]["pod"], &lines[0]["user"]),
        (&0.into(), &3.into(), &"a/b".into(), &"ann".into())
    );
    assert!(lines[0]["caller"].as_str().unwrap().starts_with("logs/tests.rs:"));
    assert!(lines[0]["ts"].as_f64().unwrap() > 1.6e12);
    assert_eq!(lines[1]["err"], "boom");
    assert!(lines[1].get("v").is_none());
}

#[test]
fn streams_can_be_split_and_buffered() {
    let split = configuration(|configuration| {
        configuration.options.text.split_stream = true;
        configuration.options.text.info_buffer_size = ByteQuantity(4096);
    });
    let log = log(&split, |_| {
        info!("quiet");
        error!("loud");
    });
    assert_eq!(body(&log.error.lines()[0], 'E'), "loud");
    assert!(log.info.lines().is_empty(), "buffered lines must not be out yet");
    log.handle.flush().unwrap();
    assert_eq!(body(&log.info.lines()[0], 'I'), "quiet");
}

#[test]
fn wrong_configurations_are_refused() {
    let error = |change: fn(&mut LoggingConfiguration)| {
        configuration(change)
            .validate(&FeatureGates::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(|it| it.format = "xml".into()),
        "format: Invalid value: \"xml\": Unsupported log format"
    );
    assert_eq!(
        error(|it| it.flush_frequency = FlushFrequency(crate::GoDuration::ZERO)),
        "flushFrequency: Invalid value: 0s: Must be greater than zero"
    );
    assert_eq!(
        error(|it| it.options.json.split_stream = true),
        "options.json.splitStream: Forbidden: Feature LoggingAlphaOptions is disabled"
    );
    assert_eq!(
        error(|it| {
            it.format = "json".into();
            it.vmodule.set("a=1", true).unwrap();
        }),
        "vmodule: Forbidden: Only supported for text log format"
    );
}

#[test]
fn flags_and_files_configure_the_same() {
    let mut by_flags = LoggingConfiguration::default();
    let mut flags = FlagSet::new();
    by_flags.add_flags(&mut flags);
    flags
        .parse([
            "-v=4",
            "--logging-format=text",
            "--vmodule",
            "gc*=2",
            "--log-flush-frequency=1s",
            "--log-text-info-buffer-size",
            "2Ki",
        ])
        .unwrap();
    let by_file: LoggingConfiguration = crate::config::from_slice(
        b"format: text\nverbosity: 4\nflushFrequency: 1000000000\nvmodule: [{filePattern: 'gc*', verbosity: 2}]\noptions: {text: {infoBufferSize: 2Ki}}\n",
    )
    .unwrap();
    assert_eq!(by_flags, by_file);
    let refused = crate::config::from_slice::<LoggingConfiguration>(b"verbose: 4\n")
        .unwrap_err()
        .to_string();
    assert!(refused.contains("unknown field \"verbose\""), "{refused}");
}
