//! Configuration: YAML with positions, and command-line flags on top of it.
//!
//! A [`Document`] is read once and asked for its keys, section by section. Every
//! mistake is collected with its file, line and key instead of stopping at the
//! first one; keys that nobody asked for are mistakes too. [`Document::finish`]
//! hands the configuration out only when there was none.
//!
//! ```
//! use strata_node::config::{ByteSize, Document};
//!
//! struct Cache { memory: ByteSize }
//!
//! let document = Document::parse("node.yaml", "cache:\n  memory: 64MiB\n", Vec::new()).unwrap();
//! let mut cache = document.root().section("cache");
//! let cache = Cache { memory: cache.or("memory", ByteSize::mib(256)) };
//! let cache = document.finish(cache).unwrap();
//! assert_eq!(cache.memory, ByteSize::mib(64));
//! ```

mod document;
mod mistake;
mod section;
mod tree;
mod value;

pub use self::document::{Document, FILE_BYTES_MAX, Override};
pub use self::mistake::{Mistake, Mistakes, Place};
pub use self::section::Section;
pub use self::tree::DEPTH_MAX;
pub use self::value::{ByteSize, Value, choice};
