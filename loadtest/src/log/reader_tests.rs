//! Every format, and what is broken.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Reads `text` as a file.
fn logs(text: &[u8]) -> Result<Logs, LogError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    read(&[file.path().display().to_string()], None, None)
}

fn entries(text: &str) -> Vec<Entry> {
    let logs = logs(text.as_bytes()).unwrap();
    assert_eq!(logs.figures.broken_lines, [], "{text}");
    logs.entries
}

const ORIGIN: &str = r#"{"time":"2025-10-10T13:55:36.500Z","remote":"127.0.0.1:5","method":"GET","path":"/film.ism/dash/a-0.dash?x=1","range":"bytes=0-9","status":206,"ending":"whole","bytes":10,"duration_ms":250.5,"ttfb_ms":1.2,"title":"film.ism","kind":"segment","cache":"hit","hits":1,"misses":0,"joined":0,"store_requests":0,"store_bytes":0,"request_id":"abc"}"#;
const NGINX: &str = r#"10.0.0.1 - - [10/Oct/2025:13:55:36 +0200] "GET /film.ism/.mpd HTTP/1.1" 200 2326 "https://x/" "Mozilla/5.0 (x)""#;
const HAPROXY: &str = r#"Oct 10 13:55:36 lb haproxy[14389]: 10.0.1.2:33317 [10/Oct/2025:13:55:36.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /film.ism/.m3u8 HTTP/1.1""#;
const STANDARD: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken sc-range-start sc-range-end\n\
2025-10-10\t13:55:36\tCDG50\t392\t10.0.0.1\tGET\td111.cloudfront.net\t/film.ism/a-0.dash\t206\t-\tcurl\tq=1\t-\tHit\tid==\tcdn.example.com\thttps\t23\t1.000\t0\t99\n";
const REAL_TIME: &str = "1760104536.250\t10.0.0.1\t10.1.0.1\t0.002\t200\t1000\tGET\thttps\td111.cloudfront.net\t/film.ism/.mpd\t100\tCDG50\tid==\tcdn.example.com\t0.250\tHTTP/2.0\tIPv4\tcurl\t-\t-\t-\n";

#[test]
fn lines_of_strata_are_taken_back_to_when_the_request_arrived() {
    let entry = &entries(ORIGIN)[0];
    assert_eq!(entry.at_us, 1_760_104_536_249_500);
    assert_eq!(entry.path, "/film.ism/dash/a-0.dash?x=1");
    assert_eq!(entry.range.as_deref(), Some("bytes=0-9"));
}

#[test]
fn the_combined_format_has_a_time_zone_and_whole_seconds() {
    let entry = &entries(NGINX)[0];
    assert_eq!(
        (entry.at_us, entry.precision_us),
        (1_760_097_336_000_000, 1_000_000)
    );
    assert_eq!(entry.path, "/film.ism/.mpd");
}

#[test]
fn haproxy_has_milliseconds() {
    let entry = &entries(HAPROXY)[0];
    assert_eq!((entry.at_us, entry.precision_us), (1_760_104_536_655_000, 1000));
    assert_eq!(entry.path, "/film.ism/.m3u8");
}

#[test]
fn cloudfront_says_what_stands_where() {
    let entry = &entries(STANDARD)[0];
    assert_eq!(entry.at_us, 1_760_104_535_000_000);
    assert_eq!(entry.path, "/film.ism/a-0.dash?q=1");
    assert_eq!(entry.host.as_deref(), Some("cdn.example.com"));
    assert_eq!(entry.range.as_deref(), Some("bytes=0-99"));
    let entry = &entries(REAL_TIME)[0];
    assert_eq!(entry.at_us, 1_760_104_536_000_000);
    assert_eq!(entry.path, "/film.ism/.mpd");
}

#[test]
fn gzip_is_recognised_and_one_that_is_cut_short_keeps_what_it_has() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    for number in 0..2000 {
        writeln!(
            packer,
            "{}",
            NGINX.replace(".mpd", &format!("{number}-{}", number * 7919))
        )
        .unwrap();
    }
    let packed = packer.finish().unwrap();
    assert_eq!(logs(&packed).unwrap().entries.len(), 2000);
    let cut = logs(&packed[..packed.len() / 2]).unwrap();
    assert!((1..2000).contains(&cut.entries.len()));
    assert_eq!(cut.figures.broken, 1);
    assert!(
        cut.figures.broken_lines[0]
            .reason
            .contains("the rest cannot be read")
    );
}

#[test]
fn broken_lines_are_counted_and_named_and_the_rest_is_read() {
    let long = "x".repeat(3 * LINE_BYTES_MAX);
    let text = format!(
        "{NGINX}\n10.0.0.1 nonsense\n{long}\n\n{NGINX}\n{}\n",
        NGINX.replace("13:55", "99:55")
    );
    let logs = logs(text.as_bytes()).unwrap();
    assert_eq!(
        (logs.figures.requests, logs.figures.skipped, logs.figures.broken),
        (2, 1, 3)
    );
    let lines: Vec<u64> = logs.figures.broken_lines.iter().map(|line| line.line).collect();
    assert_eq!(lines, [2, 3, 6]);
}

#[test]
fn requests_that_change_something_are_not_repeated() {
    let text = format!("{}\n{NGINX}\n", NGINX.replace("GET", "POST"));
    let logs = logs(text.as_bytes()).unwrap();
    assert_eq!((logs.figures.requests, logs.figures.skipped), (1, 1));
}

#[test]
fn a_log_without_a_request_is_refused_with_its_first_broken_line() {
    let error = logs(b"hello\n").unwrap_err().to_string();
    assert!(
        error.contains("no request in") && error.contains("line 1 of"),
        "{error}"
    );
    assert!(logs(b"").is_err());
    let error = read(&["/none/x.log".to_owned()], None, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("/none/x.log"), "{error}");
}

#[test]
fn entries_of_several_files_are_merged_by_their_times() {
    let text = format!("{}\n{NGINX}\n", NGINX.replace("13:55:36", "13:55:37"));
    let times: Vec<i64> = entries(&text)
        .iter()
        .map(|entry| entry.at_us % 100_000_000)
        .collect();
    assert_eq!(times, [36_000_000, 37_000_000]);
}
