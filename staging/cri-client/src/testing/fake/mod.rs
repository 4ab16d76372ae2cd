//! A container runtime in memory.
//!
//! It keeps the rules of a real one: names are reserved, states only go forward, containers end by themselves or when they
//! are stopped, logs are written in the CRI format, events are sent. What a container does is told beforehand by its command
//! ([`FakeRuntime::add_program`]); any other command runs until it is stopped. Calls are recorded and can be made to fail,
//! hang or take time. All time is tokio's: under paused time an hour passes at once.

mod image;
mod model;
mod runtime;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::Instant;

use self::model::State;
use crate::api::*;
use crate::error::{Error, Result};

/// A stream of a container's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a program does when it is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerm {
    /// It ends with this code.
    Exit(i32),
    /// It goes on until it is killed.
    Ignore,
}

/// What a command does, as a container's or inside one.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it writes when it starts.
    pub output: Vec<(Stream, String)>,
    /// A line that it writes to standard output again and again.
    pub ticks: Option<(Duration, String)>,
    /// How long it runs; `None` is until it is stopped.
    pub run_for: Option<Duration>,
    /// The code it ends with by itself.
    pub exit_code: i32,
    /// What it does when it is asked to stop.
    pub on_term: OnTerm,
}

impl Default for Program {
    fn default() -> Self {
        Self {
            output: Vec::new(),
            ticks: None,
            run_for: None,
            exit_code: 0,
            on_term: OnTerm::Exit(143),
        }
    }
}

/// What happens to a call instead of, or before, its work.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It fails, and nothing changes.
    Error(Error),
    /// It never answers.
    Hang,
    /// It takes this long before it does its work.
    Delay(Duration),
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCall {
    /// Which one.
    pub method: Method,
    /// The sandbox, container or image it was about, or the name of what it made; empty for calls about everything.
    pub subject: String,
    /// When, since the runtime was made.
    pub at: Duration,
}

/// The runtime; clones are the same runtime.
#[derive(Clone)]
pub struct FakeRuntime {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    events: broadcast::Sender<ContainerEventResponse>,
    started: Instant,
    wall: SystemTime,
}

/// How many events a slow subscriber may lag behind before its stream ends.
const EVENT_BUFFER: usize = 1024;

