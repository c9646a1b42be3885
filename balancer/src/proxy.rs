//! What is decided about a request on its way: the same whoever carries it,
//! [`relay`](crate::relay) for clients of HTTP/1 or pingora for those of HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue, Method, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorSource, ErrorType, Result};
use strata_node::access_log::AccessLog;
use strata_node::headers;
use strata_node::request_id;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::access::{self, Line};
use crate::asked::Asked;
use crate::attempt::{Ending, Failure};
use crate::check::said_load;
use crate::choice::Choice;
use crate::config::Timeouts;
use crate::exchange::Exchange;
use crate::front::head::Refusal;
use crate::key::KeySource;
use crate::metrics::{Hedged, Metrics, Outcome};
use crate::node::Node;
use crate::observe::Evidence;
use crate::pool::Pool;
use crate::reply::{self, Reply};
use crate::resume::{self, Resumable};
use crate::ring::Key;
use crate::rules::Context;
use crate::settings::Settings;
use crate::trace;

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
/// `Connection` itself whoever carries the answer sets, `Transfer-Encoding` he keeps in step with the body.
/// Trailers are not passed on, so nothing announces them.
const HOP_BY_HOP: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

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

/// Where an attempt goes, and what time it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) address: SocketAddr,
    /// Connections are kept for an instance, not for an address: one that is given to
    /// another instance never gets them.
    pub(crate) key: u64,
    /// None of its times is longer than what is left for the request.
    pub(crate) timeouts: Timeouts,
}

/// What a request that cannot be answered ends with.
pub(crate) struct Defeat {
    pub(crate) status: u16,
    /// `None`: the client has gone, or has a part of an answer already.
    pub(crate) reply: Option<Reply>,
}

impl Aim {
    fn at(node: &Node, generation: u64, timeouts: Timeouts, time_left: Duration) -> Self {
        Self {
            address: node.address(),
            key: xxh3_64_with_seed(node.id().as_bytes(), generation),
            timeouts: Timeouts {
                response: timeouts.response.min(time_left),
                send: timeouts.send.min(time_left),
                ..timeouts
            },
        }
    }
}

impl Proxy {
    /// Whether clients are to leave.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// A request has come.
    pub(crate) fn begin(&self, request: &RequestHeader, exchange: &mut Exchange) {
        exchange.settings.budget.request();
        exchange.settings.hedges.request();
        exchange.request_id = request_id::keep_or_make(request.headers.get(request_id::HEADER));
        if trace::given(&request.headers).is_none() {
            exchange.trace = Some(trace::begin(&exchange.request_id));
        }
    }

    /// Checks a request and finds its key.
    ///
    /// # Errors
    ///
    /// What the client is told: no origin should see this.
    pub(crate) fn admit(
        &self,
        request: &RequestHeader,
        has_body: bool,
        exchange: &mut Exchange,
    ) -> std::result::Result<(), Reply> {
        let checked = check(request, has_body, &exchange.settings.hash);
        match checked {
            Ok(key) => exchange.key = Some(key),
            Err(_) => exchange.outcome = Some(Outcome::Refused),
        }
        checked.map(|_| ())
    }

    /// Chooses the node of the next attempt, which begins.
    ///
    /// # Errors
    ///
    /// There is no node left to ask, or no time.
    pub(crate) fn choose(&self, exchange: &mut Exchange) -> Result<Aim> {
        let none = || Error::explain(ErrorType::HTTPStatus(503), "no origin is left to ask").into_in();
        let key = exchange.key.ok_or_else(none)?;
        let time_left = exchange.time_left().ok_or_else(none)?;
        let pick = self.pool.pick(key, exchange.tried()).ok_or_else(none)?;
        let generation = pick.node.generation();
        let aim = Aim::at(&pick.node, generation, exchange.settings.timeouts, time_left);
        exchange.begin(pick, generation, &self.metrics);
        Ok(aim)
    }

    /// After which time a second node is to be asked beside the one under way. `None`: never.
    pub(crate) fn hedge_after(&self, exchange: &Exchange) -> Option<Duration> {
        let hedge = exchange.settings.hedge;
        if hedge.budget_percent == 0 || !exchange.is_first_attempt() {
            return None;
        }
        Some(exchange.settings.first_bytes.late()?.max(hedge.least))
    }

