use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(path: &str, title: &str, resource: &str) {
    let expected = TitlePath {
        title: title.to_owned(),
        resource: resource.to_owned(),
    };
    assert_eq!(parse(path), Ok(expected), "{path}");
}

#[track_caller]
fn refused(path: &str, trick: Trick) {
    assert_eq!(parse(path), Err(PathError::Malformed(trick)), "{path}");
}

#[track_caller]
fn no_title(path: &str) {
    assert_eq!(parse(path), Err(PathError::NotATitle), "{path}");
}

#[test]
fn the_title_goes_up_to_its_suffix_and_the_rest_is_the_resource() {
    check("/film.ism/.mpd", "film.ism", ".mpd");
    check(
        "/shows/film.ism/dash/film-video=401000-0.dash",
        "shows/film.ism",
        "dash/film-video=401000-0.dash",
    );
    check("/film.mp4/.m3u8", "film.mp4", ".m3u8");
    check("/film.ism", "film.ism", "");
    check("/film.ism/", "film.ism", "");
    check(
        "/film.ism/QualityLevels(652000)/Fragments(video=0)",
        "film.ism",
        "QualityLevels(652000)/Fragments(video=0)",
    );
}

#[test]
fn suffixes_count_in_any_case_of_letters_and_the_first_one_wins() {
    check("/A.ISM/x", "A.ISM", "x");
    check("/a.Mp4/x", "a.Mp4", "x");
    check("/a.ism/b.mp4", "a.ism", "b.mp4");
    for suffix in TITLE_SUFFIXES {
        check(&format!("/a{suffix}/x"), &format!("a{suffix}"), "x");
    }
}

#[test]
fn percent_encoding_is_decoded_once() {
    check("/my%20film.ism/a", "my film.ism", "a");
    check("/film%2Eism/a", "film.ism", "a");
    check("/%C3%A9t%C3%A9.ism/a", "été.ism", "a");
    check("/%252e%252e.ism/a", "%2e%2e.ism", "a");
    check("/a%3Fb%23c.ism", "a?b#c.ism", "");
}

#[test]
fn repeated_slashes_are_one() {
    check("//shows///film.ism//dash//x", "shows/film.ism", "dash/x");
}

#[test]
fn what_names_no_title_is_not_found() {
    for path in [
        "/",
        "/film",
        "/.ism",
        "/.mp4/x",
        "/film.is",
        "/film.ismc/x",
        "/ism",
        "/film.mp4x",
    ] {
        no_title(path);
    }
}

#[test]
fn dot_segments_are_refused_raw_or_encoded() {
    for path in [
        "/../film.ism",
        "/a/../film.ism",
        "/%2e%2e/film.ism",
        "/.%2E/film.ism",
        "/film.ism/../../etc/passwd",
        "/film.ism/%2e%2e/x",
        "/./film.ism",
        "/film.ism/.",
        "/film.ism/%2e",
    ] {
        refused(path, Trick::DotSegment);
    }
    check("/.../film.ism/..a", ".../film.ism", "..a");
}

#[test]
fn hidden_slashes_and_backslashes_are_refused() {
    for path in [
        "/a%2fb.ism",
        "/a%2Fb.ism",
        "/a%5cb.ism",
        "/a\\b.ism",
        "/..%2f..%2fetc/x.ism",
        "/..\\x.ism",
    ] {
        refused(path, Trick::HiddenSlash);
    }
}

#[test]
fn control_characters_are_refused() {
    for path in [
        "/film.ism%00",
        "/a%0ab.ism",
        "/a%7f.ism",
        "/a\0.ism",
        "/a%c2%85.ism",
        "/film.ism/\u{1b}",
    ] {
        refused(path, Trick::Control);
    }
}

#[test]
fn broken_encodings_are_refused() {
    for path in ["/a%.ism", "/a%2", "/film.ism/%", "/%zz.ism", "/%u0041.ism"] {
        refused(path, Trick::Escape);
    }
    for path in ["/%ff.ism", "/%c0%ae%c0%ae/film.ism", "/%ed%a0%80.ism"] {
        refused(path, Trick::Encoding);
    }
}

#[test]
fn over_long_and_relative_paths_are_refused() {
    let longest = format!("/{}.ism", "a".repeat(PATH_BYTES_MAX - 5));
    assert!(parse(&longest).is_ok());
    refused(&format!("{longest}/"), Trick::TooLong);
    refused("", Trick::Relative);
    refused("film.ism", Trick::Relative);
    refused("*", Trick::Relative);
}

#[test]
fn a_path_displays_normalised() {
    assert_eq!(
        parse("//my%20film%2eism//a%3f").unwrap().to_string(),
        "/my%20film.ism/a%3F"
    );
    assert_eq!(parse("/film.ism/").unwrap().to_string(), "/film.ism");
}

/// Paths made of what tricks are made of.
fn tricky_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/"),
        Just("//"),
        Just("."),
        Just(".."),
        Just("%2e"),
        Just("%2E"),
        Just("%2f"),
        Just("%5c"),
        Just("\\"),
        Just("%00"),
        Just("%"),
        Just("%25"),
        Just("%c0%ae"),
        Just("film.ism"),
        Just(".mp4"),
        Just("a"),
        Just("é"),
        Just("%c3%a9"),
        Just("?"),
        Just(";"),
        Just("\u{202e}"),
        Just(" "),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn nothing_panics(path in any::<String>()) {
        let _ = parse(&path);
    }

    #[test]
    fn nothing_that_is_let_through_leaves_the_store(path in tricky_path()) {
        if let Ok(parsed) = parse(&path) {
            prop_assert!(!parsed.title.starts_with('/') && !parsed.title.is_empty());
            for segment in parsed.title.split('/').chain(parsed.resource.split('/')) {
                prop_assert!(!matches!(segment, "." | ".."), "{path}");
                prop_assert!(!segment.contains(['\\', '\0']), "{path}");
            }
        }
    }

    #[test]
    fn normalising_twice_changes_nothing(path in tricky_path()) {
        if let Ok(parsed) = parse(&path) {
            let normalised = parsed.to_string();
            prop_assert_eq!(parse(&normalised), Ok(parsed), "{}", path);
        }
    }

    #[test]
    fn encoding_more_than_needed_changes_nothing(path in tricky_path()) {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' => format!("%{byte:02X}"),
            _ => String::from(char::from(byte)),
        };
        // Only of paths without escapes of their own: theirs would be encoded twice.
        if path.is_ascii() && !path.contains('%') {
            let encoded: String = path.bytes().map(encode).collect();
            prop_assert_eq!(parse(&encoded), parse(&path));
        }
    }
}
