//! A bucket, or a prefix of one, as a store.

mod fault;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use futures_util::stream::{self, StreamExt};
use strata_cache::{Chunk, ChunkBuilder};

use self::fault::Limits;
pub(super) use self::fault::chain;
use super::{ObjectMeta, Opened, Source, SourceBody, SourceError, SourceFault};

/// The region named in signatures when an endpoint is given without one: what
/// servers other than AWS expect.
const REGION_OF_OTHER_ENDPOINTS: &str = "us-east-1";

/// An object that no title has. Asking for it tells a store that is reachable
/// and knows its bucket from one that is not, without the right to list.
const PROBE_OBJECT: &str = ".strata-probe";

/// How to reach a bucket. Credentials come from the SDK's chain: environment,
/// profile, container or instance role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// Put before every object's name, with a slash between; may be empty.
    pub prefix: String,
    /// The server, when it is not AWS: `http://127.0.0.1:9000`.
    pub endpoint: Option<String>,
    /// The region. Default: what the SDK's chain finds, or `us-east-1` with
    /// an endpoint.
    pub region: Option<String>,
    /// Whether the bucket stands in the path rather than in the host name.
    pub path_style: bool,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time until a request has been answered; the body comes after.
    pub attempt_timeout: Duration,
}

/// The client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum S3ConnectError {
    /// AWS needs a region, and neither configuration nor the SDK's chain has one.
    #[error("no region: set store.region or AWS_REGION")]
    Region,
}

/// Objects of a bucket below a prefix.
///
/// An object's version is its `ETag`, and every read carries `If-Match`.
#[derive(Debug)]
pub struct S3Source {
    client: Client,
    /// Opens a connection for each request.
    apart: Client,
    name: String,
    bucket: String,
    prefix: String,
    limits: Limits,
}

impl S3Source {
    /// Prepares a client with what the SDK finds in its environment. Sends
    /// nothing to the bucket yet.
    ///
    /// # Errors
    /// [`S3ConnectError`].
    pub async fn connect(config: &S3Config) -> Result<Self, S3ConnectError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
        // Named before the chain is asked: its last resort is a request to
        // the instance's metadata, which elsewhere takes seconds to fail.
        let fallback = config.endpoint.as_ref().map(|_| REGION_OF_OTHER_ENDPOINTS);
        if let Some(region) = config.region.as_deref().or(fallback) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        Self::with_sdk(&loader.load().await, config)
    }

    /// Prepares a client with credentials, and a region where `config` has
    /// none, from `sdk`.
    ///
    /// # Errors
    /// [`S3ConnectError`].
    pub fn with_sdk(sdk: &SdkConfig, config: &S3Config) -> Result<Self, S3ConnectError> {
        let configured = config.region.clone().map(Region::new);
        let region = configured.or_else(|| sdk.region().cloned());
        let region = region.or_else(|| {
            let fallback = Region::from_static(REGION_OF_OTHER_ENDPOINTS);
            config.endpoint.is_some().then_some(fallback)
        });
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(config.connect_timeout)
            .operation_attempt_timeout(config.attempt_timeout)
            .build();
        let mut client = aws_sdk_s3::config::Builder::from(sdk)
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client())
            .region(region.ok_or(S3ConnectError::Region)?)
            // The store in front tries again, with bodies that broke off as well.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .force_path_style(config.path_style)
            // Ranges have no checksum to validate; asking costs a header.
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        if let Some(endpoint) = &config.endpoint {
            client = client.endpoint_url(endpoint);
        }
        let prefix = config.prefix.trim_matches('/').to_owned();
        let client = client.build();
        let apart = client.to_builder().http_client(http_client_apart()).build();
        Ok(Self {
            client: Client::from_conf(client),
            apart: Client::from_conf(apart),
            name: format!("s3://{}/{prefix}", config.bucket),
            bucket: config.bucket.clone(),
            prefix,
            limits: Limits {
                connect_timeout: config.connect_timeout,
                attempt_timeout: config.attempt_timeout,
            },
        })
    }

    fn key(&self, object: &str) -> String {
        if self.prefix.is_empty() {
            object.to_owned()
        } else {
            format!("{}/{object}", self.prefix)
        }
    }

    async fn get(
        &self,
        client: &Client,
        object: &str,
        version: Option<&str>,
        range: &Range<u64>,
    ) -> Result<GetObjectOutput, SourceFault> {
        let last = range.end.saturating_sub(1);
        client
            .get_object()
            .bucket(&self.bucket)
            .key(self.key(object))
            .range(format!("bytes={}-{last}", range.start))
            .set_if_match(version.map(str::to_owned))
            .send()
            .await
            .map_err(|error| fault::of(&error, &self.limits))
    }

    async fn look_up(&self, object: &str) -> Result<ObjectMeta, SourceFault> {
        let output = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(self.key(object))
            .send()
            .await
            .map_err(|error| fault::of(&error, &self.limits))?;
        let size = output.content_length().and_then(|size| u64::try_from(size).ok());
        meta(size, output.e_tag(), output.last_modified())
    }

    async fn open_at(&self, object: &str, head_size: u64) -> Result<Opened, SourceFault> {
        let output = match self.get(&self.client, object, None, &(0..head_size.max(1))).await {
            Ok(output) => output,
            Err(fault) if fault::is_unsatisfiable_range(&fault) => {
                // Only an empty object lacks a first byte.
                let meta = self.look_up(object).await?;
                return Ok(Opened {
                    meta,
                    head: Chunk::from_vec(Vec::new()),
                });
            }
            Err(fault) => return Err(fault),
        };
        let size = output.content_range().and_then(complete_length);
        let meta = meta(size, output.e_tag(), output.last_modified())?;
        let head = collect(output.body, head_size.max(1).min(meta.size)).await?;
        Ok(Opened { meta, head })
    }

    /// The body of exactly `range`, if it is of `version`.
    async fn body_at(
        &self,
        client: &Client,
        object: &str,
        version: &str,
        range: &Range<u64>,
    ) -> Result<ByteStream, SourceFault> {
        let output = self.get(client, object, Some(version), range).await?;
        // A server that ignores If-Match must not slip other bytes in.
        if output.e_tag() != Some(version) {
            return Err(SourceFault::Changed);
        }
        let begins = output
            .content_range()
            .and_then(|text| text.strip_prefix("bytes "));
        let begins = begins.and_then(|text| text.split('-').next()?.parse::<u64>().ok());
        if begins != Some(range.start) {
            return Err(SourceFault::broken("the answer is not the range asked for"));
        }
        Ok(output.body)
    }

    async fn stream_by(
        &self,
        client: &Client,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let body = self.body_at(client, object, version, &range).await;
        let body = body.map_err(|fault| SourceError::new(object, fault))?;
        let object: Arc<str> = object.into();
        let frames = stream::unfold(body, move |mut body| {
            let object = Arc::clone(&object);
            async move {
                let frame = body.next().await?.map_err(|error| SourceError {
                    object,
                    fault: SourceFault::broken(chain(&error)),
                });
                Some((frame, body))
            }
        });
        Ok(frames.boxed())
    }

    async fn read_at(&self, object: &str, version: &str, range: &Range<u64>) -> Result<Chunk, SourceFault> {
        if range.is_empty() {
            return Ok(Chunk::from_vec(Vec::new()));
        }
        let body = self.body_at(&self.client, object, version, range).await?;
        collect(body, range.end - range.start).await
    }
}

