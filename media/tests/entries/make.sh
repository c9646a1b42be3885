#!/usr/bin/env bash
# Makes the sample entries that the codec tests read, with ffmpeg: one file an
# entry, the bytes of the first box in the first track's `stsd`.
#
# Needs ffmpeg with libx264, libx265, libaom, libvpx, libopus and libmp3lame, and python3.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# entry NAME EXTENSION FFMPEG-ARGUMENTS…
entry() {
    local name=$1 file=$work/$1.$2
    shift 2
    ffmpeg -v error -y "$@" -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -strict -2 "$file"
    python3 - "$file" "$name.bin" <<'PYTHON'
import struct, sys

def find(data, path):
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", data[at + 8:at + 16])[0], 16
        if name.decode("latin1") == path[0]:
            body = data[at + head:at + size]
            return find(body, path[1:]) if path[1:] else body
        at += size

stsd = find(open(sys.argv[1], "rb").read(), ["moov", "trak", "mdia", "minf", "stbl", "stsd"])
size = struct.unpack(">I", stsd[8:12])[0]
open(sys.argv[2], "wb").write(stsd[8:8 + size])
PYTHON
}

picture=(-f lavfi -i "testsrc2=size=320x180:rate=25:duration=0.2")
sound() { echo "-f lavfi -i sine=frequency=440:sample_rate=$1:duration=0.2 -ac $2"; }
hdr=(-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc)

entry avc1 mp4 "${picture[@]}" -c:v libx264 -profile:v high -pix_fmt yuv420p
entry avc1-pal mp4 -f lavfi -i "testsrc2=size=720x576:rate=25:duration=0.2" -vf setsar=16/11 -c:v libx264 \
    -profile:v main -pix_fmt yuv420p -x264-params interlaced=1 -color_primaries bt470bg -color_trc bt709 -colorspace bt470bg
entry avc3 mp4 "${picture[@]}" -c:v libx264 -profile:v baseline -pix_fmt yuv420p -tag:v avc3
entry avc1-high444 mp4 "${picture[@]}" -c:v libx264 -pix_fmt yuv444p -vf crop=318:178
entry hvc1 mp4 "${picture[@]}" -c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -x265-params log-level=none:info=0
entry hev1-hdr10 mp4 "${picture[@]}" -c:v libx265 -pix_fmt yuv420p10le -tag:v hev1 "${hdr[@]}" \
    -x265-params "log-level=none:info=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:scaling-list=default:bframes=4"
entry av01 mp4 "${picture[@]}" -c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p
entry av01-hlg mp4 "${picture[@]}" -c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p10le -color_primaries bt2020 \
    -color_trc arib-std-b67 -colorspace bt2020nc
entry vp09 mp4 "${picture[@]}" -c:v libvpx-vp9 -pix_fmt yuv420p
entry mp4a-aac mp4 $(sound 48000 2) -c:a aac -b:a 128k
entry mp4a-aac-5-1 mp4 $(sound 48000 6) -c:a aac
entry mp4a-quicktime mov $(sound 44100 2) -c:a aac
entry mp4a-mp3 mp4 $(sound 44100 2) -c:a libmp3lame
entry ac-3 mp4 $(sound 48000 6) -c:a ac3
entry ec-3 mp4 $(sound 48000 6) -c:a eac3
entry opus mp4 $(sound 48000 2) -c:a libopus
entry opus-7-1 mp4 $(sound 48000 8) -c:a libopus -mapping_family 1
entry flac mp4 $(sound 96000 2) -c:a flac
entry alac mp4 $(sound 44100 2) -c:a alac
printf '1\n00:00:00,000 --> 00:00:01,000\nHello\n' > "$work/text.srt"
entry tx3g mp4 -i "$work/text.srt" -c:s mov_text
entry stpp mp4 -i "$work/text.srt" -c:s ttml
