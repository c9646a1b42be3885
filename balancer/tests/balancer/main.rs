//! The balancer over real sockets, in front of origins that misbehave.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod answers;
mod autoscaling;
mod breaks;
mod client;
mod clients;
mod connections;
mod drain;
mod front;
mod haproxy;
mod health;
mod hedges;
mod load;
mod members;
mod origin;
mod relays;
mod reloads;
mod resumes;
mod retries;
mod smuggling;
mod stage;
mod standing;
