//! Answers of the admin listener.

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use prometheus::TextEncoder;

use super::purge::{self, Purge};
use super::{Admin, Question};
use crate::headers;
use crate::shutdown::Shutdown;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The Prometheus text exposition format, version 0.0.4.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers one request. Bodies of requests are not read.
pub(super) async fn answer(request: &Parts, admin: &Admin, shutdown: &Shutdown) -> Response<Full<Bytes>> {
    let path = request.uri.path();
    if let ("/purge", Some(purge)) = (path, &admin.purge) {
        return answer_purge(request, purge).await;
    }
    if !matches!(path, "/healthz" | "/readyz" | "/metrics") {
        let question = Question {
            method: &request.method,
            path,
            query: request.uri.query().unwrap_or_default(),
            authorization: request.headers.get(AUTHORIZATION),
        };
        return match admin.pages.answer(&question) {
            Some(page) => respond(
                page.status,
                HeaderValue::from_static(page.content_type),
                page.body,
            ),
            None => absent(admin),
        };
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        return not_allowed(HeaderValue::from_static("GET, HEAD"));
    }
    match path {
        "/metrics" => metrics(admin),
        "/readyz" => {
            let mut response = readyz(admin, shutdown);
            let load = admin
                .pages
                .load()
                .map(|load| HeaderValue::try_from(load.to_string()));
            if let Some(Ok(load)) = load {
                response.headers_mut().insert(headers::LOAD, load);
            }
            response
        }
        _ => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
    }
}

async fn answer_purge(request: &Parts, purge: &Purge) -> Response<Full<Bytes>> {
    if request.method != Method::POST {
        return not_allowed(HeaderValue::from_static("POST"));
    }
    if let Err((status, text)) = purge.allows(&request.headers) {
        let mut response = respond(status, TEXT, text.to_owned());
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        return response;
    }
    match purge::select(request.uri.query()) {
        Err(text) => respond(StatusCode::BAD_REQUEST, TEXT, text.to_owned()),
        Ok(selection) => {
            let text = format!("purged {selection}\n");
            tracing::info!(%selection, "purged");
            (purge.handler)(selection).await;
            respond(StatusCode::OK, TEXT, text)
        }
    }
}

fn not_allowed(allowed: HeaderValue) -> Response<Full<Bytes>> {
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, String::new());
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn absent(admin: &Admin) -> Response<Full<Bytes>> {
    let mut text = "try /healthz, /readyz, /metrics".to_owned();
    for path in admin.pages.paths() {
        text.push_str(", ");
        text.push_str(path);
    }
    respond(StatusCode::NOT_FOUND, TEXT, text + "\n")
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
