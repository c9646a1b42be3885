//! Where reports go: a folder with `report.json` and `report.html`.

use std::io;
use std::path::{Path, PathBuf};

use super::{Report, html};

/// The file that checkpoints go to while a test runs; the end removes it.
const PARTIAL: &str = "report.partial.json";

/// A folder for the results of one test.
#[derive(Debug, Clone)]
pub struct Output {
    folder: PathBuf,
}

/// Results could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct WriteError {
    path: PathBuf,
    reason: io::Error,
}

impl Output {
    /// The folder, made when it is not there, and checked to take files:
    /// better to know before the test than after.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn new(folder: &Path) -> Result<Self, WriteError> {
        std::fs::create_dir_all(folder).map_err(|reason| WriteError {
            path: folder.to_owned(),
            reason,
        })?;
        let output = Self {
            folder: folder.to_owned(),
        };
        output.put(PARTIAL, b"{}\n")?;
        Ok(output)
    }

    /// A folder within it, such as for one value of a sweep.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn inner(&self, name: &str) -> Result<Self, WriteError> {
        Self::new(&self.folder.join(name))
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> PathBuf {
        self.folder.join("report.html")
    }

    /// The JSON.
    #[must_use]
    pub fn json(&self) -> PathBuf {
        self.folder.join("report.json")
    }

    /// Keeps what there is while the test runs.
    ///
    /// # Errors
    /// When it cannot be written; what was kept before is still there.
    pub fn checkpoint(&self, report: &Report) -> Result<(), WriteError> {
        self.put(PARTIAL, &json(report))
    }

    /// Writes both files. When one cannot be written the last checkpoint stays.
    ///
    /// # Errors
    /// What could not be written.
    pub fn finish(&self, report: &Report) -> Result<(), WriteError> {
        self.put("report.json", &json(report))?;
        self.put("report.html", html(report).as_bytes())?;
        // It says nothing that the report does not; a leftover is marked as what it is.
        let _ = std::fs::remove_file(self.folder.join(PARTIAL));
        Ok(())
    }

    /// Writes a page beside them, such as a sweep's.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn other(&self, name: &str, content: &[u8]) -> Result<PathBuf, WriteError> {
        self.put(name, content)?;
        let _ = std::fs::remove_file(self.folder.join(PARTIAL));
        Ok(self.folder.join(name))
    }

    /// All or nothing: beside it first, then in its place.
    fn put(&self, name: &str, content: &[u8]) -> Result<(), WriteError> {
        let path = self.folder.join(name);
        let beside = self.folder.join(format!(".{name}.new"));
        let written = std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|reason| {
            // Half a file is of no use, and the room it takes may be what is short.
            let _ = std::fs::remove_file(&beside);
            WriteError { path, reason }
        })
    }
}

/// Reads a report, such as one to compare with.
///
/// # Errors
/// When it cannot be read, is no report, or one of a later version's.
pub fn read(path: &Path) -> Result<Report, ReadError> {
    let path = if path.is_dir() {
        path.join("report.json")
    } else {
        path.to_owned()
    };
    let fault = |reason: String| ReadError {
        path: path.clone(),
        reason,
    };
    let text = std::fs::read(&path).map_err(|error| fault(error.to_string()))?;
    let report: Report =
        serde_json::from_slice(&text).map_err(|error| fault(format!("is not a report: {error}")))?;
    if report.format != super::FORMAT {
        return Err(fault(format!(
            "has format {}, this program reads {}",
            report.format,
            super::FORMAT
        )));
    }
    Ok(report)
}

/// A report could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ReadError {
    path: PathBuf,
    reason: String,
}

fn json(report: &Report) -> Vec<u8> {
    // Fails for maps without textual keys only, which reports have none of.
    let mut text = serde_json::to_vec_pretty(report).unwrap_or_default();
    text.push(b'\n');
    text
}
