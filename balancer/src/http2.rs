//! Clients of HTTP/2: pingora's way through a request. Thin: what it decides is [`Proxy`]'s to decide.

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, Result};

use crate::asked::Asked;
use crate::exchange::Exchange;
use crate::metrics::Outcome;
use crate::peer::peer;
use crate::proxy::Proxy;
use crate::reply::Reply;

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new(self.settings.load_full())
    }

    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<()> {
        self.begin(session.req_header(), exchange);
        session.set_write_timeout(Some(exchange.settings.clients.send));
        Ok(())
    }

    /// Refuses what no origin should see. True: an answer has been sent.
    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        let has_body = !session.is_body_empty();
        let Err(reply) = self.admit(session.req_header(), has_body, exchange) else {
            return Ok(false);
        };
        send(reply, session, exchange).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
        self.choose(exchange).map(|aim| peer(&aim))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let tls = tls(session);
        self.prepare(asked(session, tls.as_deref()), request, exchange)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        // Of the rest of an answer pingora, which knows that a head has been sent, sends the body only.
        self.judge(asked(session, None), response, exchange)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        self.dress(asked(session, None), response, exchange)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        exchange: &mut Exchange,
        error: Box<Error>,
    ) -> Box<Error> {
        self.attempt_failed(exchange, error, false)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        exchange: &mut Exchange,
        reused: bool,
    ) -> Box<Error> {
        note_sent(session, exchange);
        self.attempt_failed(exchange, error, reused)
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
        note_sent(session, exchange);
        let answered = session
            .response_written()
            .is_some_and(|head| !head.status.is_informational());
        let defeat = self.give_up(error, answered, exchange);
        if let Some(reply) = defeat.reply
            && send(reply, session, exchange).await.is_err()
        {
            exchange.outcome = Some(Outcome::ClientGone);
        }
        FailToProxy {
            error_code: defeat.status,
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        note_sent(session, exchange);
        let status = session.response_written().map(|head| head.status.as_u16());
        let tls = tls(session);
        self.end(asked(session, tls.as_deref()), status, error, exchange);
    }

    // Failures are logged once, at the end, and counted by reason.

    fn suppress_error_log(&self, _: &Session, _: &Exchange, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Exchange, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }
}

fn asked<'s>(session: &'s Session, tls: Option<&'s str>) -> Asked<'s> {
    let client = session.client_addr().and_then(|client| client.as_inet());
    Asked {
        head: session.req_header(),
        client: client.copied(),
        tls,
    }
}

fn tls(session: &Session) -> Option<Cow<'static, str>> {
    let digest = session.digest()?.ssl_digest.as_ref()?;
    Some(digest.version.clone())
}

fn note_sent(session: &Session, exchange: &mut Exchange) {
    exchange.sent = u64::try_from(session.body_bytes_sent()).unwrap_or(u64::MAX);
}

async fn send(reply: Reply, session: &mut Session, exchange: &Exchange) -> Result<()> {
    let is_head = session.req_header().method == http::Method::HEAD;
    session
        .write_response_header(Box::new(reply.head(exchange)?), is_head)
        .await?;
    if !is_head {
        let text = Bytes::from_static(reply.text.as_bytes());
        session.write_response_body(Some(text), true).await?;
    }
    Ok(())
}
