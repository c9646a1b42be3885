//! Reading the nodes' agents: HAProxy's agent-check, from the side that asks.
//!
//! A connection, one line, the end. An agent that cannot be reached, or that
//! does not end its line, says nothing: what it said before holds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use strata_node::agent::{LINE_BYTES_MAX, Line};
use strata_node::config::Section;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::node::Node;
use crate::pool::Pool;

/// How agents are asked. Section `agent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentConfig {
    /// Time between two questions. Key `interval`; default `1s`.
    pub interval: Duration,
    /// Time for an answer. Key `timeout`; default `1s`.
    pub timeout: Duration,
}

impl AgentConfig {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        Self {
            interval: section.within("interval", second, Duration::from_millis(10)..=hour),
            timeout: section.within("timeout", second, Duration::from_millis(1)..=hour),
        }
    }
}

/// Asks the agent of one node for as long as it is polled, if the node has one.
pub(crate) async fn watch(node: Arc<Node>, pool: Arc<Pool>, config: AgentConfig) {
    let Some(address) = node.agent_address() else {
        return;
    };
    let mut was_heard = true;
    loop {
        let begun = tokio::time::Instant::now();
        let asked = async {
            let stream = TcpStream::connect(address).await?;
            read(stream).await
        };
        let asked = tokio::time::timeout(config.timeout, asked).await;
        let is_heard = matches!(asked, Ok(Ok(_)));
        match asked {
            Ok(Ok(line)) => {
                let told = line.to_string();
                if pool.hear_agent(&node, line) {
                    tracing::info!(node = node.id(), agent = told.trim_end(), "agent says");
                }
            }
            _ if was_heard => tracing::warn!(node = node.id(), %address, "agent says nothing"),
            _ => {}
        }
        was_heard = is_heard;
        tokio::time::sleep_until(begun + config.interval).await;
    }
}

/// The line of an agent.
async fn read(stream: TcpStream) -> io::Result<Line> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX));
    loop {
        let count = stream.read_buf(&mut bytes).await?;
        if let Some(line) = Line::parse(&bytes) {
            return Ok(line);
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
