//! Answers of the admin listener.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use prometheus::TextEncoder;

use super::Admin;
use crate::shutdown::Shutdown;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The Prometheus text exposition format, version 0.0.4.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers one request. Bodies of requests are not read.
pub(super) fn answer<B>(request: &Request<B>, admin: &Admin, shutdown: &Shutdown) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
        return respond(
            StatusCode::NOT_FOUND,
            TEXT,
            "try /healthz, /readyz or /metrics\n".to_owned(),
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, String::new());
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/metrics" => metrics(admin),
        "/readyz" => readyz(admin, shutdown),
        _ => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
    }
}

fn readyz(admin: &Admin, shutdown: &Shutdown) -> Response<Full<Bytes>> {
    let mut reasons = admin.readiness.reasons();
    if shutdown.is_draining() {
        reasons.push("node: draining".to_owned());
    }
    if reasons.is_empty() {
        respond(StatusCode::OK, TEXT, "ready\n".to_owned())
    } else {
        respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n")
    }
}

fn metrics(admin: &Admin) -> Response<Full<Bytes>> {
    match TextEncoder::new().encode_to_string(&admin.registry.gather()) {
        Ok(text) => respond(StatusCode::OK, METRICS, text),
        Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn respond(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
