//! Clients of HTTP/1: their requests are asked over connections of our own, and
//! answers are passed on as they come.
//!
//! Pingora does this too, at twice the price (decision 13). What is decided
//! about a request is [`Proxy`]'s to decide, as for clients of HTTP/2.

mod chunked;
pub(crate) mod head;
mod kept;
mod link;
pub(crate) mod pipe;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::date::get_cached_date;
use pingora::{Error, ErrorType, Result};
use tokio::io::Interest;
use tokio::time::timeout;

use self::chunked::{Chunks, Step};
use self::head::{Framing, Head};
use self::kept::Kept;
use self::link::{Link, broken, closed, is_kept, within};
use self::pipe::Pipes;
use crate::asked::Asked;
use crate::attempt::Ending;
use crate::exchange::Exchange;
use crate::front::stream::ClientStream;
use crate::metrics::{Hedged, Outcome};
use crate::proxy::{Aim, Proxy};
use crate::reply::Reply;

/// What is left of a body goes through a pipe from this size on: below, copying costs less than a pipe's calls.
const SPLICE_BYTES_MIN: u64 = 64 << 10;

/// How often idle connections are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What a client names in `Connection` is not passed on, but for these: without them a request would be another one.
const END_TO_END: [&str; 4] = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Fields of a request that concern its connection only. RFC 9110 §7.6.1.
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a thread relays with. Clones are the same.
#[derive(Clone)]
pub(crate) struct Relay {
    proxy: Proxy,
    kept: Arc<Kept>,
    pipes: Pipes,
}

/// What the client has of its answer, its body apart.
struct Answer {
    /// Of the head that was sent.
    status: Option<u16>,
    /// The connection may be used for another request.
    is_kept: bool,
}

impl Relay {
    pub(crate) fn new(proxy: Proxy) -> Self {
        Self {
            proxy,
            kept: Arc::default(),
            pipes: Pipes::default(),
        }
    }

