#!/usr/bin/env bash
# Makes the inputs of fuzz/corpus/mp4 and fuzz/corpus/jpeg that ffmpeg can make: one small
# file for each form a reader has to know. What the fuzzers have found is kept beside them.
set -euo pipefail
cd "$(dirname "$0")/corpus/mp4"

make() { # name, options
  local name=$1; shift
  # shellcheck disable=SC2086
  ffmpeg -v error -nostdin -y "$@" -fflags +bitexact -flags:v +bitexact -flags:a +bitexact "$name"
}
video=(-f lavfi -i testsrc2=s=16x16:r=5:d=2)
sound=(-f lavfi -i sine=440:d=1:sample_rate=8000)
x264=(-c:v libx264 -preset veryfast -crf 45 -g 4 -bf 2 -sc_threshold 0)
aac=(-c:a aac -b:a 8k)

make progressive.mp4 "${video[@]}" "${sound[@]}" "${x264[@]}" "${aac[@]}"
make moov-first.mp4 "${video[@]}" "${x264[@]}" -movflags +faststart
make signed-offsets.mp4 "${video[@]}" "${x264[@]}" -movflags +negative_cts_offsets
make late.mp4 -itsoffset 0.5 "${video[@]}" "${x264[@]}"
make quicktime.mov "${video[@]}" "${sound[@]}" "${x264[@]}" "${aac[@]}"
make lossless.mov "${sound[@]}" -c:a alac
make h265.mp4 "${video[@]}" -c:v libx265 -preset ultrafast -crf 45 -x265-params log-level=none:keyint=5 -tag:v hev1
make av1.mp4 "${video[@]}" -c:v libaom-av1 -cpu-used 8 -crf 60
make vp9-opus.mp4 "${video[@]}" -f lavfi -i sine=440:d=0.3 -c:v libvpx-vp9 -crf 60 -c:a libopus -b:a 8k
make dolby.mp4 -f lavfi -i sine=440:d=0.2:sample_rate=48000 -c:a eac3 -b:a 32k
make base-offset.mp4 "${video[@]}" "${sound[@]}" "${x264[@]}" "${aac[@]}" -movflags frag_keyframe+empty_moov
make moof-base.mp4 "${video[@]}" "${x264[@]}" -movflags frag_keyframe+empty_moov+default_base_moof+skip_trailer
make one-index.cmfv "${video[@]}" "${x264[@]}" -movflags dash+frag_keyframe+delay_moov+global_sidx -f mp4
make many-indexes.cmfv "${video[@]}" "${x264[@]}" -movflags dash+frag_keyframe+delay_moov+skip_trailer -f mp4
make samples-then-fragments.mp4 "${video[@]}" "${x264[@]}" -movflags frag_keyframe
make smooth.ismv "${video[@]}" "${sound[@]}" "${x264[@]}" "${aac[@]}" -f ismv
printf '1\n00:00:00,000 --> 00:00:01,000\nOne <i>two</i>\n\n2\n00:00:01,500 --> 00:00:02,000\nThree\n' >text.srt
make timed-text.mp4 "${video[@]}" -i text.srt "${x264[@]}" -c:s mov_text
make web-text.mp4 -i text.srt -c:s webvtt
rm text.srt

cd ../jpeg
make plain.jpg -f lavfi -i color=gray:s=16x8 -frames:v 1
make shape.jpg -f lavfi -i color=gray:s=8x24,setsar=4/3 -frames:v 1 -pix_fmt yuvj444p
