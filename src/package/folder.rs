//! A folder that only whole files get their names in.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// What a file is called until it is whole, behind its name.
const UNFINISHED: &str = ".unfinished";

/// The folder.
pub(super) struct Folder {
    path: PathBuf,
    replaces: bool,
    /// Folders that are known to be there.
    made: HashSet<PathBuf>,
}

/// A file that is being written. It is removed when it is dropped unfinished.
pub(super) struct Unfinished {
    file: File,
    path: PathBuf,
    unfinished: Option<PathBuf>,
}

impl Folder {
    /// The folder at `path`, which is made when it is not there. Files in it are
    /// replaced when it `replaces`.
    pub(super) fn open(path: &Path, replaces: bool) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            path: path.to_owned(),
            replaces,
            made: HashSet::new(),
        })
    }

    /// Starts the file `name`, whose folders have slashes between them.
    pub(super) fn create(&mut self, name: &str) -> anyhow::Result<Unfinished> {
        let is_within = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        ensure!(
            is_within && !name.contains('\0'),
            "{name:?} is not a name within the folder"
        );
        let path = self.path.join(name);
        if !self.replaces && path.try_exists().unwrap_or(true) {
            bail!("{}: is there already; --force replaces it", path.display());
        }
        if let Some(parent) = path.parent()
            && !self.made.contains(parent)
        {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
            self.made.insert(parent.to_owned());
        }
        let unfinished = PathBuf::from(format!("{}{UNFINISHED}", path.display()));
        let file = File::create(&unfinished).with_context(|| unfinished.display().to_string())?;
        Ok(Unfinished {
            file,
            path,
            unfinished: Some(unfinished),
        })
    }
}

impl Unfinished {
    pub(super) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.said(|file| file.write_all(bytes))
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if let Some(unfinished) = self.unfinished.take() {
            fs::rename(&unfinished, &self.path).with_context(|| self.path.display().to_string())?;
        }
        Ok(())
    }

    fn said(&mut self, work: impl FnOnce(&mut File) -> io::Result<()>) -> anyhow::Result<()> {
        work(&mut self.file).with_context(|| self.path.display().to_string())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(unfinished) = &self.unfinished {
            // Nothing is left to do when it cannot be removed; its name says what it is.
            let _ = fs::remove_file(unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(&root.path().join("out"), false).unwrap();
        let path = root.path().join("out/a/b(1)");
        let mut file = folder.create("a/b(1)").unwrap();
        file.write(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(fs::read_dir(root.path().join("out/a")).unwrap().count(), 0);
        let mut file = folder.create("a/b(1)").unwrap();
        file.write(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(folder.create("a/b(1)").is_err());
        let mut folder = Folder::open(&root.path().join("out"), true).unwrap();
        folder.create("a/b(1)").unwrap().finish().unwrap();
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), false).unwrap();
        for name in ["", "/etc/x", "../x", "a/../x", "a//b", "a/.", "a\0b"] {
            assert!(folder.create(name).is_err(), "{name:?}");
        }
    }
}
