//! Pingora's way through a request: thin, what it decides is decided elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{HeaderValue, Method, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use strata_node::access_log::AccessLog;
use strata_node::headers;

use crate::access::{self, Line};
use crate::attempt::{Ending, Failure};
use crate::check::said_load;
use crate::exchange::Exchange;
use crate::front::head::Refusal;
use crate::metrics::{Metrics, Outcome};
use crate::observe::Evidence;
use crate::peer::peer;
use crate::pool::Pool;
use crate::reply::{self, Reply};
use crate::resume::{self, Resumable};
use crate::rules::Context;
use crate::settings::Settings;
use crate::trace;
use strata_node::request_id;

/// How the balancer names itself in `Via`, with the version that it was asked in. RFC 9110 §7.6.3.
fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_2 => "2.0 strata",
        Version::HTTP_10 => "1.0 strata",
        _ => "1.1 strata",
    })
}

/// Fields that concern one connection only and are not passed on. RFC 9110 §7.6.1.
///
/// `Connection` itself pingora sets, `Transfer-Encoding` it keeps in step with the body.
const HOP_BY_HOP: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

/// What a request needs to know of the balancer. Clones are the same.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) pool: Arc<Pool>,
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: AccessLog,
    /// Set when the balancer wants its clients to leave.
    pub(crate) leaving: Arc<AtomicBool>,
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new(self.settings.load_full())
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<()> {
        exchange.settings.budget.request();
        exchange.request_id = request_id::keep_or_make(session.get_header(request_id::HEADER));
        if trace::given(&session.req_header().headers).is_none() {
            exchange.trace = Some(trace::begin(&exchange.request_id));
        }
        session.set_pipelining_enabled(true);
        session.set_write_timeout(Some(exchange.settings.clients.send));
        // Only a connection that the client wants to keep: HTTP/1.0 has to ask for it.
        if session.get_keepalive().is_some() {
            let leaving = self.leaving.load(Ordering::Relaxed);
            session.set_keepalive((!leaving).then_some(exchange.settings.clients.idle.as_secs().max(1)));
        }
        Ok(())
    }

    /// Refuses what no origin should see. True: an answer has been sent.
    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        let reply = match self.admit(session, exchange) {
            Ok(()) => return Ok(false),
            Err(reply) => reply,
        };
        exchange.outcome = Some(Outcome::Refused);
        reply.send(session, exchange).await?;
        Ok(true)
    }

    /// Chooses the node of the next attempt.
    async fn upstream_peer(&self, _: &mut Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
        let none = || Error::explain(ErrorType::HTTPStatus(503), "no origin is left to ask").into_in();
        let key = exchange.key.ok_or_else(none)?;
        let time_left = exchange.time_left().ok_or_else(none)?;
        let pick = self.pool.pick(key, exchange.tried()).ok_or_else(none)?;
        let generation = pick.node.generation();
        let peer = peer(&pick.node, generation, &exchange.settings.timeouts, time_left);
        exchange.begin(pick, generation, &self.metrics);
        Ok(peer)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        request.insert_header(request_id::HEADER, exchange.request_id.clone())?;
        request.append_header(header::VIA, via(session.req_header().version))?;
        if let Some(trace) = &exchange.trace {
            request.insert_header(trace::PARENT, trace.clone())?;
            request.remove_header(&trace::STATE);
        }
        let rules = &exchange.settings.headers;
        rules.apply_to_request(request, context(session, exchange))?;
        if let Some(rest) = exchange.rest() {
            for name in &resume::NOT_FOR_THE_REST {
                request.remove_header(name);
            }
            request.insert_header(header::RANGE, rest.range())?;
            request.insert_header(header::IF_MATCH, rest.etag())?;
        }
        Ok(())
    }

    /// Looks at an origin's answer before any of it goes to the client: here
    /// is the last chance to ask another one.
    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        if response.status.is_informational() {
            return Ok(());
        }
        if let (Some(load), Some(node)) = (said_load(&response.headers), exchange.node()) {
            self.pool.hear_load(node, load);
        }
        response.remove_header(headers::LOAD);
        let status = response.status.as_u16();
        let hold_back = |context| Err(Error::explain(ErrorType::HTTPStatus(status), context).into_up());
        if let Some(rest) = exchange.rest() {
            if exchange.is_retried(status) {
                return hold_back("no rest of an answer");
            }
            if !rest.begins_with(response.status, &response.headers) {
                return Err(
                    Error::explain(ErrorType::InvalidHTTPHeader, "not the rest of the answer").into_up(),
                );
            }
            exchange.answer_goes_on();
            // pingora knows that a head has been sent, and sends this one's body only.
            return Ok(());
        }
        let fault = response.headers.get(headers::FAULT);
        let source_fault = fault.is_some_and(|fault| fault.as_bytes() == headers::FAULT_SOURCE.as_bytes());
        let failure = Failure::Status(status);
        if exchange.is_retried(status) && !source_fault && self.may_ask_another(exchange, failure) {
            return hold_back("held back to ask another origin");
        }
        if !is_framed(session.req_header(), response) {
            // Such a body ends when the connection does, however that comes about.
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "a body of unknown length").into_up());
        }
        let method = &session.req_header().method;
        exchange.answer_begins(
            source_fault,
            Resumable::of(method, response.status, &response.headers),
        );
        strip_hop_by_hop(response);
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        if response.status.is_informational() {
            return Ok(());
        }
        response.insert_header(request_id::HEADER, exchange.request_id.clone())?;
        if exchange.settings.identify {
            reply::identify(response, exchange)?;
        }
        let rules = &exchange.settings.headers;
        rules.apply_to_response(response, context(session, exchange))
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        exchange: &mut Exchange,
        error: Box<Error>,
    ) -> Box<Error> {
        self.attempt_failed(session, exchange, error, false)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        exchange: &mut Exchange,
        reused: bool,
    ) -> Box<Error> {
        self.attempt_failed(session, exchange, error, reused)
    }

    /// Answers a request that no origin has.
    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy
    where
        Exchange: Send + Sync,
    {
        exchange.end(Ending::Abandoned);
        let mut status = access::CLIENT_GONE;
        if *error.esource() == ErrorSource::Downstream {
            exchange.outcome = Some(Outcome::ClientGone);
        } else if has_answered(session) {
            // pingora closes the connection, so that what has been sent does not look whole.
            exchange.outcome = Some(Outcome::Truncated);
        } else {
            let failure_status = exchange.last_failure().map(Failure::status);
            status = exchange
                .last_status()
                .or(failure_status)
                .unwrap_or(match error.etype() {
                    ErrorType::HTTPStatus(status) => *status,
                    _ => 500,
                });
            exchange.outcome = Some(Outcome::Exhausted);
            session.set_keepalive(None);
            if Reply::exhausted(status).send(session, exchange).await.is_err() {
                exchange.outcome = Some(Outcome::ClientGone);
            }
        }
        FailToProxy {
            error_code: status,
            can_reuse_downstream: false,
        }
    }

    /// The one place where every request ends.
    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        let status = session
            .response_written()
            .map_or(access::CLIENT_GONE, |head| head.status.as_u16());
        let told = exchange.ended().len();
        exchange.succeed(status);
        let outcome = exchange.outcome.unwrap_or(match error {
            None => Outcome::Answered,
            Some(_) => Outcome::ClientGone,
        });
        let bytes = session.body_bytes_sent();
        if let Some(last) = exchange.ended().last() {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            last.node.metrics().body.inc_by(bytes);
            if let (Some(own), Some(zone)) = (self.pool.own_zone(), last.node.zone())
                && own != zone
            {
                self.metrics.other_zone(zone.as_str(), bytes);
            }
            // Attempts that failed before have been told as they did.
            if let (Some(key), true) = (exchange.key, told < exchange.ended().len()) {
                let evidence = Evidence::of(last.ending, Some(status));
                self.pool.observe(&last.node, key, evidence);
            }
        }
        self.metrics
            .request(outcome, exchange.started.elapsed().as_secs_f64());
        if let (Outcome::Exhausted | Outcome::Truncated, Some(error)) = (outcome, error) {
            let node = exchange.node().map(|node| node.id());
            let request_id = exchange.request_id.to_str().unwrap_or_default();
            tracing::warn!(request_id, node, status, outcome = outcome.label(), %error, "request failed");
        }
        if self.access_log.is_on() {
            let line = Line::new(session, exchange, status, outcome);
            self.access_log.write(&line);
        }
    }

    // Failures are logged once, in `logging`, and counted by reason.

    fn suppress_error_log(&self, _: &Session, _: &Exchange, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Exchange, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }
}

