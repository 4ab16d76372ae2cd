//! The `tracing` layer: which events are written, and their way to the streams.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Stream;
use super::configuration::{LoggingConfiguration, VModule};
use super::format::{Fields, Header, write_json, write_text};

/// Libraries whose inner workings interest only at the highest verbosity.
const FOREIGN: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "rustls",
    "tokio",
    "tokio_util",
    "tower",
    "mio",
];

/// What the layer and its handle share.
pub(super) struct Shared {
    json: bool,
    verbosity: AtomicU32,
    vmodule: VModule,
    error: Mutex<Stream>,
    /// Set where streams are split.
    info: Option<Mutex<Stream>>,
    buffered: bool,
}

impl Shared {
    pub(super) fn new(configuration: &LoggingConfiguration, info: Stream, error: Stream) -> Self {
        let routing = configuration.routing();
        // The upper bound is upstream's, which keeps a slip of the unit from claiming all memory.
        let buffer = usize::try_from(routing.info_buffer_size.0.min(2 << 30)).unwrap_or(0);
        let info: Option<Stream> = match (routing.split_stream, buffer) {
            (false, _) => None,
            (true, 0) => Some(info),
            (true, size) => Some(Box::new(BufWriter::with_capacity(size, info))),
        };
        Self {
            json: configuration.is_json(),
            verbosity: AtomicU32::new(configuration.verbosity.0),
            vmodule: configuration.vmodule.clone(),
            error: Mutex::new(error),
            buffered: info.is_some() && buffer > 0,
            info: info.map(Mutex::new),
        }
    }

    pub(super) fn verbosity(&self) -> u32 {
        self.verbosity.load(Ordering::Relaxed)
    }

    pub(super) fn set_verbosity(&self, verbosity: u32) {
        self.verbosity.store(verbosity, Ordering::Relaxed);
    }

    pub(super) fn buffered(&self) -> bool {
        self.buffered
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        if let Some(info) = &self.info {
            info.lock().flush()?;
        }
        self.error.lock().flush()
    }

    /// The threshold that holds for the place the event comes from.
    fn threshold(&self, metadata: &Metadata<'_>) -> u32 {
        let file = metadata.file().unwrap_or_default();
        match self.vmodule.0.iter().find(|item| item.matches(file)) {
            Some(item) => item.verbosity.0,
            None => self.verbosity(),
        }
    }

    /// Whether anything of this place can be written: the lowest verbosity its level stands for is within the threshold.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let foreign = || {
            let root = metadata
                .target()
                .split_once("::")
                .map_or(metadata.target(), |(root, _)| root);
            FOREIGN.contains(&root)
        };
        let lowest = match *metadata.level() {
            Level::ERROR | Level::WARN | Level::INFO => 0,
            Level::DEBUG if foreign() => 8,
            Level::DEBUG => 1,
            Level::TRACE if foreign() => 10,
            Level::TRACE => 5,
        };
        lowest <= self.threshold(metadata)
    }

    fn write(&self, severe: bool, line: &[u8]) {
        let stream = match &self.info {
            Some(info) if !severe => info,
            _ => &self.error,
        };
        // A log that cannot be written has nowhere to say so.
        let _ = stream.lock().write_all(line);
    }
}

/// Writes events as klog would.
pub struct KlogLayer {
    shared: Arc<Shared>,
}

impl KlogLayer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

thread_local! {
    /// One line under construction a thread, so that a line costs no allocation.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for KlogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.shared.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.shared.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let highest = self
            .shared
            .vmodule
            .0
            .iter()
            .map(|item| item.verbosity.0)
            .fold(self.shared.verbosity(), u32::max);
        Some(match highest {
            0 => LevelFilter::INFO,
            1..=4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *metadata.level();
        let verbosity = fields.verbosity.unwrap_or(match level {
            Level::ERROR | Level::WARN | Level::INFO => 0,
            Level::DEBUG => 4,
            Level::TRACE => 6,
        });
        let severe = level == Level::ERROR || level == Level::WARN;
        if !severe && verbosity > 0 && verbosity > self.shared.threshold(metadata) {
            return;
        }
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(outer) = span.extensions().get::<Fields>() {
                    fields.append(outer);
                }
            }
        }
        let header = Header {
            level,
            verbosity,
            file: metadata.file().unwrap_or("?"),
            line: metadata.line().unwrap_or(0),
        };
        LINE.with_borrow_mut(|line| {
            line.clear();
            if self.shared.json {
                write_json(line, &header, &fields);
            } else {
                write_text(line, &header, &fields);
            }
            self.shared.write(level == Level::ERROR, line);
        });
    }
}
