//! From a request to its response.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{ALLOW, CONTENT_RANGE, LINK};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use strata_cache::CacheMetrics;
use strata_media::plan::Plan;
use strata_media::write::fmp4;
use strata_media::write::ts::TsPlan;
use strata_node::access_log::AccessLog;
use strata_node::headers;
use strata_node::title_path;
use tokio::runtime::Handle;

use super::answer::{Answer, representation_headers};
use super::body::{Body, Content};
use super::coding::{self, Coding};
use super::conditional::{Validators, Verdict};
use super::config::HttpConfig;
use super::etag::Etag;
use super::exchange::Exchange;
use super::fault::{Fault, METHODS};
use super::manifest::Manifests;
use super::media::{self, MediaBody};
use super::metrics::{HttpMetrics, Kind};
use super::pieces;
use super::query::Query;
use super::range::{self, Selection};
use super::route::{Resource, Route};
use super::thumbnails::{self, Thumbnail};
use super::trick_play::{self, TrickPlan, TrickPlay};
use super::ts::{self, TsBody};
use crate::asset::{Catalog, Title};
use crate::load::LoadState;
use crate::source::{SourceError, Tally};

/// Answers requests out of a catalog.
#[derive(Debug)]
pub struct Front {
    catalog: Catalog,
    manifests: Manifests,
    config: HttpConfig,
    metrics: HttpMetrics,
    access_log: AccessLog,
    load: LoadState,
}

/// All of a representation.
enum Payload {
    Bytes(Bytes),
    Plan(Plan),
    TransportStream(TsPlan),
}

impl Payload {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Plan(plan) => plan.length,
            Self::TransportStream(plan) => plan.length(),
        }
    }
}

