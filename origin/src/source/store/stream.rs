//! Bodies that are handed on as they come, and taken up again where they broke.

use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use strata_cache::ChunkFilling;
use tokio::time::{Instant, timeout, timeout_at};

use super::{ATTEMPT_TIMEOUT, BODY_BYTES_PER_SECOND_MIN, Store, TIMEOUT};
use crate::source::metrics::Operation;
use crate::source::{SourceBody, SourceError, SourceFault, Tally};

/// An attempt that brought this much was worth it: the next one counts as the
/// first again.
const PROGRESS_BYTES: u64 = 256 << 10;

impl Store {
    /// Brings bytes `range` of version `version` into `filling`, as they come.
    /// A body that breaks off is taken up where it did, of the same version.
    pub async fn fill(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
        filling: &mut ChunkFilling<SourceError>,
        tally: &Tally,
    ) {
        if range.is_empty() {
            filling.head(&(), None);
            return;
        }
        let body = Duration::from_secs((range.end - range.start) / BODY_BYTES_PER_SECOND_MIN);
        let until = Instant::now() + self.limits.timeout + body;
        let mut left = range;
        let mut failed = 0;
        while !left.is_empty() {
            let start = left.start;
            let attempt = self.attempt(object, version, &mut left, filling, tally);
            let attempted = timeout_at(until, attempt).await;
            let result = attempted.unwrap_or_else(|_| Err(self.slow(object, TIMEOUT, self.limits.timeout)));
            let Err(error) = result else { continue };
            failed = if PROGRESS_BYTES <= left.start - start {
                1
            } else {
                failed + 1
            };
            if let Err(error) = self.pause(failed, until, error).await {
                filling.fail(error);
                return;
            }
        }
    }

    /// One GET: as much of `left` as it brings is taken off.
    async fn attempt(
        &self,
        object: &str,
        version: &str,
        left: &mut Range<u64>,
        filling: &mut ChunkFilling<SourceError>,
        tally: &Tally,
    ) -> Result<(), SourceError> {
        let _place = self.enter(object).await?;
        let mut attempt = Attempt {
            store: self,
            begun: Instant::now(),
            bytes: 0,
            result: None,
        };
        // Now, not when it ends: by then whoever asked may have been logged.
        tally.asked_store(0);
        self.metrics.in_flight.inc();
        let answered = self.answer(object, version, left.clone()).await;
        let result = match answered {
            Ok(body) => {
                filling.head(&(), None);
                self.hand_on(object, body, left, filling, (&mut attempt.bytes, tally))
                    .await
            }
            Err(error) => Err(error),
        };
        attempt.result = Some(result.clone());
        result
    }

    async fn hand_on(
        &self,
        object: &str,
        mut body: SourceBody,
        left: &mut Range<u64>,
        filling: &mut ChunkFilling<SourceError>,
        (received, tally): (&mut u64, &Tally),
    ) -> Result<(), SourceError> {
        let limit = self.limits.attempt_timeout;
        let broken = |reason: String| SourceError::new(object, SourceFault::broken(reason));
        while !left.is_empty() {
            let next = timeout(limit, body.next()).await;
            let bytes = match next.map_err(|_| self.slow(object, ATTEMPT_TIMEOUT, limit))? {
                Some(bytes) => bytes?,
                None => {
                    return Err(broken(format!(
                        "the body ended {} bytes early",
                        left.end - left.start
                    )));
                }
            };
            let size = bytes.len() as u64;
            if left.end - left.start < size {
                return Err(broken("the body is longer than the range".to_owned()));
            }
            *received += size;
            tally.received(size);
            left.start += size;
            // Cannot be too long: what is left is what the streams have room for.
            filling.push(bytes).map_err(|error| broken(error.to_string()))?;
        }
        Ok(())
    }

    /// Waits for an answer's head; sends a second request, over a connection of
    /// its own, beside one that takes unusually long, and takes the one that is
    /// answered first.
    pub(super) async fn answer(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        let begun = Instant::now();
        let limit = self.limits.attempt_timeout;
        let delay = self.hedges.delay(begun.into_std());
        let answered = timeout(limit, async {
            let mut first = pin!(self.source.stream(object, version, range.clone()));
            if let Some(delay) = delay.filter(|delay| *delay < limit) {
                match timeout(delay, first.as_mut()).await {
                    Ok(answer) => return answer,
                    Err(_elapsed) if !self.hedges.pay() => {}
                    Err(_elapsed) => {
                        let mut second = pin!(self.source.stream_apart(object, version, range));
                        let (answer, is_second) = tokio::select! {
                            answer = first.as_mut() => (answer, false),
                            answer = second.as_mut() => (answer, true),
                        };
                        // One that fails leaves the other one its chance.
                        let is_failure = answer.is_err();
                        let (answer, is_second) = match (is_failure, is_second) {
                            (false, _) => (answer, is_second),
                            (true, false) => (second.await, true),
                            (true, true) => (first.await, false),
                        };
                        self.metrics.hedged(is_second && answer.is_ok());
                        return answer;
                    }
                }
            }
            first.await
        });
        let answer = answered
            .await
            .unwrap_or_else(|_| Err(self.slow(object, ATTEMPT_TIMEOUT, limit)));
        if answer.is_ok() {
            self.hedges.answered(begun.elapsed());
        }
        answer
    }
}

/// A GET that is counted when it ends, also when nobody waits for it any more.
struct Attempt<'s> {
    store: &'s Store,
    begun: Instant,
    bytes: u64,
    result: Option<Result<(), SourceError>>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.store.metrics.in_flight.dec();
        match &self.result {
            Some(result) => self.store.ended(Operation::Read, result, self.begun, self.bytes),
            None => {
                let seconds = self.begun.elapsed().as_secs_f64();
                self.store.metrics.given_up(Operation::Read, seconds, self.bytes);
            }
        }
    }
}
