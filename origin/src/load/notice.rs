//! Learning that the instance will be taken away, up to two minutes before it is.
//!
//! A spot interruption, a rebalance recommendation and the Auto Scaling group's
//! own plans are told by the instance's metadata only, and there only to the
//! instance itself: so it is the origin that tells the balancers.

use strata_node::admin::Readiness;
use strata_node::imds::{Client, ImdsError};
use tokio::time::{MissedTickBehavior, interval};

use super::LoadState;
use super::config::NoticeConfig;

/// Paths below `/latest/meta-data/`, each absent (404) while there is nothing to tell.
const SPOT: &str = "spot/instance-action";
const REBALANCE: &str = "events/recommendations/rebalance";
const LIFECYCLE: &str = "autoscaling/target-lifecycle-state";

/// Asks again and again for as long as it is polled; not at all without an endpoint.
pub(super) async fn run(state: &LoadState, config: &NoticeConfig, readiness: &Readiness) {
    let Some(endpoint) = &config.imds else { return };
    let mut client = Client::new(endpoint.clone());
    let mut ticks = interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut was_heard, mut told) = (true, None);
    loop {
        ticks.tick().await;
        match reason(&mut client).await {
            Ok(reason) => {
                was_heard = true;
                if reason == told {
                    continue;
                }
                match &reason {
                    Some(reason) => tracing::warn!(reason, "the instance will go: no new requests, please"),
                    None => tracing::info!("the instance will stay after all"),
                }
                state.leave(reason.clone(), readiness);
                told = reason;
            }
            // What was told before holds.
            Err(error) if was_heard => {
                was_heard = false;
                tracing::warn!(%error, "the instance's metadata say nothing");
            }
            Err(_) => {}
        }
    }
}

/// Why the instance will go, if it will.
async fn reason(client: &mut Client) -> Result<Option<String>, ImdsError> {
    if let Some(action) = client.get(SPOT).await? {
        return Ok(Some(format!("spot interruption: {}", one_line(&action))));
    }
    if let Some(time) = client.get(REBALANCE).await? {
        return Ok(Some(format!("rebalance recommendation: {}", one_line(&time))));
    }
    // The state that the group wants the instance to reach.
    let target = client.get(LIFECYCLE).await?.unwrap_or_default();
    let target = target.trim();
    let leaves = ["Terminated", "Detached", "Standby", "Warmed:"];
    let leaves = leaves.iter().any(|state| target.starts_with(state));
    Ok(leaves.then(|| format!("target lifecycle state: {target}")))
}

/// Longest notice that is passed on, in bytes.
const NOTICE_BYTES_MAX: usize = 200;

fn one_line(text: &str) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    let mut text = text.join(" ");
    text.truncate(text.floor_char_boundary(NOTICE_BYTES_MAX));
    text
}
