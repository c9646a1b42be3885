//! An S3 server kept in memory, for the demo and the tests.
//!
//! It speaks the S3 REST API over real HTTP with real SigV4 signatures, so that
//! what is tested against it is what runs against S3: conditional requests,
//! byte ranges, listings, multipart uploads. Its other half is misbehaving on
//! command: [`Fault`]s are switched on and off while it runs, and every request
//! is counted and kept in a bounded [`Journal`].
//!
//! Never linked into the production binary.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use strata_s3_server::{Effect, Fault, Operation, Server};
//!
//! let server = Server::start("127.0.0.1:0".parse()?, "access", "secret").await?;
//! server.store().create_bucket("titles");
//! server.store().put("titles", "film.mp4", "bytes");
//! server.faults().inject(
//!     Fault::new(Effect::slow_down()).on(Operation::GetObject).under("titles/film").times(3),
//! );
//! // … point an S3 client at server.endpoint() …
//! let gets = server.journal().count(Operation::GetObject).requests;
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod api;
mod body;
mod connection;
mod fault;
mod journal;
mod operation;
mod precondition;
mod server;
mod store;

pub use fault::{Effect, Ending, Fault, FaultId, Faults};
pub use journal::{Count, Entry, JOURNAL_ENTRIES_MAX, Journal};
pub use operation::{OPERATION_COUNT, Operation};
pub use server::{Server, StartError};
pub use store::{OBJECT_BYTES_MAX, Object, Store};
