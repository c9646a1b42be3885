//! The demo: every tier on this machine, and a page that plays the title.
fn main() {}
