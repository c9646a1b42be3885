//! Packaging origin: MP4 titles in a folder or an S3 bucket, served as DASH
//! and HLS just in time.
//!
//! ```text
//! http ──▶ asset ──▶ source ──▶ folder, S3
//!   │        │          ▲
//!   │        └─ media (pure): readers, presentation, plans, manifests
//!   └─ cache: chunks and indexes in memory and on disk, manifests in memory
//! ```
//!
//! - [`source`]: where titles are; bounded, timed, counted.
//! - [`asset`]: titles, loaded once however many ask, kept like the store.
//! - [`http`]: requests become plans, plans become responses.
//! - [`load`]: what the node can take, and whom it tells.
//! - [`InProcess`]: all of that without a socket.
//! - [`Origin`]: all of it as a node, with its operator's listener and drain.
//!
//! # Invariants
//!
//! - No byte of media is copied between the cache and the socket.
//! - The length of a response is known before any of its media is read.
//! - Bytes of two versions of a source never meet in a response: each read
//!   names the version it wants.
//! - Every node gives the same answer, `ETag` included, to the same request.

mod config;
mod in_process;
mod origin;

pub mod asset;
pub mod http;
pub mod load;
pub mod source;

pub use config::{DiskSettings, OriginConfig, Place, StoreConfig};
pub use in_process::InProcess;
pub use origin::{Origin, StartError, open, run};
