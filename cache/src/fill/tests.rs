use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::*;
use crate::flight::Outcome;
use crate::metrics::{CacheMetrics, Tier};

type Error = &'static str;
type TestFilling = Filling<u32, &'static str, Error>;

/// Keeps what is whole.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<HashMap<u32, Bytes>>>);

impl Keep<u32, &'static str> for Kept {
    fn has(&self, key: &u32) -> bool {
        self.0.lock().unwrap().contains_key(key)
    }

    fn keep(&self, key: &u32, _head: &&'static str, whole: &Bytes) {
        self.0.lock().unwrap().insert(*key, whole.clone());
    }
}

impl Kept {
    fn of(&self, key: u32) -> Option<Bytes> {
        self.0.lock().unwrap().get(&key).cloned()
    }
}

fn fills(limits: FillLimits) -> (Fills<u32, &'static str, Error>, Registry) {
    let registry = Registry::new();
    let metrics = CacheMetrics::register(&registry).unwrap();
    let fills = Fills::new(limits, Handle::current(), metrics.fills(Tier::Chunks));
    (fills, registry)
}

fn patient() -> FillLimits {
    FillLimits {
        wait: Duration::from_secs(60),
        waiting_max: 10_000,
        keep_bytes: 0,
    }
}

fn counted(registry: &Registry, name: &str, label: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name);
    let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
    let metric = metrics
        .iter()
        .find(|metric| metric.get_label().iter().any(|pair| pair.value() == label));
    metric.map_or(0.0, |metric| metric.get_counter().get_value())
}