    /// Closes idle connections that nobody is to use any more, until dropped.
    pub(crate) async fn sweep(self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.kept.sweep(self.proxy.settings.load().timeouts.idle);
        }
    }

    /// Answers a request. False: the client's connection is not to be used any more.
    pub(crate) async fn answer(&self, client: &mut ClientStream, request: &RequestHeader) -> bool {
        let tls = client.tls_version();
        let asked = Asked {
            head: request,
            client: Some(client.address()),
            tls: tls.as_deref(),
        };
        let mut exchange = Exchange::new(self.proxy.settings.load_full());
        self.proxy.begin(request, &mut exchange);
        let mut answer = Answer {
            status: None,
            is_kept: is_kept(request.version, &request.headers) && !self.proxy.is_leaving(),
        };
        let result = self.serve(client, asked, &mut exchange, &mut answer).await;
        let error = result.as_ref().err().map(|error| &**error);
        self.proxy.end(asked, answer.status, error, &mut exchange);
        answer.is_kept && result.is_ok()
    }

    async fn serve(
        &self,
        client: &mut ClientStream,
        asked: Asked<'_>,
        exchange: &mut Exchange,
        answer: &mut Answer,
    ) -> Result<()> {
        if let Err(reply) = self.proxy.admit(asked.head, false, exchange) {
            return reply_with(reply, client, asked, exchange, answer).await;
        }
        let error = loop {
            match self.attempt(client, asked, exchange, answer).await {
                Ok(()) => return Ok(()),
                Err(error) if error.retry() => {}
                Err(error) => break error,
            }
        };
        if let Some(reply) = self
            .proxy
            .give_up(&error, answer.status.is_some(), exchange)
            .reply
        {
            answer.is_kept = false;
            if reply_with(reply, client, asked, exchange, answer).await.is_err() {
                exchange.outcome = Some(Outcome::ClientGone);
            }
        }
        Err(error)
    }

    /// Asks one node.
    async fn attempt(
        &self,
        client: &mut ClientStream,
        asked: Asked<'_>,
        exchange: &mut Exchange,
        answer: &mut Answer,
    ) -> Result<()> {
        let aim = self.proxy.choose(exchange)?;
        let link = self.link(&aim).await;
        let mut link = link.map_err(|error| self.proxy.attempt_failed(exchange, error, false))?;
        match self.pass(&mut link, &aim, client, asked, exchange, answer).await {
            Ok(may_be_kept) => {
                if may_be_kept {
                    self.kept.keep(link);
                }
                flush(client, exchange).await
            }
            Err(error) => Err(self.proxy.attempt_failed(exchange, error, link.reused)),
        }
    }

    /// A connection to a node: one that was kept, or a new one.
    async fn link(&self, aim: &Aim) -> Result<Link> {
        match self.kept.take(aim.key, aim.timeouts.idle) {
            Some(link) => Ok(link),
            None => Link::connect(aim.address, aim.key, &aim.timeouts).await,
        }
    }

    /// Asks over `link` and passes the answer on. True: the link can be used again.
    async fn pass(
        &self,
        link: &mut Link,
        aim: &Aim,
        client: &mut ClientStream,
        asked: Asked<'_>,
        exchange: &mut Exchange,
        answer: &mut Answer,
    ) -> Result<bool> {
        let mut request = asked.head.clone();
        strip_hop_by_hop(&mut request);
        self.proxy.prepare(asked, &mut request, exchange)?;
        let request = head::write_request(&request);
        link.send(&request, aim.timeouts.send).await?;
        if let Some(wait) = self.proxy.hedge_after(exchange) {
            self.hedge(wait, &request, link, aim, client, exchange).await?;
        }
        let mut head = loop {
            let head = while_there(client, link.read_head(aim.timeouts.response)).await?;
            if !head.response.status.is_informational() {
                break head;
            }
            inform(&head, client, asked, exchange, answer).await?;
        };
        self.proxy.note_first_byte(exchange);
        let stays = is_kept(head.response.version, &head.response.headers);
        self.proxy.judge(asked, &mut head.response, exchange)?;
        let framing = head.body(&asked.head.method);
        if answer.status.is_none() {
            self.proxy.dress(asked, &mut head.response, exchange)?;
            send_head(&mut head.response, client, exchange, answer).await?;
        }
        match framing {
            Framing::Length(length) => self.pass_length(length, link, aim, client, exchange).await?,
            Framing::Chunked => pass_chunks(link, aim, client, exchange).await?,
            // Not judged well.
            Framing::Close => return Err(closed()),
        }
        Ok(stays && link.read.is_empty())
    }

    /// Waits for the first bytes of an answer; when they are late, asks a second node the
    /// same, and puts its connection in the place of `link` if it answers first.
    async fn hedge(
        &self,
        wait: Duration,
        request: &[u8],
        link: &mut Link,
        aim: &Aim,
        client: &mut ClientStream,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let limit = aim.timeouts.response;
        let early = while_there(client, async { Ok(timeout(wait, link.read_first(limit)).await) });
        if let Ok(first) = early.await? {
            return first;
        }
        let rest = limit.saturating_sub(wait);
        let Some(aim) = self.proxy.choose_second(exchange) else {
            return while_there(client, link.read_first(rest)).await;
        };
        let ask = async {
            let mut second = self.link(&aim).await.map_err(|error| (error, false))?;
            let reused = second.reused;
            let asked = async {
                second.send(request, aim.timeouts.send).await?;
                second.read_first(aim.timeouts.response).await
            };
            let asked: Result<()> = asked.await;
            asked.map(|()| second).map_err(|error| (error, reused))
        };
        tokio::pin!(ask);
        let raced = while_there(client, async {
            Ok(tokio::select! {
                biased;
                first = link.read_first(rest) => Raced::First(first),
                second = &mut ask => Raced::Second(second),
            })
        });
        match raced.await? {
            Raced::First(Ok(())) => {
                self.proxy.hedged(Hedged::Lost);
                exchange.end_second(Ending::Overtaken);
                Ok(())
            }
            Raced::Second(Ok(second)) => {
                self.proxy.hedged(Hedged::Won);
                exchange.prefer_second(Ending::Overtaken);
                *link = second;
                Ok(())
            }
            Raced::First(Err(error)) => {
                self.proxy.first_failed(exchange, &error, link.reused);
                let second = while_there(client, async { Ok(ask.await) }).await?;
                let won = second.is_ok();
                self.proxy.hedged(if won { Hedged::Won } else { Hedged::Failed });
                *link = second.map_err(|(error, reused)| {
                    link.reused = reused;
                    error
                })?;
                Ok(())
            }
            Raced::Second(Err((error, reused))) => {
                self.proxy.hedged(Hedged::Failed);
                self.proxy.second_failed(exchange, &error, reused);
                while_there(client, link.read_first(rest)).await
            }
        }
    }

    /// Passes on a body of so many bytes.
    async fn pass_length(
        &self,
        mut left: u64,
        link: &mut Link,
        aim: &Aim,
        client: &mut ClientStream,
        exchange: &mut Exchange,
    ) -> Result<()> {
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(link.read.len());
            if here != 0 {
                let piece = link.read.split_to(here);
                send(&piece, client, exchange).await?;
                left -= count(here);
                exchange.sent += count(here);
            }
            if left == 0 {
                return Ok(());
            }
            if SPLICE_BYTES_MIN <= left
                && client.is_plain()
                && let Some(mut pipe) = self.pipes.take()
            {
                let passed = splice(&mut pipe, left, link, aim, client, exchange).await;
                self.pipes.give_back(pipe);
                return passed;
            }
            while_there(client, link.read_body(aim.timeouts.response)).await?;
        }
    }
}

/// Which of two nodes has answered, or failed, first.
enum Raced {
    First(Result<()>),
    /// Of an error also whether it came over a kept connection.
    Second(std::result::Result<Link, (Box<Error>, bool)>),
}

