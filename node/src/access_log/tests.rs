use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

fn lines(registry: &Registry, outcome: &str) -> f64 {
    let families = registry.gather();
    let family = families
        .iter()
        .find(|family| family.name() == "strata_access_log_lines_total")
        .unwrap();
    let metric = family
        .get_metric()
        .iter()
        .find(|metric| metric.get_label()[0].value() == outcome)
        .unwrap();
    metric.get_counter().get_value()
}

/// A sink that says when a write begins, and waits to be told to go on.
struct Gate {
    began: Sender<()>,
    go_on: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.began.send(()).map_err(io::Error::other)?;
        self.go_on.recv().map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_line_is_one_json_object_appended_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    std::fs::write(&path, "before\n").unwrap();
    let registry = Registry::new();
    let log = AccessLog::start(&Destination::File(path.clone()), &registry).unwrap();
    log.write(&serde_json::json!({ "path": "/a\nb", "status": 200 }));
    log.clone().write(&serde_json::json!({ "status": 404 }));
    assert!(log.flush(LIMIT));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "before\n{\"path\":\"/a\\nb\",\"status\":200}\n{\"status\":404}\n"
    );
    assert_eq!(lines(&registry, "written"), 2.0);
}

#[test]
fn a_file_that_was_rotated_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (
        folder.path().join("access.log"),
        folder.path().join("access.log.1"),
    );
    let log = AccessLog::start(&Destination::File(path.clone()), &Registry::new()).unwrap();
    log.write(&1);
    assert!(log.flush(LIMIT));
    std::fs::rename(&path, &old).unwrap();
    log.write(&2);
    assert!(log.flush(LIMIT));
    let read = |path| std::fs::read_to_string(path).unwrap();
    assert_eq!((read(&old), read(&path)), ("1\n".to_owned(), "2\n".to_owned()));
}

#[test]
fn lines_that_find_the_queue_full_are_dropped_and_counted() {
    let (began, has_begun) = channel();
    let (open, go_on) = channel();
    let registry = Registry::new();
    let log = AccessLog::to_sink(Box::new(Gate { began, go_on }), &registry).unwrap();
    log.write(&1);
    has_begun.recv().unwrap();
    // The writer holds the first line, so exactly the queue's length fits behind it.
    for _ in 0..QUEUE_LINES_MAX + 3 {
        log.write(&2);
    }
    assert_eq!(lines(&registry, "dropped"), 3.0);
    assert!(!log.flush(Duration::ZERO), "a full queue has no room to wait in");
    drop(open);
}

#[test]
fn a_line_that_is_too_long_is_dropped_whole() {
    let registry = Registry::new();
    let log = AccessLog::to_sink(Box::new(io::sink()), &registry).unwrap();
    log.write(&"x".repeat(LINE_BYTES_MAX));
    log.write(&"x");
    assert!(log.flush(LIMIT));
    assert_eq!(
        (lines(&registry, "dropped"), lines(&registry, "written")),
        (1.0, 1.0)
    );
}

#[test]
fn lines_that_the_system_refuses_are_counted() {
    let (began, has_begun) = channel();
    drop(has_begun);
    let (_open, go_on) = channel();
    let registry = Registry::new();
    let log = AccessLog::to_sink(Box::new(Gate { began, go_on }), &registry).unwrap();
    log.write(&1);
    assert!(log.flush(LIMIT));
    assert_eq!(lines(&registry, "failed"), 1.0);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none").join("access.log");
    let error = AccessLog::start(&Destination::File(path.clone()), &Registry::new()).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()));
}

#[test]
fn off_writes_nothing_and_counts_nothing() {
    let registry = Registry::new();
    let log = AccessLog::start(&Destination::Off, &registry).unwrap();
    log.write(&1);
    assert!(log.flush(Duration::ZERO));
    assert_eq!(
        (lines(&registry, "written"), lines(&registry, "dropped")),
        (0.0, 0.0)
    );
}

#[test]
fn destinations_are_words_or_paths() {
    assert_eq!(Destination::from_scalar("stdout"), Ok(Destination::Stdout));
    assert_eq!(Destination::from_scalar("off"), Ok(Destination::Off));
    assert_eq!(
        Destination::from_scalar("/var/log/x"),
        Ok(Destination::File("/var/log/x".into()))
    );
    assert!(Destination::from_scalar("").is_err());
}