/// A fill that does what the test says, step by step.
enum Say {
    Head(Option<u64>),
    Push(&'static [u8]),
    Finish,
    Fail(Error),
}

/// A fill that takes its steps from a channel, and ends with it.
fn told(steps: mpsc::UnboundedReceiver<Say>) -> impl Fn(TestFilling) -> futures::Boxed {
    let steps = Arc::new(Mutex::new(Some(steps)));
    move |mut filling| {
        let mut steps = steps.lock().unwrap().take().expect("one fill only");
        Box::pin(async move {
            while let Some(step) = steps.recv().await {
                match step {
                    Say::Head(length) => filling.head(&"head", length),
                    Say::Push(bytes) => drop(filling.push(Bytes::from_static(bytes))),
                    Say::Finish => drop(filling.finish()),
                    Say::Fail(error) => filling.fail(error),
                }
            }
        })
    }
}

mod futures {
    pub(super) type Boxed = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
}

fn unwanted(_: TestFilling) -> futures::Boxed {
    panic!("a second fill was started")
}

#[tokio::test]
async fn followers_read_what_has_arrived_each_at_its_own_place() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(Some(6))).unwrap();
    let leader = fills
        .join(&[(1, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((leader.outcome, leader.head), (Outcome::Miss, "head"));
    say.send(Say::Push(b"abc")).unwrap();
    assert_eq!(leader.follower.at(0).await.unwrap().unwrap(), "abc");
    let second = fills.join(&[(1, None)], &kept, unwanted).await.unwrap().unwrap();
    assert_eq!(second.outcome, Outcome::Joined);
    assert_eq!(second.follower.at(2).await.unwrap().unwrap(), "c");
    let waiting = tokio::spawn(async move { second.follower.at(3).await });
    say.send(Say::Push(b"def")).unwrap();
    // What was joined for being small begins where each of them reads.
    assert_eq!(waiting.await.unwrap().unwrap().unwrap(), "def");
    assert_eq!(leader.follower.whole().await.unwrap(), "abcdef");
    assert_eq!(leader.follower.at(6).await.unwrap(), None);
    assert_eq!(kept.of(1).unwrap(), "abcdef");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_askers_of_which_most_come_before_the_head_cost_one_fill() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let started = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let askers: Vec<_> = (0..1_000)
        .map(|_| {
            let (fills, kept) = (fills.clone(), kept.clone());
            let (started, gate) = (Arc::clone(&started), Arc::clone(&gate));
            tokio::spawn(async move {
                let fill = |mut filling: TestFilling| {
                    started.fetch_add(1, Ordering::SeqCst);
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.acquire().await.unwrap().forget();
                        filling.head(&"head", None);
                        filling.push(Bytes::from_static(b"all of it")).unwrap();
                        filling.finish().unwrap();
                    }
                };
                match fills.join(&[(7, None)], &kept, fill).await.unwrap() {
                    Some(joined) => joined.follower.whole().await.unwrap(),
                    None => kept.of(7).unwrap(),
                }
            })
        })
        .collect();
    gate.add_permits(1);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), "all of it");
    }
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_leader_that_leaves_changes_nothing_for_the_others() {
    let (fills, registry) = fills(patient());
    let kept = Kept::default();
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(Some(2))).unwrap();
    let leader = fills
        .join(&[(1, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
    let other = fills.join(&[(1, None)], &kept, unwanted).await.unwrap().unwrap();
    drop(leader);
    say.send(Say::Push(b"ok")).unwrap();
    assert_eq!(other.follower.whole().await.unwrap(), "ok");
    assert_eq!(counted(&registry, "strata_cache_fills_total", "aborted"), 0.0);
}

#[tokio::test]
async fn a_follower_that_does_not_read_holds_nobody_back() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(None)).unwrap();
    let lazy = fills
        .join(&[(1, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
    let quick = fills.join(&[(1, None)], &kept, unwanted).await.unwrap().unwrap();
    for _ in 0..1_000 {
        say.send(Say::Push(&[7; 8192])).unwrap();
    }
    say.send(Say::Finish).unwrap();
    assert_eq!(quick.follower.whole().await.unwrap().len(), 8_192_000);
    // It finds everything from where it stopped.
    assert_eq!(lazy.follower.at(0).await.unwrap().unwrap().len(), 8_192_000);
}

#[tokio::test]
async fn a_fill_that_fails_reaches_every_follower_as_an_error_and_never_as_a_short_body() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(Some(10))).unwrap();
    let first = fills
        .join(&[(1, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
    let second = first.follower.clone();
    say.send(Say::Push(b"abc")).unwrap();
    say.send(Say::Fail("cut")).unwrap();
    for follower in [first.follower, second] {
        assert_eq!(follower.at(0).await.unwrap().unwrap(), "abc");
        assert_eq!(follower.at(3).await.unwrap_err(), StreamError::Failed("cut"));
        assert_eq!(follower.whole().await.unwrap_err(), StreamError::Failed("cut"));
    }
    assert!(kept.of(1).is_none());
    assert!(!fills.is_filling(&1));
}

#[tokio::test]
async fn a_source_that_ends_early_or_late_or_without_a_word_is_an_error() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let cases: [(&[Say], StreamError<Error>); 3] = [
        (
            &[Say::Push(b"abc"), Say::Finish],
            StreamError::Short {
                expected: 4,
                received: 3,
            },
        ),
        (&[Say::Push(b"abcde")], StreamError::Long { expected: 4 }),
        (&[Say::Push(b"abc")], StreamError::Lost),
    ];
    for (key, (then, expected)) in (0..).zip(cases) {
        let (say, steps) = mpsc::unbounded_channel();
        say.send(Say::Head(Some(4))).unwrap();
        for step in then {
            let step = match step {
                Say::Push(bytes) => Say::Push(bytes),
                _ => Say::Finish,
            };
            say.send(step).unwrap();
        }
        drop(say);
        let joined = fills
            .join(&[(key, None)], &kept, told(steps))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(joined.follower.whole().await.unwrap_err(), expected);
        assert!(kept.of(key).is_none());
    }
}

#[tokio::test]
async fn a_fill_that_panics_can_be_tried_again() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    let panicking = |filling: TestFilling| async move {
        let _filling = filling;
        panic!("a bug in the fill")
    };
    let failed = fills.join(&[(1, None)], &kept, panicking).await;
    assert_eq!(failed.unwrap_err(), StreamError::Lost);
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(Some(0))).unwrap();
    let again = fills
        .join(&[(1, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.follower.whole().await.unwrap(), "");
}

#[tokio::test]
async fn when_no_head_comes_one_new_leader_is_chosen_and_the_others_join_it() {
    let (fills, registry) = fills(FillLimits {
        wait: Duration::from_millis(50),
        ..patient()
    });
    let kept = Kept::default();
    let started = Arc::new(AtomicUsize::new(0));
    let askers: Vec<_> = (0..100)
        .map(|_| {
            let (fills, kept, started) = (fills.clone(), kept.clone(), Arc::clone(&started));
            tokio::spawn(async move {
                let fill = |mut filling: TestFilling| {
                    let number = started.fetch_add(1, Ordering::SeqCst);
                    async move {
                        if number == 0 {
                            std::future::pending::<()>().await;
                        }
                        filling.head(&"second", Some(4));
                        filling.push(Bytes::from_static(b"late")).unwrap();
                    }
                };
                match fills.join(&[(1, None)], &kept, fill).await.unwrap() {
                    Some(joined) => joined.follower.whole().await.unwrap(),
                    None => kept.of(1).unwrap(),
                }
            })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), "late");
    }
    assert_eq!(started.load(Ordering::SeqCst), 2);
    assert_eq!(
        counted(&registry, "strata_cache_fill_room_total", "expired"),
        100.0
    );
}

#[tokio::test]
async fn waiting_ends_in_an_error_when_no_fill_has_a_head() {
    let (fills, _) = fills(FillLimits {
        wait: Duration::from_millis(5),
        ..patient()
    });
    let never = |filling: TestFilling| async move {
        let _filling = filling;
        std::future::pending::<()>().await;
    };
    let waited = fills.join(&[(1, None)], &Kept::default(), never).await;
    assert!(
        matches!(waited, Err(StreamError::Waited { fills: 3, .. })),
        "{waited:?}"
    );
}

#[tokio::test]
async fn no_more_than_the_limit_wait_for_heads() {
    let (fills, registry) = fills(FillLimits {
        waiting_max: 1,
        ..patient()
    });
    let kept = Kept::default();
    let (begun, has_begun) = oneshot::channel();
    let begun = Arc::new(Mutex::new(Some(begun)));
    let first = {
        let (fills, kept) = (fills.clone(), kept.clone());
        tokio::spawn(async move {
            let never = |filling: TestFilling| {
                begun.lock().unwrap().take().unwrap().send(()).unwrap();
                async move {
                    let _filling = filling;
                    std::future::pending::<()>().await;
                }
            };
            fills.join(&[(1, None)], &kept, never).await
        })
    };
    has_begun.await.unwrap();
    let second = fills.join(&[(2, None)], &kept, unwanted).await;
    assert_eq!(second.unwrap_err(), StreamError::Crowded { limit: 1 });
    assert_eq!(counted(&registry, "strata_cache_fill_room_total", "crowded"), 1.0);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(Some(0))).unwrap();
    // The seat is free again.
    fills
        .join(&[(2, None)], &kept, told(steps))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_fill_that_nobody_follows_is_given_up_unless_little_remains() {
    for (keep_bytes, is_aborted) in [(5, true), (6, false)] {
        let (fills, registry) = fills(FillLimits {
            keep_bytes,
            ..patient()
        });
        let kept = Kept::default();
        let (say, steps) = mpsc::unbounded_channel();
        say.send(Say::Head(Some(10))).unwrap();
        say.send(Say::Push(b"abcd")).unwrap();
        let joined = fills
            .join(&[(1, None)], &kept, told(steps))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(joined.follower.at(0).await.unwrap().unwrap(), "abcd");
        drop(joined);
        if is_aborted {
            // Its task ends by itself, without a further step.
            fills.drain().await;
        } else {
            say.send(Say::Push(b"efghij")).unwrap();
            drop(say);
            fills.drain().await;
        }
        assert_eq!(kept.of(1).is_some(), !is_aborted);
        let aborted = counted(&registry, "strata_cache_fills_total", "aborted");
        assert_eq!(aborted, f64::from(u8::from(is_aborted)));
        assert!(!fills.is_filling(&1));
    }
}

#[tokio::test]
async fn one_body_fills_neighbours_up_to_the_first_that_is_there() {
    let (fills, _) = fills(patient());
    let kept = Kept::default();
    kept.keep(&4, &"head", &Bytes::from_static(b"kept"));
    let keys: Vec<(u32, Option<u64>)> = (1..8).map(|key| (key, Some(3))).collect();
    let (say, steps) = mpsc::unbounded_channel();
    say.send(Say::Head(None)).unwrap();
    let joined = fills.join(&keys, &kept, told(steps)).await.unwrap().unwrap();
    assert!(fills.is_filling(&3) && !fills.is_filling(&4) && !fills.is_filling(&5));
    let third = fills.join(&keys[2..], &kept, unwanted).await.unwrap().unwrap();
    say.send(Say::Push(b"abcdefg")).unwrap();
    assert_eq!(joined.follower.whole().await.unwrap(), "abc");
    assert_eq!(third.follower.at(0).await.unwrap().unwrap(), "g");
    assert!(!fills.is_filling(&2));
    say.send(Say::Push(b"hi")).unwrap();
    assert_eq!(third.follower.whole().await.unwrap(), "ghi");
    assert_eq!(kept.of(2).unwrap(), "def");
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_read_right_from_every_place() {
    let (fills, _) = fills(patient());
    let text: Vec<u8> = (0..=250).cycle().take(20_000).collect();
    let source = text.clone();
    let fill = move |mut filling: TestFilling| {
        let source = source.clone();
        async move {
            filling.head(&"head", Some(20_000));
            for byte in source {
                filling.push(Bytes::copy_from_slice(&[byte])).unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let joined = fills
        .join(&[(1, None)], &Kept::default(), fill)
        .await
        .unwrap()
        .unwrap();
    let mut read = Vec::new();
    while let Some(bytes) = joined.follower.at(read.len() as u64).await.unwrap() {
        read.extend_from_slice(&bytes);
    }
    assert_eq!(read, text);
}