    /// Chooses a second node, and begins an attempt there beside the one under way.
    /// `None`: there is none that is well, or the budget is spent.
    pub(crate) fn choose_second(&self, exchange: &mut Exchange) -> Option<Aim> {
        let first = [Arc::clone(exchange.node()?)];
        let (key, time_left) = (exchange.key?, exchange.time_left()?);
        let mut pick = self.pool.pick(key, &first)?;
        if pick.choice == Choice::LastResort {
            return None;
        }
        if !exchange.settings.hedges.take(Instant::now()) {
            self.metrics.hedged(Hedged::Unpaid);
            return None;
        }
        pick.choice = Choice::Hedge;
        let generation = pick.node.generation();
        let aim = Aim::at(&pick.node, generation, exchange.settings.timeouts, time_left);
        exchange.begin_second(pick, generation);
        Some(aim)
    }

    /// A node has answered: its time is one of those that tell when others are late.
    pub(crate) fn note_first_byte(&self, exchange: &Exchange) {
        let hedge = exchange.settings.hedge;
        if hedge.budget_percent != 0 && exchange.rest().is_none() {
            let time = exchange.started.elapsed();
            exchange.settings.first_bytes.note(time, hedge.percentile);
        }
    }

    /// Tells what came of asking a second node.
    pub(crate) fn hedged(&self, result: Hedged) {
        self.metrics.hedged(result);
    }

    /// Ends the first of two attempts, which has failed: the second is the only one now.
    pub(crate) fn first_failed(&self, exchange: &mut Exchange, error: &Error, reused: bool) {
        let ending = Failure::of(error, reused).map_or(Ending::Abandoned, Ending::Failed);
        exchange.prefer_second(ending);
        self.observe_last(exchange);
    }

    /// Ends the second of two attempts, which has failed: the first is the only one now.
    pub(crate) fn second_failed(&self, exchange: &mut Exchange, error: &Error, reused: bool) {
        let ending = Failure::of(error, reused).map_or(Ending::Abandoned, Ending::Failed);
        exchange.end_second(ending);
        self.observe_last(exchange);
    }

    fn observe_last(&self, exchange: &Exchange) {
        if let (Some(key), Some(last)) = (exchange.key, exchange.ended().last()) {
            self.pool
                .observe(&last.node, key, Evidence::of(last.ending, None));
        }
    }

    /// Makes of a client's request what the node is asked.
    ///
    /// # Errors
    ///
    /// When a header cannot be set.
    pub(crate) fn prepare(
        &self,
        asked: Asked<'_>,
        request: &mut RequestHeader,
        exchange: &Exchange,
    ) -> Result<()> {
        request.insert_header(request_id::HEADER, exchange.request_id.clone())?;
        request.append_header(header::VIA, via(asked.head.version))?;
        if let Some(trace) = &exchange.trace {
            request.insert_header(trace::PARENT, trace.clone())?;
            request.remove_header(&trace::STATE);
        }
        let rules = &exchange.settings.headers;
        rules.apply_to_request(request, context(asked, exchange))?;
        if let Some(rest) = exchange.rest() {
            for name in &resume::NOT_FOR_THE_REST {
                request.remove_header(name);
            }
            request.insert_header(header::RANGE, rest.range())?;
            request.insert_header(header::IF_MATCH, rest.etag())?;
        }
        Ok(())
    }

