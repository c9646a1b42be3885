//! The page and its small API, for this machine's browser only.
//!
//! `GET /api/demo` says what there is; `GET /api/events` sends a sample a second;
//! `POST /api/nodes/{name}/{kill|start}` and `POST /api/audience/{viewers}` act.

mod files;
mod guard;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::audience::{Audience, VIEWERS_MAX, dash_url, hls_url};
use crate::fleet::{Action, Order};
use crate::sampler::Snapshot;
use crate::topology::{Role, Topology};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything the page shows and may do.
pub(crate) struct Page {
    pub(crate) address: SocketAddr,
    pub(crate) files: PathBuf,
    pub(crate) topology: Arc<Topology>,
    pub(crate) titles: Vec<String>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) snapshots: watch::Receiver<Snapshot>,
    pub(crate) audience: Arc<Audience>,
}

/// Serves until the future is dropped, and its connections with it.
pub(crate) async fn serve(listener: TcpListener, page: Page) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let page = Arc::new(page);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let page = Arc::clone(&page);
        let service = service_fn(move |request| {
            let page = Arc::clone(&page);
            async move { Ok::<_, Infallible>(page.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a page's connection ended early: {error}");
            }
        });
    }
}

impl Page {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = guard::check(&request, self.address) {
            return text(StatusCode::FORBIDDEN, refusal);
        }
        let path = request.uri().path();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["api", "demo"]) => json_response(StatusCode::OK, &self.describe()),
            (&Method::GET, ["api", "events"]) => self.events(),
            (&Method::POST, ["api", "nodes", name, "kill"]) => self.order(name, Action::Kill).await,
            (&Method::POST, ["api", "nodes", name, "start"]) => self.order(name, Action::Start).await,
            (&Method::POST, ["api", "audience", viewers]) => self.invite(viewers),
            (&Method::GET, _) => files::answer(&self.files, path).await,
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    /// What does not change while the demo runs.
    fn describe(&self) -> Value {
        let balancer = self.topology.balancer_url();
        let titles: Vec<Value> = self
            .titles
            .iter()
            .map(|title| json!({ "name": title, "dash": dash_url(&balancer, title), "hls": hls_url(&balancer, title) }))
            .collect();
        let origins: Vec<Value> = self
            .topology
            .nodes
            .iter()
            .filter_map(|node| match node.role {
                Role::Balancer => None,
                Role::Origin { zone } => Some(json!({
                    "name": node.name,
                    "zone": zone,
                    "address": node.ports.listen.to_string(),
                    "admin": format!("http://{}", node.ports.admin),
                })),
            })
            .collect();
        json!({ "balancer": balancer, "titles": titles, "origins": origins, "viewersMax": VIEWERS_MAX })
    }

    /// Server-sent events (WHATWG HTML §9.2): the latest sample, then each new one.
    fn events(&self) -> Response<Body> {
        let mut snapshots = self.snapshots.clone();
        snapshots.mark_changed();
        let events = stream::unfold(snapshots, |mut snapshots| async {
            snapshots.changed().await.ok()?;
            let data = serde_json::to_string(&*snapshots.borrow_and_update()).unwrap_or_default();
            Some((format!("data: {data}\n\n"), snapshots))
        });
        let frames = events.map(|event| Ok(Frame::data(Bytes::from(event))));
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn order(&self, name: &str, action: Action) -> Response<Body> {
        let node = self
            .topology
            .index_of(name)
            .and_then(|index| Some((index, self.topology.nodes.get(index)?)));
        let Some((index, node)) = node else {
            return text(StatusCode::NOT_FOUND, "there is no such node");
        };
        if action == Action::Kill && node.role == Role::Balancer {
            return text(StatusCode::CONFLICT, "there is only one balancer");
        }
        let (done, answer) = oneshot::channel();
        if self.orders.try_send(Order { index, action, done }).is_err() {
            return text(StatusCode::SERVICE_UNAVAILABLE, "too many orders are waiting");
        }
        match answer.await {
            Ok(Ok(())) => text(StatusCode::OK, "done"),
            Ok(Err(reason)) => text(StatusCode::CONFLICT, reason),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the demo is stopping"),
        }
    }

    fn invite(&self, viewers: &str) -> Response<Body> {
        match viewers.parse() {
            Ok(viewers) if viewers <= VIEWERS_MAX => {
                self.audience.invite(viewers);
                text(StatusCode::OK, "done")
            }
            _ => text(
                StatusCode::BAD_REQUEST,
                format!("viewers go from 0 to {VIEWERS_MAX}"),
            ),
        }
    }
}

fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn text(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    full(
        status,
        "text/plain; charset=utf-8",
        format!("{}\n", message.into()),
    )
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    full(status, "application/json", value.to_string())
}
