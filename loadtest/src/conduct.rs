//! Runs a test from its first request to its report: the work, the looks at
//! nodes, the progress, the checkpoints, and every way to end.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::progress::Progress;
use crate::report::{CheckFigures, FleetFigures, Heading, Output, Report};
use crate::scrape::{Line, Scraper, Watched};
use crate::threshold::Threshold;
use crate::trial::{Ending, Trial};

/// How long requests may take to end once a test has ended early.
const DRAIN_EARLY: Duration = Duration::from_secs(1);

/// Time between two checkpoints.
const CHECKPOINT_EVERY: u64 = 10;

/// What surrounds a test.
pub struct Conduct {
    /// What the report begins with.
    pub heading: Heading,
    /// Nodes that are looked at.
    pub nodes: Vec<Watched>,
    /// What looks at them: a client of its own, so that it never waits for the test's.
    pub scraper: Client,
    /// What is expected.
    pub thresholds: Vec<Threshold>,
    /// Where checkpoints go.
    pub output: Option<Output>,
    /// How it is told.
    pub progress: Progress,
    /// The test is given up when nothing was answered for so long.
    pub silence_max: Duration,
    /// How long requests may take to end once the work is done.
    pub drain: Duration,
}

/// A test could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// A node that is to be looked at does not answer.
    #[error("nodes cannot be looked at: {0}")]
    Scrape(String),
}

impl Conduct {
    /// Runs `work` until it is done, the user interrupts it, or nothing answers any more; then reports.
    /// `complete` adds what only the work knows, and is given what was seen of nodes in the end; `on_interrupt` resolves when the user has enough.
    ///
    /// # Errors
    /// When the test cannot begin. A test that began has a report, whatever becomes of it.
    pub async fn run(
        &self,
        trial: &Arc<Trial>,
        work: impl Future<Output = ()>,
        on_interrupt: impl Future<Output = ()>,
        complete: impl Fn(&mut Report, &[Line]),
    ) -> Result<Report, ConductError> {
        let started = now_rfc_3339();
        let scraper = Scraper::start(self.scraper.clone(), self.nodes.clone())
            .await
            .map_err(ConductError::Scrape)?;
        let (over, is_over) = tokio::sync::oneshot::channel::<()>();
        let looking = tokio::spawn({
            let trial = Arc::clone(trial);
            scraper.run(move || trial.now(), async move {
                let _ = is_over.await;
            })
        });
        let report = |ending: Ending| {
            let length = trial.now().as_secs_f64();
            let record = trial.record();
            let mut report = Report::new(&self.heading, started.clone(), length, ending, &record);
            drop(record);
            report.totals.connections = trial.client.connections_opened();
            report.checks = trial.copies_count().map(|copies| CheckFigures {
                copies: copies as u64,
                faults: report
                    .totals
                    .failures
                    .iter()
                    .filter(|(failure, _)| failure.is_check())
                    .map(|(_, count)| count)
                    .sum(),
            });
            complete(&mut report, &[]);
            report
        };
        let mut on_interrupt = std::pin::pin!(on_interrupt);
        let mut ending = self.attend(trial, work, on_interrupt.as_mut(), &report).await;
        trial.stop.cancel();
        if ending.is_complete() {
            tokio::select! {
                () = trial.drain(self.drain) => {}
                () = on_interrupt => ending = Ending::Interrupted,
            }
        } else {
            trial.drain(DRAIN_EARLY).await;
        }
        self.progress.end();
        let mut report = report(ending);
        let _ = over.send(());
        // Nothing is known of nodes whose looker was lost.
        let lines = looking.await.unwrap_or_default();
        report.fleet = FleetFigures::of_lines(&lines);
        complete(&mut report, &lines);
        report.verdict = self
            .thresholds
            .iter()
            .map(|threshold| threshold.judge(&report))
            .collect();
        Ok(report)
    }

    /// Watches over the work, second by second.
    async fn attend(
        &self,
        trial: &Arc<Trial>,
        work: impl Future<Output = ()>,
        on_interrupt: impl Future<Output = ()> + Unpin,
        report: &impl Fn(Ending) -> Report,
    ) -> Ending {
        let (mut work, mut on_interrupt) = (std::pin::pin!(work), on_interrupt);
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        let mut can_write = true;
        loop {
            tokio::select! {
                () = &mut work => return Ending::Complete,
                () = &mut on_interrupt => return Ending::Interrupted,
                _ = ticks.tick() => {}
            }
            self.progress.tell(trial);
            let now = trial.now();
            trial
                .record()
                .timeline
                .settle(now.checked_sub(self.drain).unwrap_or_default());
            let silence = trial.silence();
            if self.silence_max < silence && trial.has_asked_since(now.saturating_sub(silence)) {
                return Ending::GivenUp(format!("nothing was answered for {:.0} s", silence.as_secs_f64()));
            }
            if can_write
                && now.as_secs() % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1
                && let Some(output) = &self.output
                && let Err(error) = output.checkpoint(&report(Ending::Running))
            {
                can_write = false;
                warn(&error.to_string());
            }
        }
    }
}

/// What the calendar says now.
#[must_use]
pub fn now_rfc_3339() -> String {
    chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now())
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The test goes on: its end will try again, and what it finds is printed in any case.
fn warn(error: &str) {
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr(),
        "\nstrata: results cannot be kept now: {error}; the test goes on"
    );
}
