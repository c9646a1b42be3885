//! TLS for clients: certificates that are read again when their files change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// What clients may choose from, the best first. RFC 7301.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files of one certificate. An item of `tls.certificates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain in PEM, the server's own certificate first. Key `certificate`; required.
    pub certificate: PathBuf,
    /// Its private key in PEM. Key `key`; required.
    pub key: PathBuf,
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of the kind.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file holds no certificate.
    #[error("{}: holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate and its key do not go together, or are of a kind that is not spoken.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// The certificates, and what sets up connections with them. Clones are the same.
#[derive(Clone)]
pub(crate) struct Tls {
    files: Arc<ArcSwap<Vec<CertificateFiles>>>,
    certificates: Arc<Certificates>,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// Reads the certificates. The first one is for clients that name no server, or one that none is for.
    pub(crate) fn new(files: &[CertificateFiles]) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let certificates = Arc::new(Certificates {
            list: ArcSwap::from_pointee(load(files, &provider)?),
            provider: Arc::clone(&provider),
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificates) as _);
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self {
            files: Arc::new(ArcSwap::from_pointee(files.to_vec())),
            certificates,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the certificates again. When one of them cannot be used, all stay as they are.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let list = load(&self.files.load(), &self.certificates.provider)?;
        self.certificates.list.store(Arc::new(list));
        Ok(())
    }

    /// Reads other certificates from now on. When one of them cannot be used, all stay as they are.
    pub(crate) fn replace(&self, files: &[CertificateFiles]) -> Result<(), TlsError> {
        let list = load(files, &self.certificates.provider)?;
        self.files.store(Arc::new(files.to_vec()));
        self.certificates.list.store(Arc::new(list));
        Ok(())
    }

    /// What tells that a file has changed.
    pub(crate) fn versions(&self) -> Vec<Option<FileVersion>> {
        let files = self.files.load();
        let paths = files.iter().flat_map(|files| [&files.certificate, &files.key]);
        paths.map(|path| file_version(path).ok()).collect()
    }
}

/// A file's time of change and its size.
pub(crate) type FileVersion = (SystemTime, u64);

/// What tells that a file has changed.
pub(crate) fn file_version(path: &Path) -> io::Result<FileVersion> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

struct Certificates {
    list: ArcSwap<Vec<Arc<CertifiedKey>>>,
    provider: Arc<CryptoProvider>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let list = self.list.load();
        if list.len() == 1 {
            return list.first().cloned();
        }
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| list.iter().find(|certificate| is_for(certificate, &name)));
        named.or(list.first()).cloned()
    }
}

fn is_for(certificate: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let own = certificate.end_entity_cert().ok();
    let parsed = own.and_then(|own| ParsedCertificate::try_from(own).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

fn load(files: &[CertificateFiles], provider: &CryptoProvider) -> Result<Vec<Arc<CertifiedKey>>, TlsError> {
    files.iter().map(|files| load_one(files, provider)).collect()
}

fn load_one(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let path = &files.certificate;
    let in_file = |source| TlsError::File {
        path: path.clone(),
        source,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(in_file)?;
    if chain.is_empty() {
        return Err(TlsError::Empty { path: path.clone() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::File {
        path: files.key.clone(),
        source,
    })?;
    // Also checks that the key is the certificate's.
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|source| TlsError::Certificate {
        path: path.clone(),
        source,
    })
}
