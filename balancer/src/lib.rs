//! The balancer: one node for each request, and another when that one fails.
//!
//! Files are named after a request's way: its [`key`] finds candidates on the
//! [`ring`], the [`bound`] says which of them has room, the [`pool`] puts both
//! together with the nodes' [`health`], and the proxy carries request and
//! answer, with another [`attempt`] where one fails, even in mid-answer.

mod access;
pub mod agent;
mod asked;
pub mod attempt;
mod attend;
mod balancer;
pub mod bound;
pub mod budget;
mod check;
pub mod choice;
pub mod config;
pub mod discovery;
mod exchange;
mod front;
pub mod health;
pub mod hedge;
mod http2;
pub mod key;
mod members;
pub mod metrics;
pub mod node;
pub mod observe;
mod peer;
pub mod pool;
mod proxy;
mod relay;
mod reload;
mod reply;
mod resume;
pub mod ring;
pub mod rules;
mod settings;
mod signals;
pub mod standing;
pub mod status;
mod tending;
mod trace;
mod upgrade;
pub mod zone;

pub use balancer::{Balancer, BalancerError, run};
pub use config::BalancerConfig;
pub use front::tls::TlsError;
pub use reload::ConfigSource;