impl Proxy {
    /// Refuses a request by its head, which may be anything: counts and logs
    /// it, and returns what the client is to be told.
    pub(crate) fn refuse(&self, client: SocketAddr, method: &str, target: &str, refusal: Refusal) -> String {
        let request_id = request_id::make();
        let request_id = request_id.to_str().unwrap_or_default();
        self.metrics.refusal(refusal);
        self.metrics.request(Outcome::Refused, 0.0);
        let client = client.into();
        let line = Line::refused(&client, method, target, refusal, request_id);
        self.access_log.write(&line);
        let (status, text) = (refusal.status(), refusal.text());
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
             cache-control: no-store\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n{}",
            text.len(),
            // An answer to HEAD is its head.
            if method == "HEAD" { "" } else { text },
        )
    }

    /// Checks a request and finds its key.
    fn admit(&self, session: &mut Session, exchange: &mut Exchange) -> std::result::Result<(), Reply> {
        let has_body = !session.is_body_empty();
        let request = session.req_header();
        if !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Err(Reply::METHOD);
        }
        if has_body {
            // It would have to be kept for a retry, and nothing here takes one.
            return Err(Reply::BODY);
        }
        let path = path(request).ok_or(Reply::PATH)?;
        let key = exchange.settings.hash.key(path, &request.headers);
        exchange.key = Some(key.map_err(|_| Reply::PATH)?);
        Ok(())
    }

    /// Whether another node may be asked if this attempt fails so.
    fn may_ask_another(&self, exchange: &mut Exchange, failure: Failure) -> bool {
        let mut tried = exchange.tried().to_vec();
        tried.extend(exchange.node().cloned());
        let may_follow = exchange.may_fail(failure) && self.pool.has_untried(&tried);
        may_follow && self.pay(exchange)
    }

    /// Takes an attempt out of the budget. False: it is spent, and the request fails for that.
    fn pay(&self, exchange: &mut Exchange) -> bool {
        let paid = exchange.pay();
        if !paid {
            self.metrics.budget_spent();
        }
        paid
    }

    /// Ends an attempt that did not bring a whole answer, and says whether another one may follow.
    fn attempt_failed(
        &self,
        session: &Session,
        exchange: &mut Exchange,
        mut error: Box<Error>,
        reused: bool,
    ) -> Box<Error> {
        error.set_retry(false);
        let Some(failure) = Failure::of(&error, reused) else {
            exchange.end(Ending::Abandoned);
            return error;
        };
        let answering = exchange.is_answering();
        let mut may_follow = true;
        if answering {
            // Nothing can follow what the client has, but the rest of it.
            let sent = u64::try_from(session.body_bytes_sent()).unwrap_or(u64::MAX);
            may_follow = exchange.resume(sent);
            exchange.fail(Failure::BrokenOff);
        } else {
            exchange.fail(failure);
        }
        if let (Some(key), Some(last)) = (exchange.key, exchange.ended().last()) {
            self.pool
                .observe(&last.node, key, Evidence::of(last.ending, None));
        }
        may_follow &= exchange.time_left().is_some() && self.pool.has_untried(exchange.tried());
        if may_follow {
            if answering {
                // The client would have to ask for everything again: that is no cheaper.
                exchange.settings.budget.overdraw(Instant::now());
            } else if failure != Failure::Stale {
                may_follow = self.pay(exchange);
            }
        }
        error.set_retry(may_follow);
        error
    }
}

