//! The balancer: one node for each request, and another when that one fails.
//!
//! Files are named after a request's way: its [`key`] finds candidates on the
//! [`ring`], the [`bound`] says which of them has room, the [`pool`] puts both
//! together with the nodes' [`health`], and the proxy carries request and
//! answer, with another [`attempt`] where one fails, even in mid-answer.

mod access;
pub mod attempt;
mod balancer;
pub mod bound;
pub mod budget;
mod check;
pub mod config;
mod exchange;
mod front;
pub mod health;
pub mod key;
pub mod metrics;
pub mod node;
mod peer;
pub mod pool;
mod proxy;
mod reply;
mod resume;
pub mod ring;

pub use balancer::{Balancer, BalancerError, run};
pub use config::BalancerConfig;