#[async_trait]
impl Source for S3Source {
    fn name(&self) -> &str {
        &self.name
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        let result = self.look_up(object).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        let result = self.open_at(object, head_size).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        let result = self.read_at(object, version, &range).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.stream_by(&self.client, object, version, range).await
    }

    async fn stream_apart(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.stream_by(&self.apart, object, version, range).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        match self.get(&self.client, PROBE_OBJECT, None, &(0..1)).await {
            Ok(_) => Ok(()),
            Err(fault) => fault::of_probe(fault).map_err(|fault| SourceError::new("", fault)),
        }
    }
}

pub(super) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Keeps no connection, and so never sends a request over one that is there.
fn http_client_apart() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .pool_max_idle_per_host(0)
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Gathers a body of exactly `size` bytes.
async fn collect(mut body: ByteStream, size: u64) -> Result<Chunk, SourceFault> {
    let size = usize::try_from(size).map_err(|_| SourceFault::broken("range exceeds memory"))?;
    let mut chunk = ChunkBuilder::new(size);
    while let Some(frame) = body.next().await {
        let frame = frame.map_err(|error| SourceFault::broken(chain(&error)))?;
        chunk
            .push(&frame)
            .map_err(|error| SourceFault::broken(error.to_string()))?;
    }
    chunk
        .finish()
        .map_err(|error| SourceFault::broken(error.to_string()))
}

fn meta(
    size: Option<u64>,
    etag: Option<&str>,
    modified: Option<&DateTime>,
) -> Result<ObjectMeta, SourceFault> {
    Ok(ObjectMeta {
        size: size.ok_or_else(|| SourceFault::broken("the answer does not tell the object's size"))?,
        version: etag
            .ok_or_else(|| SourceFault::broken("the answer has no ETag"))?
            .into(),
        modified: modified.and_then(|time| SystemTime::try_from(*time).ok()),
    })
}

/// The whole object's size, from `bytes 0-99/1234` (RFC 9110 §14.4).
fn complete_length(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_an_object_is_read_from_a_content_range() {
        assert_eq!(complete_length("bytes 0-99/1234"), Some(1234));
        assert_eq!(complete_length("bytes 0-99/*"), None);
        assert_eq!(complete_length("bytes"), None);
    }
}