/// What the values of header rules may name.
fn context<'r>(session: &Session, exchange: &'r Exchange) -> Context<'r> {
    let client = session.client_addr().and_then(|client| client.as_inet());
    Context {
        client: client.map(SocketAddr::ip),
        request_id: &exchange.request_id,
    }
}

/// Whether the head of the final answer is at the client.
fn has_answered(session: &Session) -> bool {
    session
        .response_written()
        .is_some_and(|head| !head.status.is_informational())
}

/// A request's path as sent, without its query. `None`: it is not text.
fn path(request: &RequestHeader) -> Option<&str> {
    let target = std::str::from_utf8(request.raw_path()).ok()?;
    if !target.starts_with('/') {
        // An absolute form, or `*`.
        return Some(request.uri.path());
    }
    Some(target.split_once('?').map_or(target, |(path, _)| path))
}

/// Whether an answer's end can be told from its connection's. RFC 9112 §6.3.
fn is_framed(request: &RequestHeader, response: &ResponseHeader) -> bool {
    let bodiless = request.method == Method::HEAD || matches!(response.status.as_u16(), 204 | 304);
    let chunked = response.headers.contains_key(header::TRANSFER_ENCODING);
    let has_length = response.headers.contains_key(header::CONTENT_LENGTH);
    // To a client of HTTP/1.0 chunks mean nothing, so there the end would not show either.
    bodiless || has_length || (chunked && request.version != Version::HTTP_10)
}

/// Removes what an origin says to the balancer and not to the client.
fn strip_hop_by_hop(response: &mut ResponseHeader) {
    let connection = response.headers.get_all(header::CONNECTION);
    let nominated = connection
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let nominated: Vec<String> = nominated.map(|name| name.trim().to_ascii_lowercase()).collect();
    for name in HOP_BY_HOP {
        response.remove_header(name);
    }
    for name in nominated.iter().filter(|name| !is_end_to_end(name)) {
        response.remove_header(name.as_str());
    }
}

/// Fields without which an answer cannot be read, whatever `Connection` says of them.
fn is_end_to_end(name: &str) -> bool {
    matches!(
        name,
        "content-length" | "content-type" | "content-range" | "transfer-encoding" | "etag"
    )
}
