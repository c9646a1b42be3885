//! Titles shaped by the query of a URL.

use crate::rig::Rig;

const TITLE: &str = "/harbour.ism";

/// `type=="audio"||MaxHeight<=144`, encoded.
const SMALL: &str = "filter=type%3D%3D%22audio%22%7C%7CMaxHeight%3C%3D144";

/// The URLs that a manifest of any format holds.
fn urls(manifest: &str) -> Vec<&str> {
    let quoted = ["initialization=\"", "media=\"", "Url=\"", "URI=\""];
    let quoted = quoted.iter().flat_map(|mark| {
        let parts = manifest.split(mark).skip(1);
        parts.filter_map(|part| part.split('"').next())
    });
    let lines = manifest.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '<', ' ']));
    quoted.chain(lines).collect()
}

/// What the playlist `name` means by `reference`, which counts from where it stands.
fn from(name: &str, reference: &str) -> String {
    let path = name.split('?').next().unwrap();
    match (path.split_once('/'), reference.strip_prefix("../")) {
        (None, _) => reference.to_owned(),
        (Some(_), Some(beside)) => beside.to_owned(),
        (Some((folder, _)), None) => format!("{folder}/{reference}"),
    }
}

#[tokio::test]
async fn a_filter_leaves_tracks_out_of_every_format() {
    let rig = Rig::start().await;
    for manifest in [".mpd", "Manifest", ".m3u8", ".m3u8?hls_fmp4=false"] {
        let mark = if manifest.contains('?') { '&' } else { '?' };
        let whole = rig.get(&format!("{TITLE}/{manifest}")).await;
        let shaped = rig.get(&format!("{TITLE}/{manifest}{mark}{SMALL}")).await;
        assert_eq!(shaped.status, 200, "{}", shaped.text());
        assert_ne!(shaped.header("etag"), whole.header("etag"));
        assert!(shaped.body.len() < whole.body.len(), "{manifest}");
        assert!(shaped.text().contains("audio_fra"), "{}", shaped.text());
        for url in urls(shaped.text()) {
            assert!(url.contains(SMALL), "{manifest}: {url}");
        }
        assert!(!urls(shaped.text()).is_empty(), "{manifest}");
    }
}

#[tokio::test]
async fn what_a_shaped_manifest_names_is_there_and_what_is_left_out_is_not() {
    let rig = Rig::start().await;
    let master = rig.playlist(&format!("{TITLE}/.m3u8?{SMALL}")).await;
    for name in &master {
        for segment in &rig.playlist(&format!("{TITLE}/{name}")).await[..2] {
            let segment = &from(name, segment);
            let answer = rig.get(&format!("{TITLE}/{segment}")).await;
            assert_eq!(answer.status, 200, "{segment}");
            let (plain, _) = segment.split_once('?').unwrap();
            let plain = rig.get(&format!("{TITLE}/{plain}")).await;
            assert_eq!(answer.body, plain.body, "{segment}");
            assert_ne!(answer.header("etag"), plain.header("etag"), "{segment}");
        }
    }
    let whole = rig.playlist(&format!("{TITLE}/.m3u8")).await;
    let is_left_out = |name: &&String| master.iter().all(|kept| !kept.starts_with(name.as_str()));
    let left_out: Vec<_> = whole.iter().filter(is_left_out).collect();
    assert!(!left_out.is_empty());
    for name in left_out {
        let answer = rig.get(&format!("{TITLE}/{name}?{SMALL}")).await;
        assert_eq!(answer.status, 404, "{name}");
    }
}

#[tokio::test]
async fn the_link_to_the_next_fragment_is_shaped_too() {
    let rig = Rig::start().await;
    let manifest = rig.get(&format!("{TITLE}/Manifest?{SMALL}")).await;
    let template = urls(manifest.text())[0].to_owned();
    let value = |before: &str| {
        let rest = manifest.text().split_once(before).unwrap().1;
        rest.split('"').next().unwrap()
    };
    let first = template
        .replace("{bitrate}", value("Bitrate=\""))
        .replace("{start time}", value("<c t=\""));
    let fragment = rig.get(&format!("{TITLE}/{first}")).await;
    assert_eq!(fragment.status, 200, "{first}");
    let link = fragment.header("link");
    assert!(link.ends_with(&format!("?{SMALL}>; rel=\"next\"")), "{link}");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let folder = first.split_once('/').unwrap().0;
    let next = rig.get(&format!("{TITLE}/{folder}/{next}")).await;
    assert_eq!(next.status, 200, "{link}");
}

#[tokio::test]
async fn filters_that_mean_the_same_are_the_same() {
    let rig = Rig::start().await;
    let one = rig.get(&format!("{TITLE}/.mpd?{SMALL}")).await;
    let other = "filter=(+type+==+'audio'+)||maxheight<=\"144\""
        .replace('<', "%3C")
        .replace('"', "%22");
    let other = rig.get(&format!("{TITLE}/.mpd?t=5&{other}")).await;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_eq!(other.header("etag"), one.header("etag"));
    assert_eq!(other.body, one.body);
    assert_eq!(
        rig.metric("strata_cache_fills_total{result=\"filled\",tier=\"shapes_memory\"}")
            .await,
        1.0
    );
}

