//! Titles: from names in the store to presentations in memory.
//!
//! ```text
//! Catalog::title ── in memory, fresh ──────────────▶ Title
//!      │ absent or stale
//!      ▼
//! one load a title (however many ask) ── bounded in number and time
//!      │
//!      ├─ film.ism  → the files that it names ─┐
//!      └─ film.mp4  → itself ──────────────────┤
//!                                              ▼
//!                       each file once: head, then the rest of its moov
//!                                              ▼
//!                                Presentation::assemble → Title
//!                                                            │ ?filter=, ?vbegin=, ?vend=
//! Catalog::shaped ─────────────────── Presentation::shaped → Title
//! ```

mod catalog;
mod error;
mod formats;
mod freshness;
mod images;
mod load;
mod location;
mod metrics;
mod movie;
mod packaging;
mod record;
mod samples;
mod shapes;
mod text;
mod title;

pub use catalog::{Catalog, CatalogConfig};
pub use error::LoadError;
pub use load::{FILES_MAX, INDEX_BYTES_MAX};
pub use location::{LocationError, resolve};
pub use metrics::CatalogMetrics;
pub use packaging::Packaging;
pub use samples::SamplesError;
pub(crate) use samples::read_ranges;
pub use shapes::ShapeFault;
pub use title::Title;
