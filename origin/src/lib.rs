//! Packaging origin: sources, titles and the HTTP front.
