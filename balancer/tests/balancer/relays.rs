//! The small print of HTTP/1: what is said before an answer, how it is framed,
//! and whether the connection goes on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::raw;
use crate::origin::{Act, Film, answer};
use crate::stage::{PATIENCE, Stage};

/// Sends these bytes and reads until what came ends so; the connection stays.
async fn exchange(stream: &mut TcpStream, bytes: &str, end: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read = async {
        while !got.ends_with(end.as_bytes()) {
            got.push(stream.read_u8().await.unwrap());
        }
    };
    if tokio::time::timeout(PATIENCE, read).await.is_err() {
        panic!("{end:?} never came: {:?}", String::from_utf8_lossy(&got));
    }
    String::from_utf8(got).unwrap()
}

async fn connect(stage: &Stage) -> TcpStream {
    TcpStream::connect(stage.address).await.unwrap()
}

const GET: &str = "GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n";

#[tokio::test]
async fn what_an_origin_says_before_its_answer_passes() {
    let stage = Stage::new(1).await;
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
    stage.origins[0].act(Act::Send(format!("{early}{}", answer("200 OK", "", "body"))));
    let mut stream = connect(&stage).await;
    for _ in 0..2 {
        let got = exchange(&mut stream, GET, "body").await.to_ascii_lowercase();
        let (first, rest) = got.split_once("\r\n\r\n").unwrap();
        assert_eq!(first, "http/1.1 103 early hints\r\nlink: </a>; rel=preload");
        assert!(rest.starts_with("http/1.1 200 ok\r\n"), "{rest}");
    }
    // A client of HTTP/1.0 knows nothing of such.
    let old = raw(stage.address, "GET /film.ism HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.1 200 ") && !old.contains("103"), "{old}");
    // Nobody asked for another protocol.
    stage.origins[0].act(Act::SendAndClose(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".to_owned(),
    ));
    let upgrade = "GET /film.ism HTTP/1.1\r\nhost: t\r\nupgrade: x\r\nconnection: upgrade, close\r\n\r\n";
    let refused = raw(stage.address, upgrade).await;
    assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
    let seen = stage.origins[0].requests().pop().unwrap().to_ascii_lowercase();
    assert!(!seen.contains("upgrade"), "{seen}");
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn chunks_pass_without_their_trailers_and_the_connection_goes_on() {
    let stage = Stage::new(1).await;
    let large = "y".repeat(200_000);
    let text = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         4;q=1\r\nbody\r\n{:x}\r\n{large}\r\n0\r\nx-sum: 1\r\n\r\n",
        large.len()
    );
    stage.origins[0].act(Act::Send(text));
    let mut stream = connect(&stage).await;
    for _ in 0..2 {
        let got = exchange(&mut stream, GET, "\r\n0\r\n\r\n").await;
        let (head, mut rest) = got.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("transfer-encoding: chunked")
                && !head.contains("content-length")
                && !head.contains("trailer"),
            "{head}"
        );
        let mut body = String::new();
        loop {
            let (size, after) = rest.split_once("\r\n").unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            body.push_str(&after[..size]);
            rest = &after[size + 2..];
        }
        assert!(body == format!("body{large}"));
    }
    stage.comes_to_rest().await;
    let line = stage.finish().await.pop().unwrap();
    assert_eq!(line["bytes"], 200_004);
}