impl Default for FakeRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeRuntime {
    /// A runtime that is ready and empty.
    pub fn new() -> Self {
        let shared = Shared {
            state: Mutex::new(State::default()),
            events: broadcast::Sender::new(EVENT_BUFFER),
            started: Instant::now(),
            wall: SystemTime::now(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Teaches what a command does.
    pub fn add_program(&self, command: &[&str], program: Program) {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        self.shared.state.lock().programs.insert(command, program);
    }

    /// Adds an image that is present.
    pub fn add_image(&self, name: &str, size: u64) {
        self.shared.state.lock().add_image(name, size);
    }

    /// Adds an image that can be pulled, which takes `duration`.
    pub fn add_pullable_image(&self, name: &str, size: u64, duration: Duration) {
        self.shared
            .state
            .lock()
            .registry
            .insert(name.to_owned(), (size, duration));
    }

    /// Sets a condition of the runtime, such as [`NETWORK_READY`].
    pub fn set_condition(&self, name: &str, status: bool, reason: &str, message: &str) {
        let condition = RuntimeCondition {
            r#type: name.to_owned(),
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        self.shared.state.lock().conditions.insert(name.to_owned(), condition);
    }

    /// Sets what is measured of a container; without it the statistics are zero.
    pub fn set_container_stats(&self, container_id: &str, stats: ContainerStats) {
        self.shared.state.lock().stats.insert(container_id.to_owned(), stats);
    }

    /// Sets the answer to `image_fs_info`.
    pub fn set_image_fs_info(&self, info: ImageFsInfoResponse) {
        self.shared.state.lock().image_fs = info;
    }

    /// Makes the next `times` calls of a method go wrong; later faults wait for earlier ones.
    pub fn add_fault(&self, method: Method, fault: Fault, times: usize) {
        self.shared
            .state
            .lock()
            .faults
            .entry(method)
            .or_default()
            .extend(std::iter::repeat_n(fault, times));
    }

    /// Makes every call of a method go wrong, until [`clear_faults`](Self::clear_faults).
    pub fn add_lasting_fault(&self, method: Method, fault: Fault) {
        self.shared.state.lock().lasting.insert(method, fault);
    }

    /// Takes all faults back; calls that hang already hang on.
    pub fn clear_faults(&self) {
        let mut state = self.shared.state.lock();
        state.faults.clear();
        state.lasting.clear();
    }

    /// The calls so far, oldest first.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.shared.state.lock().calls.clone()
    }

    /// The names of the calls so far that match.
    pub fn count(&self, method: Method) -> usize {
        self.shared
            .state
            .lock()
            .calls
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    /// Ends a running container as if its program had, or as if it was killed.
    ///
    /// # Errors
    /// `NotFound` if there is no such container.
    pub fn exit_container(&self, container_id: &str, exit_code: i32, reason: Option<&str>) -> Result<()> {
        let mut state = self.shared.state.lock();
        state.container(container_id)?;
        self.shared.finish(&mut state, container_id, exit_code, reason);
        Ok(())
    }

    /// Writes a line to a container's log.
    ///
    /// # Errors
    /// `NotFound` if there is no such container.
    pub fn write_log(&self, container_id: &str, stream: Stream, line: &str) -> Result<()> {
        let now = self.shared.now();
        self.shared
            .state
            .lock()
            .container_mut(container_id)?
            .write_log(now, stream, line);
        Ok(())
    }

    /// Records a call and lets its fault happen.
    async fn enter(&self, method: Method, subject: &str) -> Result<()> {
        let fault = {
            let mut state = self.shared.state.lock();
            let at = self.shared.started.elapsed();
            state.calls.push(RecordedCall {
                method,
                subject: subject.to_owned(),
                at,
            });
            let next = state.faults.get_mut(&method).and_then(|queue| queue.pop_front());
            next.or_else(|| state.lasting.get(&method).cloned())
        };
        match fault {
            None => Ok(()),
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
        }
    }

    /// Starts a task that ends when the runtime is dropped.
    fn task<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Weak<Shared>) -> F) {
        tokio::spawn(work(Arc::downgrade(&self.shared)));
    }
}

impl Shared {
    /// Nanoseconds since 1970, going by tokio's clock.
    fn now(&self) -> i64 {
        let since = (self.wall + self.started.elapsed())
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    /// Ends a container, once.
    fn finish(&self, state: &mut State, id: &str, exit_code: i32, reason: Option<&str>) {
        let now = self.now();
        let Ok(container) = state.container_mut(id) else { return };
        if container.status.state() == ContainerState::Exited {
            return;
        }
        let completed = if exit_code == 0 { "Completed" } else { "Error" };
        container.status.set_state(ContainerState::Exited);
        container.status.finished_at = now;
        container.status.exit_code = exit_code;
        container.status.reason = reason.unwrap_or(completed).to_owned();
        container.log = None;
        container.ended.send_replace(true);
        self.send_event(state, id, ContainerEventType::Stopped);
    }

    /// Tells subscribers what happened to a container, or to a sandbox by its own id.
    fn send_event(&self, state: &State, id: &str, kind: ContainerEventType) {
        let sandbox_id = state
            .containers
            .get(id)
            .map_or(id, |container| container.sandbox.as_str());
        let statuses = state
            .containers
            .values()
            .filter(|container| container.sandbox == sandbox_id);
        let event = ContainerEventResponse {
            container_id: id.to_owned(),
            container_event_type: kind as i32,
            created_at: self.now(),
            pod_sandbox_status: state.sandboxes.get(sandbox_id).map(|sandbox| sandbox.status.clone()),
            containers_statuses: statuses.map(|container| container.status.clone()).collect(),
        };
        // Nobody has to listen.
        drop(self.events.send(event));
    }
}

/// Whether every wanted label is there.
fn labels_match(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}
