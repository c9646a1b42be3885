//! An origin over a store that is down for a while, in virtual time.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use strata_cache::Chunk;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::tests::{named, over, sample};
use super::*;
use crate::source::{FolderSource, ObjectMeta, Opened, SourceFault};

/// When the store goes down, and for how long.
const DOWN_AT: Duration = Duration::from_secs(2);
const DOWN_FOR: Duration = Duration::from_secs(10);

/// Somebody asks so often, for so long.
const ASKED_EVERY: Duration = Duration::from_millis(50);
const WATCHED_FOR: Duration = Duration::from_secs(20);

/// How long the store takes to answer, whatever it answers.
const ANSWERED_AFTER: Duration = Duration::from_millis(20);

const TITLE: &str = "/harbour-720.mp4/";

/// The sample title in a store that asks for fewer requests for ten seconds.
#[derive(Debug)]
struct Down {
    inner: FolderSource,
    begun: Instant,
    refused: AtomicU32,
}

impl Down {
    async fn answer(&self, object: &str) -> Result<(), SourceError> {
        let asked = self.begun.elapsed();
        sleep(ANSWERED_AFTER).await;
        if (DOWN_AT..DOWN_AT + DOWN_FOR).contains(&asked) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            let reason = "SlowDown".into();
            return Err(SourceError::new(object, SourceFault::Busy { reason }));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Down {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.answer(object).await?;
        self.inner.head(object).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        self.answer(object).await?;
        self.inner.open(object, head_size).await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.answer(object).await?;
        self.inner.read(object, version, range).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.answer("").await
    }
}

/// An origin that keeps next to nothing of what it reads.
fn origin(source: Arc<dyn Source>) -> InProcess {
    let more = "titles:\n  ttl: 1h\ncache:\n  chunk_size: 64KiB\n  chunks: 64KiB\n  read_ahead: 0\n";
    over(source, more)
}

struct Asked {
    at: Duration,
    took: Duration,
    status: StatusCode,
    retry_after: bool,
    body: Result<Bytes, SourceError>,
}

async fn ask(front: &Arc<Front>, path: &str, begun: Instant) -> Asked {
    let at = begun.elapsed();
    let (head, body) = front.get(path.parse().unwrap()).await.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes);
    Asked {
        at,
        took: begun.elapsed() - at,
        status: head.status,
        retry_after: head.headers.contains_key(http::header::RETRY_AFTER),
        body,
    }
}

/// Every segment of the title, with its bytes.
async fn segments(front: &Arc<Front>) -> Vec<(String, Bytes)> {
    let now = Instant::now();
    let mut segments = Vec::new();
    for path in named(front, TITLE).await {
        let body = ask(front, &path, now).await.body.unwrap();
        segments.push((path, body));
    }
    segments
}

fn value(origin: &InProcess, name: &str, label: &str) -> f64 {
    let families = origin.registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let metrics = family.get_metric().iter().filter(|metric| {
        let mut labels = metric.get_label().iter();
        label.is_empty() || labels.any(|pair| pair.value() == label)
    });
    let value = |metric: &prometheus::proto::Metric| {
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    metrics.map(value).sum()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_503_for_ten_seconds_costs_these_and_a_pause() {
    let folder = || FolderSource::open(&sample()).unwrap();
    let expected = segments(&origin(Arc::new(folder())).front()).await;
    let begun = Instant::now();
    let down = Arc::new(Down {
        inner: folder(),
        begun,
        refused: AtomicU32::new(0),
    });
    let origin = origin(Arc::clone(&down) as Arc<dyn Source>);
    let front = origin.front();
    // The title is known; what is asked for is media.
    ask(&front, &format!("{TITLE}.m3u8"), begun).await.body.unwrap();

    let mut asking = Vec::new();
    let mut ticks = interval(ASKED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for (path, body) in expected.iter().cycle() {
        ticks.tick().await;
        if WATCHED_FOR < begun.elapsed() {
            break;
        }
        let (front, path, body) = (Arc::clone(&front), path.clone(), body.clone());
        asking.push(tokio::spawn(async move {
            let asked = ask(&front, &path, begun).await;
            if asked.status == StatusCode::OK {
                // Whole and right, or broken off: never short.
                assert!(asked.body.as_ref().is_ok_and(|got| *got == body), "{path}");
            }
            asked
        }));
    }
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }

    let up_again = DOWN_AT + DOWN_FOR;
    let limits = crate::source::StoreLimits::default();
    // Left alone for eight of its pauses at most.
    let found_by = up_again + limits.breaker.pause * 8 + ANSWERED_AFTER;
    for asked in &answers {
        assert!(
            asked.took <= limits.timeout,
            "{:?} took {:?}",
            asked.at,
            asked.took
        );
        let is_down = asked.status == StatusCode::SERVICE_UNAVAILABLE && asked.retry_after;
        assert!(is_down || asked.status == StatusCode::OK, "{}", asked.status);
        let has_to_be_well = asked.at + asked.took < DOWN_AT || found_by < asked.at;
        assert!(!has_to_be_well || !is_down, "{:?}", asked.at);
        let has_to_be_down = DOWN_AT <= asked.at && asked.at + asked.took < up_again;
        assert!(!has_to_be_down || is_down, "{:?}", asked.at);
    }
    let refused = down.refused.load(Ordering::SeqCst);
    let asked = answers
        .iter()
        .filter(|asked| (DOWN_AT..up_again).contains(&asked.at));
    // As many as it takes to notice, and one for each pause after that.
    let noticed = limits.breaker.failures + u32::try_from(limits.concurrency_max).unwrap() / 4;
    assert!(
        limits.breaker.failures <= refused && refused < noticed,
        "{refused}"
    );
    assert!(asked.count() > 190);
    let busy = value(&origin, "strata_origin_store_requests_total", "busy");
    assert_eq!(busy, f64::from(refused));
    assert!(100.0 < value(&origin, "strata_origin_store_spared_total", ""));
    assert_eq!(value(&origin, "strata_origin_store_tripped", ""), 0.0);
}
