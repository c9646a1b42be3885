//! The HTTP front: a request becomes a plan, and the plan a response.
//!
//! ```text
//! server ── service ── route ── Catalog::title ── resource
//!                                                    │
//!                 conditional (304, 412) ◀── ETag ───┤
//!                                                    ▼
//!                        manifest (rendered once) or plan (length known)
//!                                                    │
//!                        range (206, 416) ───────────┤
//!                                                    ▼
//!                  first bytes at hand ──▶ head ──▶ body, as it comes
//! ```
//!
//! Whatever fails before the head becomes a status, in `fault` and nowhere
//! else; whatever fails after it breaks the connection, because a short body
//! must never look like a whole one.

mod answer;
mod body;
mod coding;
mod conditional;
mod config;
mod cors;
mod etag;
mod exchange;
mod fault;
mod hls;
mod manifest;
mod media;
mod metrics;
mod pieces;
mod query;
mod range;
mod route;
mod server;
mod service;
mod target;
mod text;
mod thumbnails;
mod trick_play;
mod ts;

pub use config::{CacheControl, HttpConfig};
pub use cors::AllowOrigin;
pub use metrics::HttpMetrics;
pub use server::serve;
pub use service::Front;
pub use target::title_of;
