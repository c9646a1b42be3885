//! What a title costs at the store, against what Bedrock told of its packager. A
//! report is written where `STRATA_STORE_REPORT` says: `make report`.

use std::fmt::Write as _;

use crate::bucket::{BucketRig, start};
use crate::economy::{SCALED, cost, fragments, segments};

/// What Bedrock's old path cost per segment: the manifest, the head, the end,
/// the media.
const BEDROCK_GETS: f64 = 4.0;

/// What of its S3 cost Bedrock saved by caching headers.
const BEDROCK_SAVED: f64 = 0.6;

/// S3's price of a GET in dollars.
const GET_PRICE: f64 = 0.0004 / 1000.0;

const TITLE: &str = "harbour-720.mp4";

/// What somebody has cost who watched the title from its beginning to its end.
struct Viewing {
    who: &'static str,
    segments: f64,
    served: f64,
    gets: f64,
    read: f64,
}

impl Viewing {
    async fn of(bucket: &BucketRig, who: &'static str, paths: &[String]) -> Self {
        bucket.server.journal().reset();
        let mut served = 0.0;
        for path in paths {
            let answer = bucket.rig.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            served += answer.body.len() as f64;
        }
        let (gets, read) = cost(bucket);
        Self {
            who,
            segments: paths.len() as f64,
            served,
            gets,
            read,
        }
    }
}

/// The segments of the title in transport streams.
async fn transport_streams(bucket: &BucketRig) -> Vec<String> {
    let master = bucket
        .rig
        .playlist(&format!("/{TITLE}/.m3u8?hls_fmp4=false"))
        .await;
    let media = bucket.rig.playlist(&format!("/{TITLE}/{}", master[0])).await;
    media.into_iter().map(|name| format!("/{TITLE}/{name}")).collect()
}

#[tokio::test]
async fn a_viewer_who_watches_on_costs_half_a_request_a_segment_and_the_next_ones_nothing() {
    let bucket = start(SCALED).await;
    bucket.server.journal().reset();
    let hls = segments(&bucket, TITLE).await;
    let (index_gets, index_read) = cost(&bucket);
    let first = Viewing::of(&bucket, "the first viewer, HLS of fragmented MP4", &hls).await;
    let mut viewings = vec![
        Viewing::of(&bucket, "the second viewer of the same", &hls).await,
        Viewing::of(
            &bucket,
            "HLS of transport streams",
            &transport_streams(&bucket).await,
        )
        .await,
    ];
    let manifest = bucket.rig.get(&format!("/{TITLE}/Manifest")).await;
    let smooth = fragments(manifest.text()).into_iter();
    let smooth: Vec<String> = smooth.map(|path| format!("/{TITLE}/{path}")).collect();
    viewings.push(Viewing::of(&bucket, "Smooth Streaming", &smooth).await);

    let others_cost: f64 = viewings.iter().map(|viewing| viewing.gets + viewing.read).sum();
    viewings.insert(0, first);
    let report = report(&viewings, (index_gets, index_read));
    if let Some(path) = std::env::var_os("STRATA_STORE_REPORT") {
        std::fs::write(path, &report).unwrap();
    }
    let first = &viewings[0];
    assert!(first.gets / first.segments <= 0.5, "{report}");
    assert!((index_read + first.read) / first.served <= 1.05, "{report}");
    assert_eq!(others_cost, 0.0, "{report}");
    let gets = (index_gets + first.gets) / first.segments;
    assert!(gets <= BEDROCK_GETS * (1.0 - BEDROCK_SAVED), "{report}");
}

/// The index, read once for all of them, is the first viewer's.
fn report(viewings: &[Viewing], (index_gets, index_read): (f64, f64)) -> String {
    let mut text = format!(
        "# What a title costs at the store\n\n\
         One rendition of {} segments, watched from its beginning to its end by one viewer after the other, the\n\
         first of them on an origin that has nothing. Chunks are of 64 KiB and ranges of 1 MiB, a sixteenth of the\n\
         defaults, as the title is.\n\n\
         | who | segments | MB served | GETs | GETs a segment | bytes read for a byte served |\n\
         |---|---|---|---|---|---|\n\
         | the index, for all of them | | | {index_gets} | | |\n",
        viewings[0].segments
    );
    let (mut gets, mut segments) = (index_gets, 0.0);
    let mut index_read = index_read;
    for viewing in viewings {
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} | {} | {:.3} | {:.3} |",
            viewing.who,
            viewing.segments,
            viewing.served / 1e6,
            viewing.gets,
            viewing.gets / viewing.segments,
            (index_read + viewing.read) / viewing.served
        );
        index_read = 0.0;
        gets += viewing.gets;
        segments += viewing.segments;
    }
    let of_first = (index_gets + viewings[0].gets) / viewings[0].segments;
    text += "\n## Against Bedrock's packager\n\n\
             With the index. Bedrock's old path read the server manifest, the head, the end and the media of a file for\n\
             each segment; caching headers saved it 60 %.\n\n\
             | | GETs a segment | saved | a billion segments, at $0.0004 for 1,000 GETs |\n|---|---|---|---|\n";
    for (who, gets) in [
        ("Bedrock, old path", BEDROCK_GETS),
        ("Bedrock, headers cached", BEDROCK_GETS * (1.0 - BEDROCK_SAVED)),
        ("Strata, one viewer on a cold origin", of_first),
        ("Strata, all viewers above", gets / segments),
    ] {
        let _ = writeln!(
            text,
            "| {who} | {gets:.3} | {:.1} % | ${:.0} |",
            100.0 * (1.0 - gets / BEDROCK_GETS),
            gets * 1e9 * GET_PRICE
        );
    }
    text
}
