//! What every node has in common as a network service.
