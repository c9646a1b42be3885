//! What an operator asks of the running process by a signal.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that asks for something. From the moment there is one of these, it no
/// longer ends the process, which it does by default.
pub(crate) struct OperatorSignal(Option<Signal>);

impl OperatorSignal {
    /// To read files again: SIGHUP.
    pub(crate) fn reload() -> Self {
        Self::by(SignalKind::hangup(), "SIGHUP")
    }

    /// To hand over to a new process: SIGUSR2.
    pub(crate) fn upgrade() -> Self {
        Self::by(SignalKind::user_defined2(), "SIGUSR2")
    }

    fn by(kind: SignalKind, name: &'static str) -> Self {
        let signal = signal(kind);
        Self(
            signal
                .inspect_err(|error| tracing::warn!(%error, name, "a signal is not listened to"))
                .ok(),
        )
    }

    /// Waits for the next one. Those that come while nobody waits are one. Never, where it cannot be listened to.
    pub(crate) async fn received(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
