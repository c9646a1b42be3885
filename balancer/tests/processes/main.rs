//! A balancer and origins as processes, which are killed, stopped, starved and replaced under load.
//!
//! This binary is all of them: it starts itself with another first argument.
//! As a test it runs the short forms. By hand, for longer, for another load or
//! against HAProxy with the same faults:
//!
//! ```sh
//! cargo test -p strata-balancer --test processes -- \
//!     chaos --seconds 600 --rate 2000 --seed 1 [--haproxy]
//! ```

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails may panic, and what it measures is to be read"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the threads that sleep here have no runtime to stall"
)]

mod chaos;
mod content;
mod load;
mod origin;
mod process;
mod upgrade;

use std::process::ExitCode;

/// As in the `strata` command, so that by hand the balancer costs what it does there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Name and body of each test.
const TESTS: [(&str, fn()); 2] = [
    ("no_request_fails_while_one_origin_of_six_is_ill", chaos::short),
    ("no_request_fails_while_the_binary_is_replaced", upgrade::short),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["origin", port] => origin::run(port.parse().unwrap()),
        ["balancer", config] => process::run_balancer(config.as_ref()),
        ["chaos", options @ ..] => chaos::by_hand(options),
        // What test runners ask of a binary that is not Rust's own harness.
        _ if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
            }
        }
        _ => {
            let asked = |name: &str| {
                let mut names = words.iter().filter(|word| !word.starts_with("--")).peekable();
                names.peek().is_none() || names.any(|word| name.contains(word))
            };
            for (name, test) in TESTS.iter().filter(|(name, _)| asked(name)) {
                println!("test {name}");
                test();
            }
        }
    }
    ExitCode::SUCCESS
}
