//! Everything that goes to `tracing`, as one text.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber for all targets at all levels.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    /// The global subscriber. It must be set before any other: otherwise, if a single subscriber is not global, a test on
    /// another thread that reaches a log line first switches that line off for good, since `tracing` asks only that thread.
    pub(crate) fn of_all_threads() -> Self {
        static GLOBAL: OnceLock<Log> = OnceLock::new();
        let global = GLOBAL.get_or_init(|| {
            let log = Self(Arc::default());
            tracing::subscriber::set_global_default(log.clone()).unwrap();
            log
        });
        global.clone()
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn line(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields<'_>)) {
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "{} {} ", metadata.level(), metadata.target());
        record(&mut Fields(&mut text));
        text.push('\n');
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata(), |fields| span.record(fields));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line(event.metadata(), |fields| event.record(fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}
