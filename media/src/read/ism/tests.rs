use super::*;

const FILM: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<smil xmlns="http://www.w3.org/2001/SMIL20/Language">
 <head>
  <meta name="clientManifestRelativePath" content="film.ismc"/>
  <meta name="hls_client_manifest_version" content="4"/>
 </head>
 <body><switch>
  <audio src="film-aac.mp4" systemBitrate="128002" systemLanguage="eng">
   <param name="trackID" value="2" valueType="data"/>
   <param name="trackName" value="audio_eng" valueType="data"/>
   <param name="FourCC" value="AACL" valuetype="data"/>
  </audio>
  <video src="film-1080.mp4" systemBitrate="4434000">
   <param name="trackID" value="1" valueType="data"/>
   <param name="MaxWidth" value="1920" valueType="data"/>
  </video>
  <textstream src="film-en.ismt" systemBitrate="1000" systemLanguage="eng"/>
 </switch></body>
</smil>
"#;

fn body(content: &str) -> String {
    format!("<smil><body><switch>{content}</switch></body></smil>")
}

fn problem(text: &str) -> Problem {
    read(text.as_bytes()).unwrap_err().problem
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[test]
fn a_manifest_reads_in_document_order() {
    let manifest = read(FILM.as_bytes()).unwrap();
    assert_eq!(manifest.meta("HLS_client_manifest_version"), Some("4"));
    let kinds: Vec<_> = manifest.tracks.iter().map(|track| track.kind).collect();
    assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video, MediaKind::Text]);
    let audio = &manifest.tracks[0];
    assert_eq!(audio.src, "film-aac.mp4");
    assert_eq!(audio.system_bitrate, Some(128_002));
    assert_eq!(audio.system_language.as_deref(), Some("eng"));
    assert_eq!(
        (audio.track_id, audio.track_name.as_deref()),
        (Some(2), Some("audio_eng"))
    );
    assert_eq!(audio.param("fourcc"), Some("AACL"));
    assert_eq!(audio.params.len(), 3);
    assert_eq!(manifest.tracks[1].param("MaxWidth"), Some("1920"));
    assert_eq!(
        (manifest.tracks[2].track_id, manifest.tracks[2].params.len()),
        (None, 0)
    );
}

#[test]
fn utf_16_reads_like_utf_8_with_and_without_a_byte_order_mark() {
    let expected = read(FILM.as_bytes()).unwrap();
    let text = FILM.replace("utf-8", "utf-16");
    for text in [text.clone(), format!("\u{FEFF}{text}")] {
        assert_eq!(read(&utf16(&text, u16::to_le_bytes)).unwrap(), expected);
        assert_eq!(read(&utf16(&text, u16::to_be_bytes)).unwrap(), expected);
    }
    assert_eq!(read(format!("\u{FEFF}{FILM}").as_bytes()).unwrap(), expected);
}

#[test]
fn case_of_names_does_not_matter() {
    let text = body(
        r#"<Video SRC="a.mp4" systembitrate="7" SystemLanguage="fra"><PARAM NAME="TrackId" VALUE="3"/></Video>"#,
    );
    let manifest = read(text.replace("smil", "SMIL").as_bytes()).unwrap();
    let track = &manifest.tracks[0];
    assert_eq!((track.system_bitrate, track.track_id), (Some(7), Some(3)));
    assert_eq!(track.system_language.as_deref(), Some("fra"));
}

#[test]
fn prefixes_are_only_names() {
    let text = r#"<s:smil xmlns:s="urn:x"><s:body><s:video s:src="a.mp4"/></s:body></s:smil>"#;
    assert_eq!(read(text.as_bytes()).unwrap().tracks[0].src, "a.mp4");
}

#[test]
fn bitrate_and_language_may_stand_in_params() {
    let text = body(
        r#"<audio src="a.mp4"><param name="systemBitrate" value="64000"/><param name="systemLanguage" value="deu"/></audio>"#,
    );
    let track = &read(text.as_bytes()).unwrap().tracks[0];
    assert_eq!(track.system_bitrate, Some(64_000));
    assert_eq!(track.system_language.as_deref(), Some("deu"));
}

#[test]
fn references_in_attributes_are_resolved() {
    let text = body(r#"<video src="a&amp;b&#x2D;c.mp4"/>"#);
    assert_eq!(read(text.as_bytes()).unwrap().tracks[0].src, "a&b-c.mp4");
}

#[test]
fn unknown_elements_and_params_outside_tracks_are_let_pass() {
    let text = body(
        r#"<ref src="x"><param name="trackID" value="oops"/></ref><!-- c --><video src="a.mp4"><new/></video>"#,
    );
    assert_eq!(read(text.as_bytes()).unwrap().tracks.len(), 1);
}

#[test]
fn entities_of_a_document_type_are_not_expanded() {
    let bomb = r#"<!DOCTYPE smil [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><smil><video src="&b;"/></smil>"#;
    assert!(matches!(problem(bomb), Problem::Syntax(_)));
}

#[test]
fn mistakes_are_named() {
    assert_eq!(
        problem("<MPD/>"),
        Problem::NotSmil {
            root: "MPD".to_owned()
        }
    );
    assert_eq!(problem("<smil/>"), Problem::NoTracks);
    assert_eq!(problem(""), Problem::NoTracks);
    assert_eq!(problem("<smil><body>"), Problem::Unclosed);
    assert_eq!(problem(&body("<video/>")), Problem::MissingSource);
    assert!(matches!(problem("<smil></body></smil>"), Problem::Syntax(_)));
    assert_eq!(read(&[0xFF; 9]).unwrap_err().problem, Problem::Encoding);
    let value = "-1".to_owned();
    let negative = body(r#"<video src="a" systemBitrate="-1"/>"#);
    assert_eq!(
        problem(&negative),
        Problem::NotANumber {
            name: "systemBitrate",
            value
        }
    );
}

#[test]
fn an_error_has_line_and_column() {
    let text = FILM.replace("\"2\"", "\"two\"");
    let error = read(text.as_bytes()).unwrap_err();
    assert_eq!((error.line, error.column), (9, 4));
    assert_eq!(&text[error.offset..error.offset + 6], "<param");
    assert!(error.to_string().starts_with("line 9, column 4"), "{error}");
}

#[test]
fn every_count_has_a_limit() {
    assert_eq!(problem(&"<smil>".repeat(DEPTH_MAX + 1)), Problem::TooDeep);
    assert_eq!(
        problem(&body(&"<video src='a'/>".repeat(TRACKS_MAX + 1))),
        Problem::TooManyTracks
    );
    let params = "<param name='a' value='b'/>".repeat(PARAMS_MAX + 1);
    assert_eq!(
        problem(&body(&format!("<video src='a'>{params}</video>"))),
        Problem::TooManyParams
    );
    let size = MANIFEST_SIZE_MAX + 1;
    assert_eq!(
        read(&vec![b' '; size]).unwrap_err().problem,
        Problem::TooLarge { size }
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_damage_to_a_manifest_is_read_or_refused(at in 0..FILM.len(), byte: u8, cut in 0..FILM.len()) {
        let mut bytes = FILM.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = read(&bytes);
        let _ = read(&bytes[..cut]);
    }
}
