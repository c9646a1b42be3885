//! Loads thumbnails that lie in files of their own.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Warning};
use strata_media::read::ism::TrackReference;
use strata_media::read::jpeg;
use strata_media::read::text::{self, TextFormat};
use strata_media::thumbnail::{self, FILES_MAX, ImageFile, NamedImages, SideImages};

use super::error::LoadError;
use super::location;
use super::movie;
use super::text::read_whole;
use crate::source::{Opened, SourceObject, SourceReader, Tally};

/// Thumbnails, or why there are none: a title is served without them then.
pub(super) struct Images {
    /// As the server manifest names them.
    src: String,
    /// The objects they were read from.
    objects: Vec<SourceObject>,
    /// With places in `objects` for the files of the title.
    side: Result<SideImages, String>,
    /// An object that is not to be had.
    absent: Option<String>,
}

impl Images {
    /// The objects, in the order in which [`Self::add_to`] takes them to be.
    pub(super) fn objects(&self) -> &[SourceObject] {
        &self.objects
    }

    /// The object that is not to be had, when that is why there are no thumbnails.
    pub(super) fn absent(&self) -> Option<&str> {
        self.absent.as_deref()
    }

    /// Adds the thumbnails to `presentation`; the first of [`Self::objects`] is the
    /// title's file `first`.
    pub(super) fn add_to(self, presentation: &mut Presentation, first: u32) {
        match self.side {
            Ok(mut side) => {
                for image in &mut side.files {
                    image.file = FileIndex(image.file.0.saturating_add(first));
                }
                presentation.add_images(side);
            }
            Err(reason) => {
                let src = self.src;
                presentation.warnings.push(Warning::NoThumbnails { src, reason });
            }
        }
    }
}

/// What loading takes.
pub(super) struct ImageLoader<'a> {
    pub(super) reader: &'a SourceReader,
    /// The title's name in the store.
    pub(super) title: &'a str,
    /// Files read at the same time.
    pub(super) concurrency: usize,
    pub(super) tally: &'a Arc<Tally>,
}

impl ImageLoader<'_> {
    /// Loads what `named` names. What is wrong with the files is told in the result.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn load(&self, named: NamedImages) -> Result<Images, LoadError> {
        let src = named.reference().map(|reference| reference.src.clone());
        let mut objects = Vec::new();
        let side = match &named {
            NamedImages::Images(references) => self.images(references, &mut objects).await,
            NamedImages::Sprites(reference) => self.sprites(reference, &mut objects).await,
        };
        let (side, absent) = match side {
            Ok(side) => (Ok(side), None),
            Err(Failure::Files(reason)) => (Err(reason), None),
            Err(Failure::Absent { object, reason }) => (Err(reason), Some(object)),
            Err(Failure::Load(error)) => return Err(error),
        };
        Ok(Images {
            src: src.unwrap_or_default(),
            objects,
            side,
            absent,
        })
    }

    async fn images(
        &self,
        references: &[TrackReference],
        objects: &mut Vec<SourceObject>,
    ) -> Result<SideImages, Failure> {
        let names = references.iter().map(|reference| reference.src.as_str());
        let files = self.open_all(self.title, names.collect(), objects).await?;
        let first = references.first().ok_or_else(|| Failure::files("no image"))?;
        SideImages::of_images(first, files).map_err(Failure::files)
    }

    async fn sprites(
        &self,
        reference: &TrackReference,
        objects: &mut Vec<SourceObject>,
    ) -> Result<SideImages, Failure> {
        let object = location::resolve(self.title, &reference.src).map_err(Failure::files)?;
        let opened = self.open(&object).await?;
        if text::FILE_SIZE_MAX as u64 <= opened.meta.size {
            return Err(Failure::files("the file is too large"));
        }
        let bytes = read_whole(self.reader.store(), &object, &opened, self.tally).await;
        let bytes = bytes.map_err(LoadError::of_file)?;
        objects.push(SourceObject::opened(self.reader.clone(), &object, &opened));
        let read = text::read(&bytes, TextFormat::WebVtt).map_err(Failure::files)?;
        let sprites = thumbnail::sprites(&read.document).map_err(Failure::files)?;
        let names = thumbnail::images(&sprites);
        let files = self.open_all(&object, names, objects).await?;
        SideImages::of_sprites(reference, &sprites, files).map_err(Failure::files)
    }

    /// Opens the images `names`, written in the object `base`.
    async fn open_all(
        &self,
        base: &str,
        names: Vec<&str>,
        objects: &mut Vec<SourceObject>,
    ) -> Result<Vec<ImageFile>, Failure> {
        if FILES_MAX < names.len() {
            let reason = format!("{} files, over the limit of {FILES_MAX}", names.len());
            return Err(Failure::files(reason));
        }
        let mut opens = Vec::with_capacity(names.len());
        for name in names {
            let object = location::resolve(base, name).map_err(Failure::files)?;
            opens.push(self.open_image(object));
        }
        let concurrency = self.concurrency.max(1);
        let opened: Vec<_> = stream::iter(opens).buffered(concurrency).try_collect().await?;
        let mut files = Vec::with_capacity(opened.len());
        for (object, pixels) in opened {
            let file = FileIndex(u32::try_from(objects.len()).unwrap_or(u32::MAX));
            let size = object.meta().size;
            objects.push(object);
            files.push(ImageFile { file, size, pixels });
        }
        Ok(files)
    }

    /// An image, and its size in pixels.
    async fn open_image(&self, object: String) -> Result<(SourceObject, (u32, u32)), Failure> {
        let opened = self.open(&object).await?;
        let pixels = jpeg::size(opened.head.bytes());
        let pixels = pixels.map_err(|error| Failure::files(format!("{object}: {error}")))?;
        let object = SourceObject::opened(self.reader.clone(), &object, &opened);
        Ok((object, pixels))
    }

    async fn open(&self, object: &str) -> Result<Opened, Failure> {
        let opened = movie::open(self.reader.store(), object, self.tally).await;
        opened.map_err(|error| match LoadError::of_file(error) {
            LoadError::File(error) => Failure::Absent {
                object: object.to_owned(),
                reason: error.to_string(),
            },
            error => Failure::Load(error),
        })
    }
}

/// Why there are no thumbnails.
enum Failure {
    /// The files are to blame: every load would find the same.
    Files(String),
    /// One of them is not in the store, or may not be read.
    Absent {
        /// Its name.
        object: String,
        /// What the store says.
        reason: String,
    },
    /// The store is.
    Load(LoadError),
}

impl Failure {
    fn files(reason: impl ToString) -> Self {
        Self::Files(reason.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}