/// Passes on what is left of a body without reading it.
async fn splice(
    pipe: &mut pipe::Pipe,
    mut left: u64,
    link: &Link,
    aim: &Aim,
    client: &mut ClientStream,
    exchange: &mut Exchange,
) -> Result<()> {
    flush(client, exchange).await?;
    let limit = exchange.settings.clients.send;
    while left != 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let filled = while_there(client, async {
            let fill = link
                .stream
                .async_io(Interest::READABLE, || pipe.fill(&link.stream, most));
            match within(aim.timeouts.response, fill).await {
                Ok(Ok(0)) => Err(closed()),
                Ok(filled) => filled.map_err(broken),
                Err(_) => Err(Error::new_up(ErrorType::ReadTimedout)),
            }
        })
        .await?;
        left -= count(filled);
        while pipe.held() != 0 {
            let sent = within(limit, client.send_from(pipe)).await;
            let sent = sent
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(gone)?;
            exchange.sent += count(sent);
        }
    }
    Ok(())
}

/// Passes on a body in chunks of its own.
async fn pass_chunks(
    link: &mut Link,
    aim: &Aim,
    client: &mut ClientStream,
    exchange: &mut Exchange,
) -> Result<()> {
    let mut chunks = Chunks::Size;
    loop {
        let step = chunks.next(&mut link.read);
        match step.map_err(|_| Error::explain(ErrorType::ReadError, "malformed chunks").into_up())? {
            Step::Piece(piece) => {
                send(format!("{:x}\r\n", piece.len()).as_bytes(), client, exchange).await?;
                send(&piece, client, exchange).await?;
                send(b"\r\n", client, exchange).await?;
                exchange.sent += count(piece.len());
            }
            Step::More => while_there(client, link.read_body(aim.timeouts.response)).await?,
            Step::Done => return send(b"0\r\n\r\n", client, exchange).await,
        }
    }
}

/// Passes on what a node says before its answer, to a client that knows of such.
async fn inform(
    head: &Head,
    client: &mut ClientStream,
    asked: Asked<'_>,
    exchange: &Exchange,
    answer: &Answer,
) -> Result<()> {
    if head.response.status.as_u16() == 101 {
        let why = "a change of protocols that nobody asked for";
        return Err(Error::explain(ErrorType::InvalidHTTPHeader, why).into_up());
    }
    if asked.head.version == Version::HTTP_10 || answer.status.is_some() {
        return Ok(());
    }
    send(&head::write_response(&head.response), client, exchange).await?;
    flush(client, exchange).await
}

/// Answers by ourselves.
async fn reply_with(
    reply: Reply,
    client: &mut ClientStream,
    asked: Asked<'_>,
    exchange: &Exchange,
    answer: &mut Answer,
) -> Result<()> {
    send_head(&mut reply.head(exchange)?, client, exchange, answer).await?;
    if asked.head.method != Method::HEAD {
        send(reply.text.as_bytes(), client, exchange).await?;
    }
    flush(client, exchange).await
}

/// Sends the head of the answer.
async fn send_head(
    head: &mut ResponseHeader,
    client: &mut ClientStream,
    exchange: &Exchange,
    answer: &mut Answer,
) -> Result<()> {
    if !head.headers.contains_key(header::DATE) {
        head.insert_header(header::DATE, get_cached_date())?;
    }
    head.insert_header(
        header::CONNECTION,
        if answer.is_kept { "keep-alive" } else { "close" },
    )?;
    send(&head::write_response(head), client, exchange).await?;
    answer.status = Some(head.status.as_u16());
    Ok(())
}

async fn send(bytes: &[u8], client: &mut ClientStream, exchange: &Exchange) -> Result<()> {
    let sent = within(exchange.settings.clients.send, client.send(bytes)).await;
    sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(gone)
}

async fn flush(client: &mut ClientStream, exchange: &Exchange) -> Result<()> {
    let sent = within(exchange.settings.clients.send, client.flush()).await;
    sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(gone)
}

/// Does `work` with a node while the client is there.
async fn while_there<T>(client: &mut ClientStream, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        error = client.left() => Err(gone(error)),
    }
}

/// The client has left, or does not take its answer.
fn gone(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "passing on an answer", error).into_down()
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Removes what a client says to the balancer and not to a node.
fn strip_hop_by_hop(request: &mut RequestHeader) {
    let mut named = Vec::new();
    for value in request.headers.get_all(header::CONNECTION) {
        let names = value.to_str().unwrap_or_default().split(',');
        named.extend(names.map(|name| name.trim().to_ascii_lowercase()));
    }
    for name in named
        .iter()
        .map(String::as_str)
        .filter(|name| !END_TO_END.contains(name))
    {
        request.remove_header(name);
    }
    // Most requests have none of them.
    if request.headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        for name in &HOP_BY_HOP {
            request.remove_header(name);
        }
    }
    // A target with a host overrides `Host`, and is asked for as any other. RFC 9112 §3.2.2.
    if request.raw_path().starts_with(b"/") {
        return;
    }
    let target = std::str::from_utf8(request.raw_path()).unwrap_or_default();
    if let Some((_, rest)) = target.split_once("://") {
        let path = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(path);
        let (host, path) = (
            host.to_owned(),
            format!("{}{path}", if path.starts_with('/') { "" } else { "/" }),
        );
        // What is no host, or no path, stays what the client made of it.
        let _ = request.insert_header(header::HOST, host);
        let _ = request.set_raw_path(path.as_bytes());
    }
}
