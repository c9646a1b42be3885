//! Source files made by ffmpeg, once for each recipe.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Changes whenever the same recipe shall make another file.
const VERSION: u32 = 1;

/// Pictures and sound of three seconds.
pub const VIDEO: &str = "-f lavfi -i testsrc2=s=64x64:r=25:d=3";
pub const SOUND: &str = "-f lavfi -i sine=440:d=3:sample_rate=48000";
pub const X264: &str = "-c:v libx264 -preset veryfast -g 25 -bf 2 -sc_threshold 0";
pub const AAC: &str = "-c:a aac -b:a 32k";

/// How a source is made.
pub struct Recipe {
    arguments: String,
    ending: &'static str,
}

impl Recipe {
    /// By ffmpeg with the words of `arguments`; `ending` is that of the file's name.
    pub fn new(arguments: impl Into<String>, ending: &'static str) -> Self {
        Self {
            arguments: arguments.into(),
            ending,
        }
    }

    /// An MP4 file.
    pub fn mp4(arguments: impl Into<String>) -> Self {
        Self::new(arguments, "mp4")
    }

    /// Pictures in H.264 and sound in AAC.
    pub fn muxed(options: &str) -> Self {
        Self::mp4(format!("{VIDEO} {SOUND} {X264} {AAC} {options}"))
    }

    /// The file, which is made when it is not there: tests that run at the same time
    /// may both make it, and neither sees a part of it.
    pub fn path(&self) -> PathBuf {
        let Self { arguments, ending } = self;
        let recipe = format!("{VERSION} {ending} {arguments}");
        let hash = xxhash_rust::xxh3::xxh3_128(recipe.as_bytes());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix");
        let path = folder.join(format!("{hash:032x}.{ending}"));
        if !path.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            let part = folder.join(format!("{hash:032x}-{}.{ending}", std::process::id()));
            let output = Command::new("ffmpeg")
                .args(["-v", "error", "-nostdin", "-y"])
                .args(arguments.split_whitespace())
                .arg(&part)
                .output()
                .expect("ffmpeg is installed");
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "ffmpeg {arguments}: {words}");
            std::fs::rename(part, &path).unwrap();
        }
        path
    }
}
