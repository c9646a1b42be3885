//! What a title costs at the store: requests and bytes.
//!
//! Scaled down sixteen times, like the sample title: chunks of 64 KiB where a
//! node has 1 MiB, ranges of 1 MiB where it has 16.

use std::time::Duration;

use strata_s3_server::{Effect, Ending, Operation};

use crate::bucket::{BucketRig, on_gets, start};

pub const SCALED: &str = "\
store:
  probe_interval: 1h
  retry_pause: 1ms
cache:
  chunk_size: 64KiB
  range_size: 1MiB
  read_ahead: 1MiB
  fill_keep: 64KiB
";

/// The names of a title's segments in HLS, without initializations.
pub async fn segments(bucket: &BucketRig, title: &str) -> Vec<String> {
    let master = bucket.rig.playlist(&format!("/{title}/.m3u8")).await;
    let media = bucket.rig.playlist(&format!("/{title}/{}", master[0])).await;
    let segments = media.into_iter().skip(1);
    segments.map(|name| format!("/{title}/{name}")).collect()
}

/// What has been asked of the store since the last reset.
pub fn cost(bucket: &BucketRig) -> (f64, f64) {
    let count = bucket.server.journal().count(Operation::GetObject);
    (count.requests as f64, count.bytes_sent as f64)
}