impl Front {
    /// A front over `catalog`, whose rendering runs on `runtime`.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        config: HttpConfig,
        runtime: Handle,
        access_log: AccessLog,
        metrics: HttpMetrics,
        cache_metrics: &CacheMetrics,
        load: LoadState,
    ) -> Self {
        Self {
            catalog,
            manifests: Manifests::new(config.manifest_bytes, runtime, cache_metrics),
            config,
            metrics,
            access_log,
            load,
        }
    }

    pub(super) fn config(&self) -> &HttpConfig {
        &self.config
    }

    pub(super) fn metrics(&self) -> &HttpMetrics {
        &self.metrics
    }

    pub(super) fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// Answers a `GET` of `target`, a path with its query, to somebody in this process.
    pub async fn get(
        self: &Arc<Self>,
        target: Uri,
    ) -> Response<impl http_body::Body<Data = Bytes, Error = SourceError> + Send + Unpin + use<>> {
        let mut request = Request::new(());
        *request.uri_mut() = target;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        self.respond(&request, nowhere).await
    }

    /// Answers one request. Its own body is not read.
    pub(super) async fn respond<B>(
        self: &Arc<Self>,
        request: &Request<B>,
        remote: SocketAddr,
    ) -> Response<Body> {
        let mut exchange = Exchange::begin(Arc::clone(self), request, remote);
        let answered = AssertUnwindSafe(self.answer(request, &mut exchange))
            .catch_unwind()
            .await;
        let mut answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) => self.refuse(&fault, request.method(), &mut exchange),
            Err(_panic) => {
                self.metrics.panics.inc();
                self.refuse(&Fault::Bug("panic"), request.method(), &mut exchange)
            }
        };
        self.config.allow_origin.allow(&mut answer.headers);
        if let Ok(load) = HeaderValue::try_from(self.load.load().to_string()) {
            answer.headers.insert(headers::LOAD, load);
        }
        answer.into_response(exchange)
    }

    async fn answer<B>(&self, request: &Request<B>, exchange: &mut Exchange) -> Result<Answer, Fault> {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(self.preflight(request.headers())),
            _ => return Err(Fault::Method),
        }
        let path = title_path::parse(request.uri().path())?;
        exchange.title = Some(path.title.clone());
        let route = Route::parse(&path.resource).ok_or(Fault::Resource)?;
        let title = self.catalog.title(&path.title, &exchange.tally).await?;
        match self.serve(&title, &route, request, exchange).await {
            // One of its objects was replaced: start again with the new one,
            // once. Replaced twice within a request, it is in flux.
            Err(fault) if fault.is_change() => {
                let title = self.catalog.reload(&title, &exchange.tally).await?;
                self.serve(&title, &route, request, exchange).await
            }
            result => result,
        }
    }

    async fn serve<B>(
        &self,
        title: &Arc<Title>,
        route: &Route<'_>,
        request: &Request<B>,
        exchange: &mut Exchange,
    ) -> Result<Answer, Fault> {
        let query = Query::parse(request.uri().query())?;
        let title = &self.catalog.shaped(title, &query.shape, &exchange.tally).await?;
        let resource = route.resolve(title, &query).ok_or(Fault::Resource)?;
        exchange.kind = Kind::from(resource);
        let coding = if resource.is_characters() {
            Coding::negotiate(request.headers())
        } else {
            Coding::Identity
        };
        let etag = Etag::new(title.fingerprint(), resource, coding);
        let validators = Validators::new(etag, title.modified());
        let mut headers =
            representation_headers(resource, title, coding, &validators, &self.config.cache_control);
        headers.extend(route.link(resource, title).map(|link| (LINK, link)));
        match validators.weigh(request.headers()) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Ok(Answer::empty(StatusCode::NOT_MODIFIED, headers)),
            Verdict::Failed => return Err(Fault::Precondition),
        }
        let payload = self.payload(title, resource, coding, &exchange.tally).await?;
        let length = payload.length();
        if *request.method() == Method::HEAD {
            return Ok(Answer {
                length: Some(length),
                ..Answer::empty(StatusCode::OK, headers)
            });
        }
        let selection = if validators.allow_range(request.headers()) {
            range::select(request.headers(), length)
        } else {
            Selection::Whole
        };
        self.send(title, payload, selection, headers, &exchange.tally)
            .await
    }

    /// The representation, its length known and its media not read yet.
    async fn payload(
        &self,
        title: &Arc<Title>,
        resource: Resource,
        coding: Coding,
        tally: &Arc<Tally>,
    ) -> Result<Payload, Fault> {
        let track = |track: usize| title.presentation().tracks.get(track).ok_or(Fault::Resource);
        match resource {
            Resource::Mpd
            | Resource::NumberedMpd
            | Resource::Master { .. }
            | Resource::MediaPlaylist { .. }
            | Resource::TsPlaylist { .. }
            | Resource::ClientManifest
            | Resource::TrickPlay(TrickPlay::Playlist { .. })
            | Resource::Thumbnail(Thumbnail::Playlist { .. }) => {
                let rendered = self.manifests.get(title, resource, tally).await?;
                Ok(Payload::Bytes(rendered.bytes(coding)))
            }
            Resource::Text(text) if text.is_rendered() => {
                let rendered = self.manifests.get(title, resource, tally).await?;
                Ok(Payload::Bytes(rendered.bytes(coding)))
            }
            Resource::Text(text) => {
                let bytes = text.bytes(title, tally).await?;
                Ok(Payload::Bytes(match coding {
                    Coding::Identity => bytes,
                    Coding::Gzip => {
                        let coded = coding::gzip(&bytes);
                        coded.map_err(|_| Fault::Bug("compressing failed"))?.into()
                    }
                }))
            }
            Resource::Thumbnail(wanted) => {
                let plan = thumbnails::plan(title, wanted, tally).await?;
                Ok(Payload::Plan(plan))
            }
            Resource::TrickPlay(wanted) => {
                let plan = trick_play::plan(title, wanted, self.config.read_ahead, tally).await?;
                Ok(match plan {
                    TrickPlan::Plan(plan) => Payload::Plan(plan),
                    TrickPlan::TransportStream(plan) => Payload::TransportStream(plan),
                })
            }
            Resource::Init { track: index } => Ok(Payload::Bytes(fmp4::init(track(index)?))),
            Resource::Segment {
                track: index,
                segment,
            } => {
                let plan = media::plan(title, track(index)?, segment, tally).await?;
                Ok(Payload::Plan(plan))
            }
            Resource::TsSegment { tracks, segment } => {
                let plan = ts::plan(title, tracks, segment, self.config.read_ahead, tally).await?;
                Ok(Payload::TransportStream(plan))
            }
            Resource::Fragment { fragment, noun } => {
                let plan = media::fragment(title, track(fragment.track)?, &fragment, noun, tally).await?;
                // Such as the key frames of a segment without any.
                if plan.length == 0 {
                    return Err(Fault::Resource);
                }
                Ok(Payload::Plan(plan))
            }
        }
    }

    async fn send(
        &self,
        title: &Arc<Title>,
        payload: Payload,
        selection: Selection,
        mut headers: HeaderMap,
        tally: &Arc<Tally>,
    ) -> Result<Answer, Fault> {
        let length = payload.length();
        let (status, range) = match selection {
            Selection::Whole => (StatusCode::OK, 0..length),
            Selection::Unsatisfiable => return Err(Fault::Range { length }),
            Selection::Part(range) => {
                let value = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                headers.extend(
                    HeaderValue::try_from(value)
                        .ok()
                        .map(|value| (CONTENT_RANGE, value)),
                );
                (StatusCode::PARTIAL_CONTENT, range)
            }
        };
        let sent = range.end - range.start;
        let content = match payload {
            Payload::Bytes(bytes) => {
                // Within the length, which came from a usize.
                let bound = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Content::Whole(bytes.slice(bound(range.start)..bound(range.end)))
            }
            Payload::Plan(plan) => {
                let parts = pieces::cut(plan, &range);
                let (title, tally) = (Arc::clone(title), Arc::clone(tally));
                let mut body = MediaBody::new(title, parts, tally, self.config.read_ahead);
                body.first_bytes().await?;
                Content::Media(Box::new(body))
            }
            Payload::TransportStream(plan) => {
                let (title, tally) = (Arc::clone(title), Arc::clone(tally));
                let mut body = TsBody::new(title, &plan, range, tally, self.config.read_ahead);
                body.first_bytes().await?;
                Content::TransportStream(Box::new(body))
            }
        };
        Ok(Answer {
            status,
            headers,
            content,
            length: Some(sent),
            has_body: true,
        })
    }

    fn preflight(&self, request: &HeaderMap) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(ALLOW, METHODS);
        self.config.allow_origin.preflight(request, &mut headers);
        Answer::empty(StatusCode::NO_CONTENT, headers)
    }

    /// Answers a fault, and says why in the log, here and nowhere else.
    fn refuse(&self, fault: &Fault, method: &Method, exchange: &mut Exchange) -> Answer {
        let verdict = fault.verdict();
        exchange.fault = Some(verdict.label);
        let (path, request_id, status) = (exchange.path(), exchange.id(), verdict.status.as_u16());
        if verdict.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(status, path, request_id, reason = %fault, "request failed");
        } else if verdict.status.is_server_error() {
            tracing::warn!(status, path, request_id, reason = %fault, "request failed");
        } else {
            tracing::debug!(status, path, request_id, reason = %fault, "request refused");
        }
        let text = Bytes::from(format!("{}\n", fault.text()));
        Answer {
            status: verdict.status,
            headers: fault.headers(&self.config.cache_control.absent),
            length: Some(text.len() as u64),
            content: Content::Whole(text),
            has_body: *method != Method::HEAD,
        }
    }
}
