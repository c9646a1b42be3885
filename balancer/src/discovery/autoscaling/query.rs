//! Signed requests in the AWS Query protocol: a form goes out, XML comes back.
//!
//! Signatures, credentials and TLS are the SDK's own crates'; why not the
//! clients generated on top of them, docs/decisions/ says.

use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Mutex;

use super::super::DiscoveryError;
use super::answer;

/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Credentials are asked for anew when they end within this time.
const CREDENTIALS_MARGIN: Duration = Duration::from_secs(300);

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A service and the version of its API that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Autoscaling,
    Ec2,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Autoscaling => "autoscaling",
            Self::Ec2 => "ec2",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Autoscaling => "2011-01-01",
            Self::Ec2 => "2016-11-15",
        }
    }
}

/// A way to ask, with credentials.
#[derive(Debug)]
pub(super) struct Query {
    connector: Connector,
    provider: SharedCredentialsProvider,
    credentials: Mutex<Option<Credentials>>,
    region: String,
    endpoint: Option<String>,
}

impl Query {
    /// Finds region and credentials as the SDK does. Asks nothing of AWS yet.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub(super) async fn connect(
        region: Option<&str>,
        endpoint: Option<&str>,
    ) -> Result<Self, DiscoveryError> {
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(ring())
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client);
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        Self::with_sdk(&loader.load().await, endpoint)
    }

    /// Takes region and credentials from `sdk`.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub(super) fn with_sdk(sdk: &SdkConfig, endpoint: Option<&str>) -> Result<Self, DiscoveryError> {
        let missing = |reason: &str| DiscoveryError::Api {
            call: "credentials",
            reason: reason.to_owned(),
        };
        let region = sdk.region().ok_or_else(|| missing("no region is set"))?;
        let provider = sdk
            .credentials_provider()
            .ok_or_else(|| missing("none were found"))?;
        Ok(Self {
            connector: Connector::builder().tls_provider(ring()).build(),
            provider,
            credentials: Mutex::default(),
            region: region.to_string(),
            endpoint: endpoint.map(str::to_owned),
        })
    }

    /// Sends one action and returns its answer.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Api`] with what went wrong, or what AWS says.
    pub(super) async fn ask(
        &self,
        service: Service,
        action: &'static str,
        fields: &[(String, String)],
    ) -> Result<String, DiscoveryError> {
        let failed = |reason: String| DiscoveryError::Api { call: action, reason };
        let request = self.request(service, action, fields).await.map_err(failed)?;
        let response = self.connector.call(request).await;
        let response = response.map_err(|error| failed(chain(&error)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        if status == 200 {
            return Ok(text.into_owned());
        }
        let complaint = answer::complaint(&text).unwrap_or_default();
        Err(failed(format!("{status} {complaint}")))
    }

    async fn request(
        &self,
        service: Service,
        action: &'static str,
        fields: &[(String, String)],
    ) -> Result<HttpRequest, String> {
        let url = self.url(service);
        let uri: Uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
        let host = uri.authority().ok_or("an endpoint without a host")?.to_string();
        let body = form(service, action, fields);
        let identity = self.credentials().await?.into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service.name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = [("host", host.as_str()), ("content-type", FORM)];
        let signable = SignableRequest::new(
            "POST",
            &url,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )
        .map_err(|error| error.to_string())?;
        let signed = sign(signable, &params).map_err(|error| error.to_string())?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(HOST, host)
            .header(CONTENT_TYPE, FORM)
            .body(SdkBody::from(body))
            .map_err(|error| error.to_string())?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|error| error.to_string())
    }

    fn url(&self, service: Service) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None => {
                let end = if self.region.starts_with("cn-") { ".cn" } else { "" };
                format!("https://{}.{}.amazonaws.com{end}/", service.name(), self.region)
            }
        }
    }

    async fn credentials(&self) -> Result<Credentials, String> {
        let mut kept = self.credentials.lock().await;
        let soon = SystemTime::now() + CREDENTIALS_MARGIN;
        let lasts = |credentials: &Credentials| credentials.expiry().is_none_or(|end| soon < end);
        if let Some(credentials) = kept.as_ref().filter(|credentials| lasts(credentials)) {
            return Ok(credentials.clone());
        }
        let fresh = self.provider.provide_credentials().await;
        let fresh = fresh.map_err(|error| chain(&error))?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }
}

/// The one crypto library of the binary.
fn ring() -> tls::Provider {
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)
}

fn form(service: Service, action: &str, fields: &[(String, String)]) -> String {
    let mut form = format!("Action={action}&Version={}", service.version());
    for (name, value) in fields {
        form.push('&');
        form.push_str(name);
        form.push('=');
        form.extend(utf8_percent_encode(value, RESERVED));
    }
    form
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
