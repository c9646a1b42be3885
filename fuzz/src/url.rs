//! Request targets: the path and the query of a URL.

use strata_origin::http::title_of;

/// Reads a request target; a title it names is nothing but a place below the store's
/// root.
pub fn run(data: &[u8]) {
    let Ok(target) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    match title_of(path, query) {
        Ok(title) => {
            let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
            assert!(title.split('/').all(is_plain), "{title:?}");
            assert!(
                !title.contains('\\') && !title.chars().any(char::is_control),
                "{title:?}"
            );
        }
        Err(status) => assert!(matches!(status.as_u16(), 400 | 404), "{status}"),
    }
}
