//! What is read from the store to serve a title, against what is sent of it.

use std::process::Command;

use crate::rig::Rig;

/// Bytes read for each 100 bytes of media, at most, from a file whose tracks are well
/// interleaved.
const READ_PERCENT_MAX: f64 = 105.0;

#[tokio::test]
async fn a_well_interleaved_file_is_read_once_for_all_of_its_segments() {
    let folder = tempfile::TempDir::new().unwrap();
    let arguments = "-v error -nostdin -f lavfi -i testsrc2=s=320x180:r=25:d=24,noise=alls=40:allf=t \
                     -f lavfi -i sine=440:d=24:sample_rate=48000 -c:v libx264 -preset ultrafast -g 50 -crf 18 \
                     -c:a aac -b:a 128k -movflags +faststart film.mp4";
    let made = Command::new("ffmpeg")
        .args(arguments.split_whitespace())
        .current_dir(folder.path())
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    let rig = Rig::over_folder(folder.path(), "cache:\n  chunk_size: 256KiB\n").await;
    let mut media = 0;
    let playlists = rig.playlist("/film.mp4/.m3u8").await;
    // Key frames are parts of the same media once more.
    for playlist in playlists.iter().filter(|name| !name.starts_with("keyframes/")) {
        let answer = rig.get(&format!("/film.mp4/{playlist}")).await;
        assert_eq!(answer.status, 200, "{playlist}");
        let segments: Vec<&str> = answer
            .text()
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(segments.len() >= 3, "{playlist}");
        for segment in segments {
            let answer = rig.get(&format!("/film.mp4/{segment}")).await;
            assert_eq!(answer.status, 200, "{segment}");
            media += media_bytes(&answer.body);
        }
    }
    let read = rig.metric("strata_origin_store_bytes_total").await;
    let percent = 100.0 * read / media as f64;
    assert!(
        (100.0..=READ_PERCENT_MAX).contains(&percent),
        "{read} bytes read for {media} of media: {percent:.2} %"
    );
}

/// Bytes in the `mdat` boxes of a segment.
fn media_bytes(mut segment: &[u8]) -> usize {
    let mut media = 0;
    while let Some((size, rest)) = segment.split_first_chunk() {
        let size = u32::from_be_bytes(*size) as usize;
        if &rest[..4] == b"mdat" {
            media += size - 8;
        }
        segment = &segment[size..];
    }
    media
}
