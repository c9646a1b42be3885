//! HLS: master and media playlists, RFC 8216 and its successor draft.
