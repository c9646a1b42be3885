//! What every node has in common as a network service.
//!
//! Origins and balancers read their configuration, name their titles, log
//! their accesses, answer their operator and stop in the same way; this crate
//! is that way. It knows nothing of media, caches or routing.

pub mod access_log;
pub mod admin;
pub mod agent;
pub mod config;
pub mod exposition;
pub mod headers;
pub mod imds;
pub mod listen;
mod process;
pub mod request_id;
pub mod shutdown;
pub mod telemetry;
pub mod title_path;
