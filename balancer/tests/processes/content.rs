//! Bodies that look different at every place, the same in every process.

use xxhash_rust::xxh3::xxh3_64;

/// Fills `space` with the bytes of `path`'s body from `offset` on.
pub(crate) fn fill(path: &str, offset: usize, space: &mut [u8]) {
    let seed = xxh3_64(path.as_bytes());
    for (index, byte) in space.iter_mut().enumerate() {
        let place = u64::try_from(offset + index).unwrap();
        let word = seed ^ (place / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *byte = word.rotate_left(17).to_le_bytes()[usize::try_from(place % 8).unwrap()];
    }
}

/// The size of `path`'s body: its last part.
pub(crate) fn size(path: &str) -> usize {
    path.rsplit('/').next().unwrap().parse().unwrap()
}
