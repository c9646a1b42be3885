//! The access log: one JSON object a line, written by a thread of its own.
//!
//! Serving never waits for the log: lines go through a bounded queue, and what
//! does not fit is dropped and counted. A line is never cut.

mod file;
mod metrics;
mod writer;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use prometheus::Registry;
use serde::Serialize;

use self::file::LogFile;
use self::metrics::Metrics;
use self::writer::{Message, Writer};
use crate::config::Value;

/// How many lines may wait for the writer.
pub const QUEUE_LINES_MAX: usize = 8192;

/// Longest line, in bytes; a longer one is dropped and counted.
pub const LINE_BYTES_MAX: usize = 16 << 10;

/// Where access lines go. Written as `stdout`, `off`, or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The process's standard output.
    Stdout,
    /// A file, appended to; made when it is not there, and anew after it was rotated away.
    File(PathBuf),
    /// Nowhere.
    Off,
}

impl Value for Destination {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "off" => Ok(Self::Off),
            path => PathBuf::from_scalar(path).map(Self::File),
        }
    }
}

/// The access log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    /// The file cannot be opened for appending.
    #[error("access log {}: {source}", path.display())]
    Open {
        /// The file as configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The writer's thread cannot be started.
    #[error("access log thread: {0}")]
    Thread(io::Error),
    /// The metrics are registered already: a process has one access log a registry.
    #[error("access log metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A handle on the log; clones write to the same one.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// `None` when off.
    queue: Option<SyncSender<Message>>,
    metrics: Arc<Metrics>,
}

impl AccessLog {
    /// Opens the destination and starts the writer, which ends when the last handle is dropped.
    ///
    /// # Errors
    /// [`AccessLogError`].
    pub fn start(destination: &Destination, registry: &Registry) -> Result<Self, AccessLogError> {
        let sink: Box<dyn Write + Send> = match destination {
            Destination::Off => {
                return Ok(Self {
                    queue: None,
                    metrics: Arc::new(Metrics::new(registry)?),
                });
            }
            Destination::Stdout => Box::new(io::stdout()),
            Destination::File(path) => {
                let file = LogFile::open(path);
                Box::new(file.map_err(|source| AccessLogError::Open {
                    path: path.clone(),
                    source,
                })?)
            }
        };
        Self::to_sink(sink, registry)
    }

    fn to_sink(sink: Box<dyn Write + Send>, registry: &Registry) -> Result<Self, AccessLogError> {
        let metrics = Arc::new(Metrics::new(registry)?);
        let (queue, messages) = sync_channel(QUEUE_LINES_MAX);
        let writer = Writer::new(sink, Arc::clone(&metrics));
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer.run(&messages))
            .map_err(AccessLogError::Thread)?;
        Ok(Self {
            queue: Some(queue),
            metrics,
        })
    }

    /// Whether lines go anywhere: those that do not need not be made.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Writes one line. Never blocks; a line that finds the queue full is dropped and counted.
    pub fn write(&self, line: &impl Serialize) {
        let Some(queue) = &self.queue else { return };
        let Ok(mut text) = serde_json::to_vec(line) else {
            self.metrics.dropped.inc();
            return;
        };
        text.push(b'\n');
        if LINE_BYTES_MAX < text.len() || queue.try_send(Message::Line(text)).is_err() {
            self.metrics.dropped.inc();
        }
    }

    /// Waits until every line written before is with the system, but at most `limit`. Blocks its thread.
    ///
    /// `false`: the limit passed first.
    pub fn flush(&self, limit: Duration) -> bool {
        let Some(queue) = &self.queue else { return true };
        let (done, flushed) = sync_channel(1);
        let deadline = std::time::Instant::now() + limit;
        let mut message = Message::Flush(done);
        while let Err(error) = queue.try_send(message) {
            // The writer is busy with a full queue: give it the time that is left.
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            message = match error {
                TrySendError::Full(message) if !left.is_zero() => message,
                _ => return false,
            };
            std::thread::park_timeout(left.min(Duration::from_millis(5)));
        }
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        flushed.recv_timeout(left).is_ok()
    }
}

#[cfg(test)]
mod tests;
