//! How often what failed is tried again, and how loudly the log tells of it.

use std::fmt;

/// How often a key whose reconcile failed comes again, and what the log says of it. Most failures are errors; where
/// conflicts with other writers are a matter of course they are told at a verbosity, controller by controller as upstream.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    most: Option<u32>,
    failed: Told,
    dropped: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Told {
    Error(&'static str),
    Info(u32, &'static str),
    /// By the reconcile itself.
    Already,
}

impl Retries {
    /// Without end; a failure is an error in these words.
    #[must_use]
    pub const fn new(failed: &'static str) -> Self {
        Self::of(Told::Error(failed))
    }

    /// Without end; a failure is told at this verbosity, in these words.
    #[must_use]
    pub const fn at_verbosity(verbosity: u32, failed: &'static str) -> Self {
        Self::of(Told::Info(verbosity, failed))
    }

    /// Without end; the reconcile tells of failures itself.
    #[must_use]
    pub const fn untold() -> Self {
        Self::of(Told::Already)
    }

    const fn of(failed: Told) -> Self {
        Self {
            most: None,
            failed,
            dropped: "",
        }
    }

    /// After so many a key is given up until it changes, which is an error in these words.
    #[must_use]
    pub const fn at_most(mut self, most: u32, dropped: &'static str) -> Self {
        self.most = Some(most);
        self.dropped = dropped;
        self
    }

    pub(crate) fn exhausted(&self, requeues: u32) -> bool {
        self.most.is_some_and(|most| requeues >= most)
    }

    pub(crate) fn tell_failed<K: fmt::Debug, E: fmt::Display>(&self, controller: &str, key: &K, error: &E) {
        match self.failed {
            Told::Error(words) => tracing::error!(controller, ?key, %error, "{words}"),
            Told::Info(v, words) => tracing::info!(v, controller, ?key, %error, "{words}"),
            Told::Already => {}
        }
    }

    pub(crate) fn tell_dropped<K: fmt::Debug, E: fmt::Display>(&self, controller: &str, key: &K, error: &E) {
        tracing::error!(controller, ?key, %error, "{}", self.dropped);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Metadata, Subscriber, span};

    use super::*;

    /// Level, verbosity and message of every event.
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<(Level, Option<u64>, String)>>>);

    #[derive(Default)]
    struct Read(Option<u64>, String);

    impl Visit for Read {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                self.1 = format!("{value:?}");
            }
        }

        fn record_u64(&mut self, field: &Field, value: u64) {
            if field.name() == "v" {
                self.0 = Some(value);
            }
        }
    }

    impl Subscriber for Heard {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut read = Read::default();
            event.record(&mut read);
            let heard = (*event.metadata().level(), read.0, read.1);
            self.0.lock().expect("no test panics with the lock").push(heard);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn failures_are_told_as_loudly_as_the_controller_says() {
        let quiet = Retries::at_verbosity(2, "retrying").at_most(3, "dropped");
        let heard = Heard::default();
        tracing::subscriber::with_default(heard.clone(), || {
            for retries in [quiet, Retries::new("failed"), Retries::untold()] {
                retries.tell_failed("c", &"k", &"conflict");
            }
            quiet.tell_dropped("c", &"k", &"conflict");
        });
        let heard = heard.0.lock().expect("no test panics with the lock").clone();
        let told = [
            (Level::INFO, Some(2), "retrying".to_owned()),
            (Level::ERROR, None, "failed".to_owned()),
            (Level::ERROR, None, "dropped".to_owned()),
        ];
        assert_eq!(heard, told);
        assert_eq!([2, 3].map(|requeues| quiet.exhausted(requeues)), [false, true]);
        assert!(!Retries::new("failed").exhausted(u32::MAX));
    }
}
