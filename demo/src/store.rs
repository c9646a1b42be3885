//! The S3 side: a server in this process, and the titles uploaded to it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use strata_s3_server::Server;

/// The bucket all titles are in.
pub(crate) const BUCKET: &str = "strata-demo";
/// Who may read it.
pub(crate) const ACCESS_KEY: &str = "strata";
/// Not a secret: the server listens on the loopback interface and lives as long as the demo.
pub(crate) const SECRET_KEY: &str = "strata-demo-secret";

/// Keys of what can be played.
#[derive(Clone, Debug)]
pub(crate) struct Titles {
    /// What the page offers: server manifests, or else plain files.
    pub(crate) listed: Vec<String>,
    /// These and the plain files, each of which is a title of its own.
    pub(crate) all: Vec<String>,
}

/// The running S3 server.
pub(crate) struct Bucket {
    pub(crate) server: Arc<Server>,
    client: Client,
}

impl Bucket {
    /// Starts the server and makes the bucket.
    pub(crate) async fn start(address: SocketAddr) -> anyhow::Result<Bucket> {
        let server = Server::start(address, ACCESS_KEY, SECRET_KEY).await?;
        let client = client(&server.endpoint());
        client
            .create_bucket()
            .bucket(BUCKET)
            .send()
            .await
            .context("the bucket could not be made")?;
        Ok(Bucket {
            server: Arc::new(server),
            client,
        })
    }

    /// Uploads every file under `folder` through the S3 API.
    pub(crate) async fn upload(&self, folder: &Path) -> anyhow::Result<Titles> {
        let files = files_under(folder).with_context(|| format!("--titles {}", folder.display()))?;
        for (key, path) in &files {
            let body = ByteStream::from_path(path)
                .await
                .with_context(|| path.display().to_string())?;
            let put = self.client.put_object().bucket(BUCKET).key(key).body(body);
            put.send()
                .await
                .with_context(|| format!("{key} could not be uploaded"))?;
        }
        // What was counted so far is ours, not the origins'.
        self.server.journal().reset();
        let keys = |extension: &str| -> Vec<String> {
            files
                .iter()
                .map(|(key, _)| key.clone())
                .filter(|key| has_extension(key, extension))
                .collect()
        };
        let (manifests, files) = (keys("ism"), keys("mp4"));
        let all = [manifests.clone(), files.clone()].concat();
        ensure!(
            !all.is_empty(),
            "there is no .ism and no .mp4 file in {}",
            folder.display()
        );
        Ok(Titles {
            listed: if manifests.is_empty() { files } else { manifests },
            all,
        })
    }

    /// Stops the server, breaking what is left after its grace.
    pub(crate) async fn shutdown(self) {
        if let Some(server) = Arc::into_inner(self.server) {
            server.shutdown().await;
        }
    }
}

fn client(endpoint: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "demo"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// Every regular file and its path below `folder`, in the order of the paths.
fn files_under(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut folders = vec![(folder.to_owned(), String::new())];
    let mut files = Vec::new();
    while let Some((folder, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
            // Follows symbolic links: titles are often linked into place.
            let metadata = std::fs::metadata(entry.path())?;
            if metadata.is_dir() {
                folders.push((entry.path(), format!("{key}/")));
            } else if metadata.is_file() {
                files.push((key, entry.path()));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn has_extension(key: &str, extension: &str) -> bool {
    Path::new(key)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn titles_of(files: &[&str]) -> anyhow::Result<Titles> {
        let folder = tempfile::tempdir()?;
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            std::fs::write(path, file)?;
        }
        let bucket = Bucket::start("127.0.0.1:0".parse()?).await?;
        let titles = bucket.upload(folder.path()).await?;
        for file in files {
            assert_eq!(bucket.server.store().get(BUCKET, file).unwrap().bytes, *file);
        }
        Ok(titles)
    }

    #[tokio::test]
    async fn server_manifests_are_the_titles_when_there_are_any() {
        let titles = titles_of(&["film.ISM", "film-1.mp4", "shows/pilot.ism"])
            .await
            .unwrap();
        assert_eq!(titles.listed, ["film.ISM", "shows/pilot.ism"]);
        assert_eq!(titles.all, ["film.ISM", "shows/pilot.ism", "film-1.mp4"]);
    }

    #[tokio::test]
    async fn plain_files_are_titles_when_there_is_no_server_manifest() {
        let titles = titles_of(&["b.mp4", "a.mp4", "notes.txt"]).await.unwrap();
        assert_eq!(titles.listed, ["a.mp4", "b.mp4"]);
    }

    #[tokio::test]
    async fn a_folder_without_a_title_is_refused() {
        let error = titles_of(&["notes.txt"]).await.unwrap_err();
        assert!(error.to_string().contains("no .ism and no .mp4"), "{error}");
    }
}
