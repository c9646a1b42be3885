//! A title served over HTTP and played by `GStreamer`.

#![allow(unreachable_pub, reason = "the test binary is all there is")]

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use strata_media::manifest::smooth::FragmentRequest;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::{self, Folder, Packet};
use crate::title::Title;

/// How long playing may take before it counts as stuck; it takes about a second.
const LIMIT: Duration = Duration::from_secs(60);

/// What came out of the decoders, times in milliseconds.
pub struct Played {
    pub pictures: Vec<Packet>,
    pub sound: Vec<Packet>,
}

/// Plays the title to its end, as fast as it goes.
pub fn play(title: Title) -> Played {
    let folder = Folder::new();
    let out = folder.path("played.mkv");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let missed = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn(serve(listener, Arc::new(title), Arc::clone(&missed)));
        let url = format!("http://{address}/film.ism/manifest");
        let playing = tokio::time::timeout(LIMIT, launch(&url, &out));
        playing.await.expect("GStreamer is stuck");
        server.abort();
        assert_eq!(*missed.lock().unwrap(), Vec::<String>::new(), "paths not found");
    });
    Played {
        pictures: support::packets(&out, "0:v"),
        sound: support::packets(&out, "0:a"),
    }
}

/// Decodes all there is into a file of uncompressed pictures and sound.
async fn launch(url: &str, out: &Path) {
    // Pictures of all renditions in one size: the file has no room for changes.
    let pipeline = format!(
        "uridecodebin uri={url} name=title matroskamux name=mux ! filesink location={} \
         title. ! queue ! videoconvert ! videoscale ! video/x-raw,format=I420,width=96,height=54 ! mux. \
         title. ! queue ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! mux.",
        out.display()
    );
    let output = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("gst-launch-1.0 is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn serve(listener: TcpListener, title: Arc<Title>, missed: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (title, missed) = (Arc::clone(&title), Arc::clone(&missed));
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(&title, request.uri().path()).unwrap_or_else(|| {
                missed.lock().unwrap().push(request.uri().path().to_owned());
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            });
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(title: &Title, path: &str) -> Option<Response<Full<Bytes>>> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let resource = path.strip_prefix("/film.ism/")?;
    let body = if resource == "manifest" {
        title.manifest().into_bytes()
    } else {
        let request = FragmentRequest::parse(resource)?;
        let fragment = title.streams.resolve(&title.presentation, &request)?;
        title.bytes(&fragment, request.noun)
    };
    Some(Response::new(Full::new(Bytes::from(body))))
}
