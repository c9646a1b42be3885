//! Viewers: who comes when, what they choose, and how each of them watches.
//!
//! What a viewer decides is pure ([`Viewer`], [`Habits`]): virtual time uses the
//! same. What it asks for, and of whom, is [`attend`]'s.

mod attend;
pub mod catalogue;
pub mod film;
mod habits;
mod manifest;
mod popularity;
mod tally;
mod viewer;

pub use self::attend::{Plan, attend};
pub use self::habits::{Choice, Habits, HabitsError, Protocol, Shares};
pub use self::popularity::Popularity;
pub use self::tally::Tally;
pub use self::viewer::{Reel, Step, Viewer};
