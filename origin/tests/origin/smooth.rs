//! Smooth Streaming over HTTP.

use http::Method;

use crate::rig::Rig;

const TITLE: &str = "/harbour.ism";

/// The fragments of the first quality level of the stream `name`, by its times
/// in the manifest.
async fn fragments(rig: &Rig, name: &str) -> Vec<String> {
    let manifest = rig.get(&format!("{TITLE}/Manifest")).await;
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    let (_, stream) = manifest.text().split_once(&format!("Name=\"{name}\"")).unwrap();
    let stream = stream.split("</StreamIndex>").next().unwrap();
    let value = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!(" {name}=\""))?;
        rest.split('"').next()?.parse::<u64>().ok()
    };
    let bitrate = value(stream, "Bitrate").unwrap();
    let mut names = Vec::new();
    let mut time = 0;
    for chunk in stream.split("<c ").skip(1) {
        let chunk = format!(" {chunk}");
        time = value(&chunk, "t").unwrap_or(time);
        for _ in 0..value(&chunk, "r").unwrap_or(1) {
            names.push(format!(
                "{TITLE}/QualityLevels({bitrate})/Fragments({name}={time})"
            ));
            time += value(&chunk, "d").unwrap();
        }
    }
    names
}

#[tokio::test]
async fn every_fragment_names_the_next_one() {
    let rig = Rig::start().await;
    for (name, kind) in [("video", "video/mp4"), ("audio_eng", "audio/mp4")] {
        let paths = fragments(&rig, name).await;
        assert!(6 < paths.len(), "{paths:?}");
        for (path, next) in paths.iter().zip(paths.iter().map(Some).skip(1).chain([None])) {
            let answer = rig.get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.body[4..8], *b"moof", "{path}");
            assert_eq!(answer.header("content-type"), kind);
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            let next = next.map(|next| format!("<{}>; rel=\"next\"", next.rsplit('/').next().unwrap()));
            assert_eq!(answer.header("link"), next.unwrap_or_default(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_manifest_has_several_names_and_a_type_that_players_know() {
    let rig = Rig::start().await;
    let manifest = rig.get(&format!("{TITLE}/Manifest")).await;
    assert_eq!(manifest.header("content-type"), "application/vnd.ms-sstr+xml");
    assert_eq!(manifest.header("cache-control"), "public, max-age=60");
    for name in ["manifest", "harbour.ism/Manifest", ".ism/manifest"] {
        let other = rig.get(&format!("{TITLE}/{name}")).await;
        assert_eq!(other.body, manifest.body, "{name}");
        assert_eq!(other.header("etag"), manifest.header("etag"), "{name}");
    }
    let gzip = rig
        .get_with(&format!("{TITLE}/Manifest"), &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let path = &fragments(&rig, "video").await[0];
    let whole = rig.get(path).await;
    let below = path.replace("harbour.ism/", "harbour.ism/any.ism/");
    assert_eq!(rig.get(&below).await.body, whole.body);
    let encoded = path.replace('(', "%28").replace(')', "%29").replace("=0", "%3D0");
    assert_eq!(rig.get(&encoded).await.body, whole.body, "{encoded}");
    assert_eq!(
        rig.metric("strata_origin_requests_total{class=\"2xx\",kind=\"smooth_manifest\"}")
            .await,
        6.0
    );
}

#[tokio::test]
async fn each_noun_gives_its_part_of_the_fragment() {
    let rig = Rig::start().await;
    let path = &fragments(&rig, "video").await[1];
    let whole = rig.get(path).await;
    let part = async |noun: &str| {
        let answer = rig.get(&path.replace("Fragments(", &format!("{noun}("))).await;
        assert_eq!(answer.status, 200, "{noun}");
        assert_ne!(answer.header("etag"), whole.header("etag"), "{noun}");
        assert!(answer.header("link").starts_with(&format!("<{noun}(")), "{noun}");
        answer
    };
    let info = part("FragmentInfo").await;
    let raw = part("RawFragments").await;
    let keys = part("KeyFrames").await;
    assert!(whole.body.starts_with(&info.body));
    assert!(whole.body.ends_with(&raw.body));
    assert_eq!(whole.body.len(), info.body.len() + 8 + raw.body.len());
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert_eq!(keys.header("content-type"), "video/mp4");
    assert!(keys.body.len() < whole.body.len());
}

#[tokio::test]
async fn a_fragment_is_answered_like_any_segment() {
    let rig = Rig::start().await;
    let path = &fragments(&rig, "video").await[2];
    let whole = rig.get(path).await;
    assert_eq!(whole.header("cache-control"), "public, max-age=86400");
    let head = rig.ask(Method::HEAD, path, &[]).await;
    for name in ["content-length", "content-type", "etag", "link"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    let part = rig.get_with(path, &[("range", "bytes=100-4999")]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, whole.body.slice(100..5000));
    let known = [("if-none-match", whole.header("etag"))];
    assert_eq!(rig.get_with(path, &known).await.status, 304);
}

#[tokio::test]
async fn what_the_manifest_does_not_name_is_absent() {
    let rig = Rig::start().await;
    let path = &fragments(&rig, "video").await[1];
    let time = path.rsplit_once('=').unwrap().1.trim_end_matches(')');
    let later = time.parse::<u64>().unwrap() + 1;
    for absent in [
        path.replace(&format!("={time}"), &format!("={later}")),
        path.replace("(video=", "(vide="),
        path.replace("QualityLevels(", "QualityLevels(9"),
        path.replace("Fragments(", "Pieces("),
        format!("{TITLE}/x/Manifest"),
    ] {
        let answer = rig.get(&absent).await;
        assert_eq!(answer.status, 404, "{absent}");
        assert_eq!(answer.header("link"), "", "{absent}");
    }
}