/// The paths of the first stream's fragments.
pub fn fragments(manifest: &str) -> Vec<String> {
    let attribute = |text: &str, name: &str| {
        let (_, value) = text.split_once(&format!("{name}=\"")).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    let stream = manifest.split_once("<StreamIndex").unwrap().1;
    let stream = stream.split("</StreamIndex").next().unwrap();
    let url = attribute(stream, " Url");
    let bitrate = attribute(stream, "Bitrate");
    let mut time = 0;
    let mut paths = Vec::new();
    for entry in stream.split("<c ").skip(1) {
        let entry = entry.split('>').next().unwrap();
        // ` t="`, with what stood before it.
        let number = |name: &str| {
            let entry = format!(" {entry}");
            let value = entry.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
            value.parse::<u64>().ok()
        };
        time = number("t").unwrap_or(time);
        for _ in 0..number("r").unwrap_or(1) {
            let path = url.replace("{bitrate}", &bitrate);
            paths.push(path.replace("{start time}", &time.to_string()));
            time += number("d").unwrap();
        }
    }
    assert!(!paths.is_empty(), "{stream}");
    paths
}

#[tokio::test]
async fn the_tables_of_a_file_are_read_once() {
    let bucket = start("").await;
    // The moov is behind the media.
    bucket.rig.get("/harbour-360.mp4/.mpd").await;
    let before = bucket.server.journal().entries();
    let segment = &segments(&bucket, "harbour-360.mp4").await[0];
    bucket.rig.get(segment).await;
    let object = "titles/harbour-360.mp4";
    let size = std::fs::metadata(crate::rig::sample().join("harbour-360.mp4"))
        .unwrap()
        .len();
    let sent = bucket.server.journal().count(Operation::GetObject).bytes_sent;
    assert!(
        sent <= size + 4096,
        "{sent} bytes of {size}: {before:?} {:?}",
        bucket.server.journal().entries()
    );
    assert!(bucket.server.journal().count_of(Operation::GetObject, object) <= 3);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_taken_up_where_it_did() {
    let bucket = start(SCALED).await;
    let names = segments(&bucket, "harbour-720.mp4").await;
    let whole = start(SCALED).await;
    for (ending, name) in [(Ending::Close, &names[5]), (Ending::Reset, &names[9])] {
        let cut = Effect::Cut {
            after_bytes: 50_000,
            ending,
        };
        bucket.server.faults().inject(on_gets(cut).times(1));
        let good = whole.rig.get(name).await;
        bucket.server.journal().reset();
        let answer = bucket.rig.get(name).await;
        assert_eq!(
            (answer.status, &answer.body),
            (good.status, &good.body),
            "{ending:?}"
        );
        let ranges: Vec<_> = bucket
            .server
            .journal()
            .entries()
            .into_iter()
            .filter_map(|entry| entry.range)
            .collect();
        let start = |range: &str| {
            range["bytes=".len()..]
                .split('-')
                .next()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        let [first, second] = ranges.as_slice() else {
            panic!("{ranges:?}")
        };
        // Of what left the store before the connection broke, some may have been
        // lost with it.
        let taken_up = start(second) - start(first);
        assert!(0 < taken_up && taken_up <= 50_000, "{ranges:?}");
    }
    assert_eq!(bucket.rig.metric("strata_origin_store_retries_total").await, 2.0);
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_asked_less_and_then_again() {
    let bucket = start(SCALED).await;
    let names = segments(&bucket, "harbour-720.mp4").await;
    bucket
        .server
        .faults()
        .inject(on_gets(Effect::slow_down()).times(2));
    assert_eq!(bucket.rig.get(&names[0]).await.status, 200);
    let busy = "strata_origin_store_requests_total{operation=\"read\",outcome=\"busy\"}";
    assert_eq!(bucket.rig.metric(busy).await, 2.0);
    assert_eq!(bucket.rig.metric("strata_origin_store_concurrency").await, 32.0);
}

#[tokio::test]
async fn a_store_that_is_down_for_long_is_left_alone_and_found_again() {
    let more = SCALED.replace("cache:", "  breaker_failures: 6\n  breaker_pause: 20ms\ncache:");
    let bucket = start(&more).await;
    let names = segments(&bucket, "harbour-720.mp4").await;
    let fault = bucket.server.faults().inject(on_gets(Effect::slow_down()));
    bucket.server.journal().reset();
    // Not the first ones, which were read in part when the file was opened.
    for name in names[4..].iter().cycle().take(40) {
        assert_eq!(bucket.rig.get(name).await.status, 503, "{name}");
    }
    let asked = bucket.server.journal().count(Operation::GetObject).requests;
    assert!(asked < 60, "{asked} requests for 40 of ours, three attempts each");
    assert!(0.0 < bucket.rig.metric("strata_origin_store_spared_total").await);
    bucket.server.faults().clear(fault);
    while bucket.rig.get(&names[5]).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bucket.rig.metric("strata_origin_store_tripped").await, 0.0);
}

#[tokio::test]
async fn a_third_of_slow_answers_cost_time_and_nothing_else() {
    const SLOW: Duration = Duration::from_millis(150);
    let slow = start(SCALED).await;
    let good = start(SCALED).await;
    let names = segments(&slow, "harbour-720.mp4").await;
    let seconds = "strata_origin_store_request_duration_seconds";
    let over = async |seconds_max: &str| {
        let all = format!("{seconds}_count{{operation=\"read\"}}");
        let within = format!("{seconds}_bucket{{operation=\"read\",le=\"{seconds_max}\"}}");
        slow.rig.metric(&all).await - slow.rig.metric(&within).await
    };
    let before = over("0.1").await;
    slow.server.faults().inject(on_gets(Effect::Delay(SLOW)).every(3));
    let reads = "strata_origin_store_requests_total{operation=\"read\",outcome=\"ok\"}";
    let reads_before = slow.rig.metric(reads).await;
    for name in &names {
        assert_eq!(
            slow.rig.get(name).await.body,
            good.rig.get(name).await.body,
            "{name}"
        );
    }
    let sent = slow.rig.metric(reads).await - reads_before;
    // The first of each three, as the histogram has it.
    assert!(
        (sent / 3.0).floor() <= over("0.1").await - before,
        "{} of {sent}",
        over("0.1").await - before
    );
}

#[tokio::test]
async fn what_was_read_ahead_and_is_asked_for_is_counted_as_used() {
    let bucket = start(SCALED).await;
    for name in segments(&bucket, "harbour-720.mp4").await {
        bucket.rig.get(&name).await;
    }
    let count = async |result| {
        let series = format!("strata_origin_read_ahead_chunks_total{{result=\"{result}\"}}");
        bucket.rig.metric(&series).await
    };
    let (read, used) = (count("read").await, count("used").await);
    assert!(
        10.0 < read && 0.8 * read <= used && used <= read,
        "{used} of {read}"
    );
}