#[tokio::test]
async fn a_connection_outlives_what_is_refused_and_what_has_no_body() {
    let stage = Stage::new(1).await;
    let mut stream = connect(&stage).await;
    let refused = exchange(
        &mut stream,
        "PUT /film.ism HTTP/1.1\r\nhost: t\r\n\r\n",
        "served\n",
    )
    .await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    let tricked = exchange(
        &mut stream,
        "GET /../film.ism HTTP/1.1\r\nhost: t\r\n\r\n",
        "path\n",
    )
    .await;
    assert!(tricked.starts_with("HTTP/1.1 400 "), "{tricked}");
    let head = exchange(
        &mut stream,
        "HEAD /film.ism HTTP/1.1\r\nhost: t\r\n\r\n",
        "\r\n\r\n",
    )
    .await;
    assert!(
        head.to_ascii_lowercase().contains("content-length: 1\r\n"),
        "{head}"
    );
    stage.origins[0].next(Act::Send(
        "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n".to_owned(),
    ));
    let same = exchange(&mut stream, GET, "\r\n\r\n").await;
    assert!(same.starts_with("HTTP/1.1 304 "), "{same}");
    stage.origins[0].next(Act::Send(answer("404 Not Found", "", "none")));
    assert!(
        exchange(&mut stream, GET, "none")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    let patient = "GET /film.ism HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n";
    let got = exchange(&mut stream, patient, "\r\n\r\na").await;
    assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_even_if_the_origin_sends_one() {
    let stage = Stage::new(1).await;
    stage.origins[0].act(Act::Send(answer("200 OK", "", "HTTP/1.1 200 OK\r\n\r\n")));
    let mut stream = connect(&stage).await;
    let request = "HEAD /film.ism HTTP/1.1\r\nhost: t\r\n\r\n";
    for _ in 0..3 {
        let got = exchange(&mut stream, request, "\r\n\r\n").await;
        assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
        stage.comes_to_rest().await;
    }
    // What came unasked is not taken for the next answer: each went over a connection of its own.
    stage
        .counts("strata_balancer_attempts_total", &[("ending", "answered")], 3.0)
        .await;
}

#[tokio::test]
async fn a_client_of_http_1_0_may_keep_its_connection() {
    let stage = Stage::new(1).await;
    let mut stream = connect(&stage).await;
    for _ in 0..2 {
        let request = "GET /film.ism HTTP/1.0\r\nconnection: keep-alive\r\n\r\n";
        let got = exchange(&mut stream, request, "\r\n\r\na").await;
        assert!(
            got.to_ascii_lowercase().contains("connection: keep-alive\r\n"),
            "{got}"
        );
    }
    let closed = raw(stage.address, "GET /film.ism HTTP/1.0\r\n\r\n").await;
    assert!(
        closed.to_ascii_lowercase().contains("connection: close\r\n"),
        "{closed}"
    );
}

#[tokio::test]
async fn many_requests_may_be_sent_before_an_answer_is_read() {
    let stage = Stage::new(1).await;
    let body = "0123456789".repeat(20_000);
    stage.all(Act::Film(Film {
        body: body.as_str().into(),
        etag: "\"x\"",
        dies_after: None,
        stalls: false,
        headers: "",
    }));
    let last = "GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    let answers = raw(stage.address, &format!("{}{last}", GET.repeat(9))).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 10);
    assert_eq!(answers.matches(&body).count(), 10);
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn what_a_client_says_of_its_connection_stays_there() {
    let stage = Stage::new(1).await;
    let request = "GET http://film.test/a.ism?b HTTP/1.1\r\nhost: other\r\nconnection: x-own, host, close\r\n\
                   x-own: 1\r\nx-forwarded-for: 1.2.3.4\r\ntrailer: x\r\nte: trailers\r\nproxy-authorization: secret\r\n\r\n";
    assert!(raw(stage.address, request).await.starts_with("HTTP/1.1 200 "));
    let seen = stage.origins[0].requests().pop().unwrap().to_ascii_lowercase();
    assert!(seen.starts_with("get /a.ism?b http/1.1\r\n"), "{seen}");
    assert!(seen.contains("\r\nhost: film.test\r\n"), "{seen}");
    assert!(seen.contains("\r\nx-forwarded-for: 1.2.3.4\r\n"), "{seen}");
    for name in ["x-own", "connection", "trailer", "te", "proxy-authorization"] {
        assert!(!seen.contains(&format!("\r\n{name}:")), "{seen}");
    }
}

#[tokio::test]
async fn large_heads_pass_and_endless_ones_do_not() {
    let stage = Stage::with(1, "clients: { head_size: 64KiB }\n").await;
    let field = format!("x-large: {}\r\n", "z".repeat(50_000));
    stage.origins[0].act(Act::Send(answer("200 OK", &field, "body")));
    let got = raw(
        stage.address,
        &format!("GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{field}\r\n"),
    )
    .await;
    assert!(
        got.starts_with("HTTP/1.1 200 ") && got.contains(&field),
        "{}",
        got.len()
    );
    let seen = stage.origins[0].requests().pop().unwrap();
    assert!(seen.contains(&"z".repeat(50_000)));
    stage.origins[0].act(Act::Send(format!("HTTP/1.1 200 OK\r\n{}", field.repeat(20))));
    let got = raw(
        stage.address,
        "GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn answers_that_two_programs_could_read_differently_are_none() {
    for fields in [
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: -4\r\n",
        "content-length: 4, 5\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "x: y\r\n folded: z\r\ncontent-length: 4\r\n",
        "x : y\r\ncontent-length: 4\r\n",
    ] {
        let stage = Stage::new(1).await;
        stage.origins[0].act(Act::Send(format!("HTTP/1.1 200 OK\r\n{fields}\r\nbody")));
        let got = raw(
            stage.address,
            "GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        )
        .await;
        assert!(got.starts_with("HTTP/1.1 502 "), "{fields}: {got}");
        stage.comes_to_rest().await;
        // One length beside chunks is none: the chunks are what counts. RFC 9112 §6.3.
        stage.origins[0].act(Act::Send(
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n".to_owned(),
        ));
        let got = raw(
            stage.address,
            "GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        )
        .await;
        assert!(
            got.ends_with("4\r\nbody\r\n0\r\n\r\n") && !got.to_ascii_lowercase().contains("content-length"),
            "{got}"
        );
    }
}

#[tokio::test]
async fn bodies_of_every_size_arrive_whole_in_memory_and_past_it() {
    let stage = Stage::new(1).await;
    for size in [0, 1, 8_191, 8_192, 65_535, 65_536, 65_537, 300_000, 3_000_000] {
        let body: String = (0..size)
            .map(|place| char::from(b'a' + u8::try_from(place % 23).unwrap()))
            .collect();
        stage.origins[0].act(Act::Send(answer("200 OK", "", &body)));
        let got = raw(
            stage.address,
            "GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n",
        )
        .await;
        let (_, whole) = got.split_once("\r\n\r\n").unwrap();
        assert!(whole == body, "{size}: {}", whole.len());
    }
    stage.comes_to_rest().await;
}
