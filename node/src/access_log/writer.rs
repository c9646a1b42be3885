//! The writer's thread: takes lines off the queue, writes them in batches.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::metrics::Metrics;

/// A batch goes to the system at this size, or when the queue is empty.
const BATCH_BYTES: usize = 64 << 10;

pub(super) enum Message {
    /// A line with its newline.
    Line(Vec<u8>),
    /// Answered once everything before it is written.
    Flush(SyncSender<()>),
}

pub(super) struct Writer {
    sink: Box<dyn Write + Send>,
    metrics: Arc<Metrics>,
    batch: Vec<u8>,
    batch_lines: u64,
    /// Set while writes fail, so that the log tells it once and not for each batch.
    failing: bool,
}

impl Writer {
    pub(super) fn new(sink: Box<dyn Write + Send>, metrics: Arc<Metrics>) -> Self {
        Self {
            sink,
            metrics,
            batch: Vec::with_capacity(BATCH_BYTES),
            batch_lines: 0,
            failing: false,
        }
    }

    /// Runs until the last handle is dropped.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            self.take(first);
            while let Ok(next) = messages.try_recv() {
                self.take(next);
            }
            self.write_batch();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Line(line) => {
                self.batch.extend_from_slice(&line);
                self.batch_lines += 1;
                if BATCH_BYTES <= self.batch.len() {
                    self.write_batch();
                }
            }
            Message::Flush(done) => {
                self.write_batch();
                // Whoever asked may have stopped waiting.
                let _ = done.try_send(());
            }
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        match self.sink.write_all(&self.batch).and_then(|()| self.sink.flush()) {
            Ok(()) => {
                self.metrics.written.inc_by(self.batch_lines);
                self.failing = false;
            }
            Err(error) => {
                self.metrics.failed.inc_by(self.batch_lines);
                if !self.failing {
                    tracing::error!(%error, "access log lines are lost");
                }
                self.failing = true;
            }
        }
        self.batch.clear();
        self.batch_lines = 0;
    }
}
