//! The embedded store against a model that is obviously right: a list of states, one for each revision.

use std::collections::BTreeMap;
use std::ops::Bound;

use apiserver_storage::embedded::{Embedded, EmbeddedOptions};
use apiserver_storage::{Error, Event, KeyRange, KeyValue, Precondition, RangeOptions, Storage, WatchResponse};
use bytes::Bytes;
use futures::StreamExt;
use proptest::prelude::*;

type State = BTreeMap<Bytes, KeyValue>;

/// One step of a history. Revisions are given as parts of what there is, so that most of them make sense.
#[derive(Clone, Debug)]
enum Step {
    Put {
        key: u8,
        value: u8,
        guard: Guard,
    },
    Delete {
        key: u8,
        guard: Guard,
    },
    Compact {
        part: u8,
    },
    Read {
        start: u8,
        end: u8,
        limit: Option<usize>,
        part: Option<u8>,
    },
    Watch {
        start: u8,
        end: u8,
        part: u8,
    },
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Guard {
    None,
    Absent,
    Current,
    Stale,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..6_u8;
    let guard = prop_oneof![
        Just(Guard::None),
        Just(Guard::Absent),
        Just(Guard::Current),
        Just(Guard::Stale)
    ];
    let step = prop_oneof![
        8 => (key.clone(), any::<u8>(), guard.clone()).prop_map(|(key, value, guard)| Step::Put { key, value, guard }),
        3 => (key.clone(), guard).prop_map(|(key, guard)| Step::Delete { key, guard }),
        1 => any::<u8>().prop_map(|part| Step::Compact { part }),
        4 => (key.clone(), key.clone(), proptest::option::of(0..4_usize), proptest::option::of(any::<u8>()))
            .prop_map(|(start, end, limit, part)| Step::Read { start, end, limit, part }),
        2 => (key.clone(), key, any::<u8>()).prop_map(|(start, end, part)| Step::Watch { start, end, part }),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

struct Model {
    /// The state after each revision; revisions 0 and 1 are empty.
    states: Vec<State>,
    compact_revision: u64,
}

impl Model {
    fn revision(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn now(&self) -> &State {
        self.states.last().expect("there is a first state")
    }

    /// A revision from far in the past to two in the future.
    fn revision_at(&self, part: u8) -> u64 {
        u64::from(part) * (self.revision() + 3) / 256
    }

    fn precondition(&self, key: &Bytes, guard: Guard) -> (Precondition, bool) {
        let current = self.now().get(key).map(|item| item.mod_revision);
        match guard {
            Guard::None => (Precondition::None, true),
            Guard::Absent => (Precondition::Absent, current.is_none()),
            Guard::Current => {
                let revision = current.unwrap_or(self.revision());
                (Precondition::ModRevision(revision), current.is_some())
            }
            Guard::Stale => (Precondition::ModRevision(current.unwrap_or(1) - 1), false),
        }
    }

    fn put(&mut self, key: Bytes, value: Bytes) -> u64 {
        let mut state = self.now().clone();
        let mod_revision = self.revision() + 1;
        let create_revision = state.get(&key).map_or(mod_revision, |item| item.create_revision);
        state.insert(
            key.clone(),
            KeyValue {
                key,
                value,
                create_revision,
                mod_revision,
            },
        );
        self.states.push(state);
        mod_revision
    }

    fn delete(&mut self, key: &Bytes) -> (u64, Option<KeyValue>) {
        let mut state = self.now().clone();
        let deleted = state.remove(key);
        if deleted.is_some() {
            self.states.push(state);
        }
        (self.revision(), deleted)
    }

    /// The events between two neighbouring states, of which at most one key differs.
    fn event(&self, revision: u64) -> Option<Event> {
        let at = usize::try_from(revision).expect("small");
        let (before, after) = (&self.states[at - 1], &self.states[at]);
        for (key, item) in after {
            if before.get(key) != Some(item) {
                return Some(Event::Put { item: item.clone() });
            }
        }
        let key = before.keys().find(|key| !after.contains_key(*key))?;
        Some(Event::Delete {
            key: key.clone(),
            revision,
        })
    }
}

fn key(number: u8) -> Bytes {
    Bytes::from(format!("/k/{}", "x".repeat(usize::from(number))))
}

fn key_range(start: u8, end: u8) -> KeyRange {
    if end == 0 {
        KeyRange {
            start: key(start),
            end: None,
        }
    } else {
        KeyRange::new(key(start), key(end))
    }
}

fn expect_refused<T: std::fmt::Debug>(result: Result<T, Error>, requested: u64, model: &Model) {
    match result.expect_err("the revision cannot be read") {
        Error::FutureRevision {
            requested: asked,
            current,
        } => {
            assert_eq!((asked, current), (requested, model.revision()));
            assert!(requested > model.revision());
        }
        Error::Compacted {
            requested: asked,
            compact_revision,
        } => {
            assert_eq!((asked, compact_revision), (requested, model.compact_revision));
            assert!(requested <= model.compact_revision);
        }
        error => panic!("{error:?}"),
    }
}

async fn check_read(store: &Embedded, model: &Model, range: KeyRange, limit: Option<usize>, revision: Option<u64>) {
    let at = revision.unwrap_or(model.revision());
    let result = store
        .range(
            &range,
            RangeOptions {
                limit,
                revision,
                keys_only: false,
            },
        )
        .await;
    if at > model.revision() || at < model.compact_revision {
        return expect_refused(result, at, model);
    }
    let found = result.expect("the revision can be read");
    let state = &model.states[usize::try_from(at).expect("small")];
    let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
    let all: Vec<KeyValue> = if range.is_empty() {
        Vec::new()
    } else {
        state
            .range((Bound::Included(range.start.clone()), end))
            .map(|(_, item)| item.clone())
            .collect()
    };
    let taken = limit.unwrap_or(usize::MAX).min(all.len());
    assert_eq!(found.items, all[..taken], "at {at}");
    assert_eq!(
        (found.revision, found.more, found.remaining),
        (at, taken < all.len(), (all.len() - taken) as u64)
    );
    let counted = store.count(&range, revision).await.expect("the revision can be read");
    assert_eq!((counted.count, counted.revision), (all.len() as u64, at));
    for number in 0..6 {
        let got = store
            .get(&key(number), revision)
            .await
            .expect("the revision can be read");
        assert_eq!((got.item.as_ref(), got.revision), (state.get(&key(number)), at));
    }
}

async fn check_watch(store: &Embedded, model: &Model, range: KeyRange, from: u64) {
    let result = store.watch(range.clone(), Some(from)).await;
    if from < model.compact_revision {
        return expect_refused(result.map(drop), from, model);
    }
    let mut watch = result.expect("the revision can be watched from");
    let from = from.max(2);
    let wanted: Vec<Event> = (from..=model.revision())
        .filter_map(|revision| model.event(revision))
        .filter(|event| range.contains(event.key()))
        .collect();
    for event in wanted {
        match watch.next().await {
            Some(Ok(WatchResponse::Events(batch))) => assert_eq!(batch.events, [event]),
            other => panic!("{other:?} instead of {event:?}"),
        }
    }
    watch.progress_requester().request();
    let progress = watch.next().await.expect("the watch goes on").expect("it has no error");
    assert_eq!(
        progress,
        WatchResponse::Progress {
            revision: model.revision()
        }
    );
}

async fn run(steps: Vec<Step>, checkpoint_size: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = EmbeddedOptions {
        checkpoint_size,
        ..EmbeddedOptions::default()
    };
    let open = || Embedded::open(directory.path(), options).expect("the store opens");
    let mut store = open();
    let mut model = Model {
        states: vec![State::new(), State::new()],
        compact_revision: 0,
    };
    for step in steps {
        match step {
            Step::Put {
                key: number,
                value,
                guard,
            } => {
                let (key, value) = (key(number), Bytes::from(vec![value; usize::from(value)]));
                let (precondition, holds) = model.precondition(&key, guard);
                let result = store.put(key.clone(), value.clone(), precondition, None).await;
                if holds {
                    assert_eq!(result.expect("the precondition holds"), model.put(key, value));
                } else {
                    let error = result.expect_err("the precondition does not hold");
                    assert_eq!(
                        error.conflict().expect("a conflict").current.as_ref(),
                        model.now().get(&key)
                    );
                }
            }
            Step::Delete { key: number, guard } => {
                let key = key(number);
                let (precondition, holds) = model.precondition(&key, guard);
                let result = store.delete(key.clone(), precondition).await;
                if holds {
                    let response = result.expect("the precondition holds");
                    assert_eq!((response.revision, response.deleted), model.delete(&key));
                } else {
                    let error = result.expect_err("the precondition does not hold");
                    assert_eq!(
                        error.conflict().expect("a conflict").current.as_ref(),
                        model.now().get(&key)
                    );
                }
            }
            Step::Compact { part } => {
                let revision = model.revision_at(part);
                let result = store.compact(revision).await;
                if revision > model.compact_revision && revision <= model.revision() {
                    result.expect("the revision can be compacted to");
                    model.compact_revision = revision;
                } else {
                    expect_refused(result, revision, &model);
                }
            }
            Step::Read {
                start,
                end,
                limit,
                part,
            } => {
                let revision = part.map(|part| model.revision_at(part));
                check_read(&store, &model, key_range(start, end), limit, revision).await;
            }
            Step::Watch { start, end, part } => {
                check_watch(&store, &model, key_range(start, end), model.revision_at(part)).await;
            }
            Step::Reopen => {
                store.close().await;
                store = open();
                assert_eq!(store.current_revision().await.expect("a revision"), model.revision());
                assert_eq!(store.compact_revision(), model.compact_revision);
            }
        }
    }
    check_read(&store, &model, KeyRange::all(), None, None).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in steps(), checkpoint_size in prop_oneof![Just(1_usize), Just(2_000), Just(8 << 20)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(steps, checkpoint_size));
    }
}
