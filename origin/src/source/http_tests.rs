use super::super::web_server::{Habits, WebServer};
use super::*;

fn config(host: &str) -> HttpConfig {
    HttpConfig {
        hosts: vec![host.parse().unwrap()],
        private_addresses: true,
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(2),
        attempts_max: 1,
    }
}

async fn server() -> (WebServer, HttpSource) {
    let server = WebServer::start().await;
    server.put("film.mp4", b"0123456789");
    let source = HttpSource::new(config(&server.address().to_string())).unwrap();
    (server, source)
}

#[tokio::test]
async fn only_the_hosts_that_are_named_are_asked() {
    let (server, _) = server().await;
    let url = server.url("film.mp4");
    let elsewhere = HttpSource::new(config("cdn.example.com")).unwrap();
    let fault = elsewhere.open(&url, 4).await.unwrap_err().fault;
    assert!(matches!(fault, SourceFault::Denied { .. }), "{fault}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn private_addresses_are_not_connected_to_unless_that_is_allowed() {
    let (server, _) = server().await;
    let port = server.address().port();
    for host in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
    ] {
        let config = HttpConfig {
            private_addresses: false,
            ..config(&host)
        };
        let source = HttpSource::new(config).unwrap();
        let fault = source
            .open(&format!("http://{host}/film.mp4"), 4)
            .await
            .unwrap_err()
            .fault;
        assert!(matches!(fault, SourceFault::Denied { .. }), "{host}: {fault}");
    }
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, source) = server().await;
    for status in [
        StatusCode::FOUND,
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::TEMPORARY_REDIRECT,
    ] {
        server.behave(Habits {
            status: Some(status),
            ..Habits::default()
        });
        let fault = source.open(&server.url("film.mp4"), 4).await.unwrap_err().fault;
        assert!(matches!(fault, SourceFault::Denied { .. }), "{fault}");
    }
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_server_that_ignores_preconditions_cannot_slip_other_bytes_in() {
    let (server, source) = server().await;
    for has_no_etags in [false, true] {
        server.behave(Habits {
            ignores_preconditions: true,
            has_no_etags,
            ..Habits::default()
        });
        server.put("film.mp4", b"0123456789");
        let url = server.url("film.mp4");
        let old = source.head(&url).await.unwrap();
        assert_eq!(
            source
                .read(&url, &old.version, 2..4)
                .await
                .unwrap()
                .bytes()
                .as_ref(),
            b"23"
        );
        server.put("film.mp4", b"abcdefghij");
        let fault = source.read(&url, &old.version, 2..4).await.unwrap_err().fault;
        assert_eq!(fault, SourceFault::Changed);
    }
}

#[tokio::test]
async fn a_server_without_ranges_serves_small_files_only() {
    let (server, source) = server().await;
    server.behave(Habits {
        ignores_ranges: true,
        ..Habits::default()
    });
    let url = server.url("film.mp4");
    assert_eq!(
        source.open(&url, 64).await.unwrap().head.bytes().as_ref(),
        b"0123456789"
    );
    let meta = source.head(&url).await.unwrap();
    for fault in [
        source.open(&url, 4).await.unwrap_err().fault,
        source.read(&url, &meta.version, 2..4).await.unwrap_err().fault,
    ] {
        assert!(matches!(fault, SourceFault::Broken { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_serve_is_asked_again_a_few_times() {
    let (server, _) = server().await;
    let host = server.address().to_string();
    let source = HttpSource::new(HttpConfig {
        attempts_max: 3,
        ..config(&host)
    })
    .unwrap();
    server.behave(Habits {
        failures: 2,
        ..Habits::default()
    });
    assert_eq!(
        source.open(&server.url("film.mp4"), 64).await.unwrap().meta.size,
        10
    );
    assert_eq!(server.requests(), 3);
    server.behave(Habits {
        failures: 3,
        ..Habits::default()
    });
    let fault = source.open(&server.url("film.mp4"), 64).await.unwrap_err().fault;
    assert!(matches!(fault, SourceFault::Unavailable { .. }), "{fault}");
    server.behave(Habits {
        status: Some(StatusCode::FORBIDDEN),
        ..Habits::default()
    });
    let fault = source.open(&server.url("film.mp4"), 64).await.unwrap_err().fault;
    assert!(matches!(fault, SourceFault::Denied { .. }), "{fault}");
    assert_eq!(server.requests(), 7, "what would be the same again is asked once");
}
