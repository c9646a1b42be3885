//! A short run of a target without a fuzzer: every input of its kept corpus, and each
//! of them damaged in reproducible ways.

use std::path::{Path, PathBuf};

/// Runs `target` over the corpus `name` and over `damaged` versions of each input.
pub fn replay(name: &str, damaged: usize, target: fn(&[u8])) {
    let folder = corpus(name);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    for (seed, path) in (1..).zip(&paths) {
        let input = std::fs::read(path).unwrap();
        attempt(path, 0, &input, target);
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        for number in 1..=damaged {
            attempt(path, number, &damage(&input, &mut random), target);
        }
    }
}

fn corpus(name: &str) -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.join("../fuzz/corpus").join(name)
}

/// Names the input when it fails.
fn attempt(path: &Path, number: usize, input: &[u8], target: fn(&[u8])) {
    let outcome = std::panic::catch_unwind(|| target(input));
    if outcome.is_err() {
        let kept = std::env::temp_dir().join(format!("strata-fuzz-{number}"));
        let _ = std::fs::write(&kept, input);
        panic!(
            "{}, damaged in way {number}: kept as {}",
            path.display(),
            kept.display()
        );
    }
}

/// A small generator of reproducible numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap_or(0)
    }
}

/// Numbers at which arithmetic breaks.
const EDGES: [u32; 8] = [
    0,
    1,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0xffff_fffe,
    0x0001_0000,
];

fn damage(input: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = input.to_vec();
    for _ in 0..=random.below(4) {
        if out.is_empty() {
            break;
        }
        let at = random.below(out.len());
        match random.below(7) {
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = u8::try_from(random.below(256)).unwrap_or(0),
            2 => {
                let edge = EDGES[random.below(EDGES.len())].to_be_bytes();
                let end = out.len().min(at + 4);
                out[at..end].copy_from_slice(&edge[..end - at]);
            }
            3 => out.truncate(at),
            4 => {
                let count = random.below(64);
                let end = out.len().min(at + count);
                out.drain(at..end);
            }
            5 => {
                let end = out.len().min(at + random.below(64));
                let again = out[at..end].to_vec();
                let to = random.below(out.len());
                out.splice(to..to, again);
            }
            _ => {
                let byte = b"<>&;:=\"'/.-%{}[]()\0\xff"[random.below(20)];
                out.insert(at, byte);
            }
        }
    }
    out
}
