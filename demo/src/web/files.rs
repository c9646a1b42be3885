//! The page's files, as its build left them.

use std::path::Path;

use http::{HeaderValue, Response, StatusCode, header};

use super::{Body, full, text};

/// What the page may load: its own files, and media from any port of this
/// machine, where the balancer is. A player makes its track of subtitles of `data:`.
const POLICY: &str = "default-src 'self'; connect-src 'self' http://127.0.0.1:* http://localhost:*; \
    media-src 'self' blob: data: http://127.0.0.1:* http://localhost:*; worker-src 'self' blob:; img-src 'self' data:; \
    style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The file at a path; `/` is `index.html`.
pub(super) async fn answer(folder: &Path, path: &str) -> Response<Body> {
    let name = match path.strip_prefix('/') {
        Some("") => "index.html",
        Some(name) => name,
        None => return text(StatusCode::NOT_FOUND, "there is nothing here"),
    };
    // The build puts every file directly into one folder.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(plain) || name.starts_with('.') {
        return text(StatusCode::NOT_FOUND, "there is nothing here");
    }
    match tokio::fs::read(folder.join(name)).await {
        Ok(bytes) => {
            let mut response = full(StatusCode::OK, content_type(name), bytes);
            response
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            response
        }
        Err(_) => text(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("map" | "json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status(path: &str) -> u16 {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page");
        std::fs::create_dir(&page).unwrap();
        std::fs::write(page.join("index.html"), "<!doctype html>").unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        answer(&page, path).await.status().as_u16()
    }

    #[tokio::test]
    async fn files_of_the_page_are_served_and_nothing_outside() {
        assert_eq!(status("/").await, 200);
        assert_eq!(status("/index.html").await, 200);
        assert_eq!(status("/absent.js").await, 404);
        assert_eq!(status("/../secret").await, 404);
        assert_eq!(status("/..%2fsecret").await, 404);
        assert_eq!(status("//etc/passwd").await, 404);
    }
}