    /// Looks at the head of a node's answer before any of it goes to the
    /// client: here is the last chance to ask another one.
    ///
    /// # Errors
    ///
    /// It is not passed on.
    pub(crate) fn judge(
        &self,
        asked: Asked<'_>,
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
            return Ok(());
        }
        let fault = response.headers.get(headers::FAULT);
        let source_fault = fault.is_some_and(|fault| fault.as_bytes() == headers::FAULT_SOURCE.as_bytes());
        let failure = Failure::Status(status);
        if exchange.is_retried(status) && !source_fault && self.may_ask_another(exchange, failure) {
            return hold_back("held back to ask another origin");
        }
        if !is_framed(asked.head, response) {
            // Such a body ends when the connection does, however that comes about.
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "a body of unknown length").into_up());
        }
        let method = &asked.head.method;
        exchange.answer_begins(
            source_fault,
            Resumable::of(method, response.status, &response.headers),
        );
        strip_hop_by_hop(response);
        Ok(())
    }

    /// Makes of a node's head what the client is told.
    ///
    /// # Errors
    ///
    /// When a header cannot be set.
    pub(crate) fn dress(
        &self,
        asked: Asked<'_>,
        response: &mut ResponseHeader,
        exchange: &Exchange,
    ) -> Result<()> {
        if response.status.is_informational() {
            return Ok(());
        }
        response.insert_header(request_id::HEADER, exchange.request_id.clone())?;
        if exchange.settings.identify {
            reply::identify(response, exchange)?;
        }
        let rules = &exchange.settings.headers;
        rules.apply_to_response(response, context(asked, exchange))
    }

    /// Ends an attempt that did not bring a whole answer, and says whether another one may follow.
    pub(crate) fn attempt_failed(
        &self,
        exchange: &mut Exchange,
        mut error: Box<Error>,
        reused: bool,
    ) -> Box<Error> {
        error.set_retry(false);
        exchange.end_second(Ending::Abandoned);
        let Some(failure) = Failure::of(&error, reused) else {
            exchange.end(Ending::Abandoned);
            return error;
        };
        let answering = exchange.is_answering();
        let mut may_follow = true;
        if answering {
            // Nothing can follow what the client has, but the rest of it.
            may_follow = exchange.resume();
            exchange.fail(Failure::BrokenOff);
        } else {
            exchange.fail(failure);
        }
        self.observe_last(exchange);
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

    /// Gives a request up that no node has answered whole.
    ///
    /// `answered`: the client has the head of an answer.
    pub(crate) fn give_up(&self, error: &Error, answered: bool, exchange: &mut Exchange) -> Defeat {
        exchange.end(Ending::Abandoned);
        let (mut status, mut reply) = (access::CLIENT_GONE, None);
        exchange.outcome = Some(if *error.esource() == ErrorSource::Downstream {
            Outcome::ClientGone
        } else if answered {
            // Its connection is closed, so that what has been sent does not look whole.
            Outcome::Truncated
        } else {
            let failure_status = exchange.last_failure().map(Failure::status);
            status = exchange
                .last_status()
                .or(failure_status)
                .unwrap_or(match error.etype() {
                    ErrorType::HTTPStatus(status) => *status,
                    _ => 500,
                });
            reply = Some(Reply::exhausted(status));
            Outcome::Exhausted
        });
        Defeat { status, reply }
    }

    /// The one place where every request ends. `status`: of the answer at the client.
    pub(crate) fn end(
        &self,
        asked: Asked<'_>,
        status: Option<u16>,
        error: Option<&Error>,
        exchange: &mut Exchange,
    ) {
        let status = status.unwrap_or(access::CLIENT_GONE);
        let told = exchange.ended().len();
        exchange.succeed(status);
        let outcome = exchange.outcome.unwrap_or(match error {
            None => Outcome::Answered,
            Some(_) => Outcome::ClientGone,
        });
        if let Some(own) = self.pool.own_zone() {
            for ended in exchange.ended() {
                if let Some(zone) = ended.node.zone().filter(|zone| **zone != own) {
                    self.metrics.other_zone(zone.as_str(), ended.bytes);
                }
            }
        }
        // Attempts that failed before have been told as they did.
        if let (Some(key), Some(last), true) = (
            exchange.key,
            exchange.ended().last(),
            told < exchange.ended().len(),
        ) {
            let evidence = Evidence::of(last.ending, Some(status));
            self.pool.observe(&last.node, key, evidence);
        }
        self.metrics
            .request(outcome, exchange.started.elapsed().as_secs_f64());
        if let (Outcome::Exhausted | Outcome::Truncated, Some(error)) = (outcome, error) {
            let node = exchange.node().map(|node| node.id());
            let request_id = exchange.request_id.to_str().unwrap_or_default();
            tracing::warn!(request_id, node, status, outcome = outcome.label(), %error, "request failed");
        }
        if self.access_log.is_on() {
            let line = Line::new(asked, exchange, status, outcome);
            self.access_log.write(&line);
        }
    }

    /// Refuses a request by its head, which may be anything: counts and logs
    /// it, and returns what the client is to be told.
    pub(crate) fn refuse(&self, client: SocketAddr, method: &str, target: &str, refusal: Refusal) -> String {
        let request_id = request_id::make();
        let request_id = request_id.to_str().unwrap_or_default();
        self.metrics.refusal(refusal);
        self.metrics.request(Outcome::Refused, 0.0);
        let line = Line::refused(client, method, target, refusal, request_id);
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
}

/// The key of a request that an origin may see.
fn check(request: &RequestHeader, has_body: bool, hash: &KeySource) -> std::result::Result<Key, Reply> {
    if !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Err(Reply::METHOD);
    }
    if has_body {
        // It would have to be kept for a retry, and nothing here takes one.
        return Err(Reply::BODY);
    }
    let path = path(request).ok_or(Reply::PATH)?;
    hash.key(path, &request.headers).map_err(|_| Reply::PATH)
}

/// What the values of header rules may name.
fn context<'r>(asked: Asked<'_>, exchange: &'r Exchange) -> Context<'r> {
    Context {
        client: asked.client.map(|client| client.ip()),
        request_id: &exchange.request_id,
    }
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
    // Most answers have none of them.
    if response.headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        for name in &HOP_BY_HOP {
            response.remove_header(name);
        }
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