#[tokio::test]
async fn a_bad_filter_is_answered_with_the_place_of_the_mistake() {
    let rig = Rig::start().await;
    let bad = rig
        .get(&format!(
            "{TITLE}/.mpd?filter=type%3D%3D%22audio%22%26%26bitrate%3C5"
        ))
        .await;
    assert_eq!(bad.status, 400);
    assert!(
        bad.text().starts_with("filter: at character 15: expected "),
        "{}",
        bad.text()
    );
    assert_eq!(bad.header("cache-control"), "no-store");
    let nothing = rig.get(&format!("{TITLE}/.mpd?filter=channels%3E100")).await;
    assert_eq!(nothing.status, 404);
    assert_eq!(nothing.text(), "the filter leaves no track\n");
    // Not in a segment's URL either, nor a second time.
    let nothing = rig.get(&format!("{TITLE}/.m3u8?filter=channels%3E100")).await;
    assert_eq!(nothing.status, 404);
}

/// Number of pictures that ffmpeg decodes of the first video at `url`.
async fn pictures(url: &str) -> usize {
    let output = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", url])
        .args([
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-f",
            "framehash",
            "-",
        ])
        .output()
        .await
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && problems.is_empty(),
        "{url}: {problems}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test]
async fn a_clip_is_played_from_every_manifest() {
    let rig = Rig::start().await;
    // 25 pictures a second; those before the start are 2 s of a group at most.
    let shown = (13.48 - 5.2) * 25.0;
    for manifest in [".mpd?", ".m3u8?", ".m3u8?hls_fmp4=false&"] {
        let url = format!(
            "{}{TITLE}/{manifest}vbegin=5.2&vend=0:13.48&filter=MaxHeight%3C%3D144",
            rig.base
        );
        let found = pictures(&url).await as f64;
        assert!(
            (shown..=shown + 51.0).contains(&found.round()),
            "{manifest}: {found}"
        );
    }
}

#[tokio::test]
async fn a_clip_tells_its_length_and_its_segments_are_its_own() {
    let rig = Rig::start().await;
    let clip = "vbegin=5.2&vend=13.48";
    let mpd = rig.get(&format!("{TITLE}/.mpd?{clip}")).await;
    assert_eq!(mpd.status, 200, "{}", mpd.text());
    assert!(
        mpd.text().contains("mediaPresentationDuration=\"PT8.28S\""),
        "{}",
        mpd.text()
    );
    assert!(
        mpd.text()
            .contains("<Period id=\"1\" start=\"PT0S\" duration=\"PT8.28S\">")
    );
    for url in urls(mpd.text()) {
        assert!(
            url.ends_with("vbegin=5.2&amp;vend=13.48") || !url.contains('.'),
            "{url}"
        );
    }
    for manifest in [".m3u8?", ".m3u8?hls_fmp4=false&"] {
        for name in rig.playlist(&format!("{TITLE}/{manifest}{clip}")).await {
            assert!(name.contains(clip), "{name}");
            for segment in rig.playlist(&format!("{TITLE}/{name}")).await {
                let segment = from(&name, &segment);
                let answer = rig.get(&format!("{TITLE}/{segment}")).await;
                assert_eq!(answer.status, 200, "{segment}");
                assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            }
        }
    }
    let manifest = rig.get(&format!("{TITLE}/Manifest?{clip}")).await;
    let duration = manifest.text().split("Duration=\"").nth(1).unwrap();
    let duration: u64 = duration.split('"').next().unwrap().parse().unwrap();
    // From the decoding of the first picture, or the warm-up of the sound, on: a fifth of a second at most.
    assert!((82_800_000..84_800_000).contains(&duration), "{duration}");
}

#[tokio::test]
async fn moments_that_are_none_are_refused_with_their_place() {
    let rig = Rig::start().await;
    for (query, status, reason) in [
        ("vbegin=5s", 400, "vbegin: at character 1: expected a digit"),
        (
            "vbegin=1:75",
            400,
            "vbegin: at character 2: expected a number below 60",
        ),
        (
            "vbegin=5&vend=5",
            400,
            "vend: at character 0: expected a moment behind vbegin",
        ),
        (
            "vbegin=100000",
            404,
            "the clip begins at 100000s, and the title ends after ",
        ),
    ] {
        let answer = rig.get(&format!("{TITLE}/.mpd?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.text().starts_with(reason), "{query}: {}", answer.text());
    }
    // All of the title is the title.
    let whole = rig.get(&format!("{TITLE}/.mpd")).await;
    let same = rig.get(&format!("{TITLE}/.mpd?vbegin=0&t=30")).await;
    assert_eq!(same.header("etag"), whole.header("etag"));
}

#[tokio::test]
async fn texts_are_clipped_with_the_pictures() {
    let rig = Rig::start().await;
    let master = rig.playlist(&format!("{TITLE}/.m3u8?vbegin=5&vend=15")).await;
    let text = master.iter().find(|name| name.contains("textstream")).unwrap();
    let segments = rig.playlist(&format!("{TITLE}/{text}")).await;
    let mut cues = Vec::new();
    for segment in &segments {
        let answer = rig.get(&format!("{TITLE}/{segment}")).await;
        assert_eq!(answer.status, 200, "{segment}");
        let times = answer.text().lines().filter(|line| line.contains(" --> "));
        cues.extend(times.map(str::to_owned));
    }
    assert!(
        cues.contains(&"00:00:00.000 --> 00:00:09.000".to_owned()),
        "{cues:?}"
    );
    for cue in &cues {
        let (start, end) = cue.split_once(" --> ").unwrap();
        let end = end.split(' ').next().unwrap();
        assert!(start < end && end <= "00:00:10.000", "{cue}");
    }
}
