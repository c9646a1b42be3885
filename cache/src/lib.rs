//! Immutable chunks of sources in memory, filled once however many ask.
