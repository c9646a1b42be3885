#!/usr/bin/env bash
# Makes the sample title in sample/title: four H.264 renditions, two AAC
# languages, thumbnails, and the server manifest. The same ffmpeg makes the same bytes.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/title}
font=${SAMPLE_FONT:-/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf}
seconds=70
gop_frames=50 # 2 s at 25 fps, closed, the same for every rendition

[[ -r $font ]] || { echo "no font at $font: set SAMPLE_FONT" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
[[ $out -ef $here/title ]] || cp "$here"/title/harbour-eng.vtt "$here"/title/harbour-fra.ttml "$out"

ffmpeg_() { ffmpeg -nostdin -hide_banner -loglevel error -y "$@"; }
bitexact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -map_chapters -1)

# --- Picture: the layers of a harbour at dusk, each moving its own way --------

# librsvg's pixels carry premultiplied alpha, hence the option of overlay.
inputs=()
for layer in sky sun land clouds ship waves-far sail waves-near lighthouse lamp; do
  ffmpeg_ -i "$here/artwork/$layer.svg" -pix_fmt rgba "$work/$layer.png"
  inputs+=(-loop 1 -framerate 25 -i "$work/$layer.png")
done
scene="
  [0][1]overlay=alpha=premultiplied:x=590:y='40+3.3*t':shortest=1[a];
  [a][2]overlay=alpha=premultiplied[b];
  [b][3]overlay=alpha=premultiplied:x='-9*t':y=40[c];
  [c][4]overlay=alpha=premultiplied:x='-300+15*t':y='300+3*sin(0.9*t)'[d];
  [d][5]overlay=alpha=premultiplied:x='-160+80*sin(0.35*t)':y=462[e];
  [e][6]overlay=alpha=premultiplied:x='1100-19*t':y='348+5*sin(1.4*t)'[f];
  [f][7]overlay=alpha=premultiplied:x='-240+120*sin(0.5*t+1)':y='590+4*sin(0.8*t)'[g];
  [g][8]overlay=alpha=premultiplied:x=880:y=226[h];
  [h][9]overlay=alpha=premultiplied:x=270:y=163:enable='lt(mod(t,2),0.32)',format=yuv420p[scene]"
# Lossless, once: every rendition is scaled from the same frames.
ffmpeg_ "${inputs[@]}" -filter_complex "$scene" -map '[scene]' -r 25 -t $seconds \
  -c:v libx264 -preset ultrafast -qp 0 "$work/scene.mkv"

# rendition <width> <height> <profile> <crf> <maxrate kb/s> <movflags>
rendition() {
  local width=$1 height=$2 profile=$3 crf=$4 maxrate=$5 movflags=$6
  local text="fontfile=$font:fontcolor=white:box=1:boxcolor=0x0b1026@0.62:boxborderw=$((height / 60))"
  local timecode="drawtext=$text:fontsize=$((height / 12)):x=w*0.035:y=h*0.84:timecode='00\:00\:00\:00':rate=25"
  local label="drawtext=$text:fontsize=$((height / 17)):x=w*0.035:y=h*0.06:text='${width}x${height}'"
  ffmpeg_ -i "$work/scene.mkv" -vf "scale=$width:$height:flags=lanczos+accurate_rnd+bitexact,$timecode,$label" \
    -an -c:v libx264 -preset slower -profile:v "$profile" -crf "$crf" -maxrate "${maxrate}k" -bufsize "$((maxrate * 2))k" \
    -g $gop_frames -keyint_min $gop_frames -sc_threshold 0 -flags:v +cgop -bf 3 \
    -x264-params "threads=1:open-gop=0:b-pyramid=normal" \
    -colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv \
    "${bitexact[@]}" -flags:v +bitexact+cgop -movflags "$movflags" "$out/harbour-$height.mp4"
}
rendition 256 144 main 27 120 +faststart
rendition 426 240 main 27 240 +faststart
# One file as a plain recorder leaves it: moov after mdat.
rendition 640 360 high 25 600 0
rendition 1280 720 high 22 1600 +faststart

# --- Thumbnails: a picture every 2 s, ten to an image -------------------------

ffmpeg_ -i "$out/harbour-360.mp4" -an -c:v mjpeg -q:v 4 -threads 1 -fps_mode passthrough -enc_time_base 1/1000 \
  -vf "select='not(mod(n\,50))',setpts=N*2/TB,scale=128:72:flags=lanczos+accurate_rnd+bitexact,tile=5x2" \
  "${bitexact[@]}" -video_track_timescale 1000 -movflags +faststart -f mp4 "$out/harbour-thumbnails.m4v"

# --- Sound: two languages nobody takes for one another ------------------------

# language <code> <expression>: the lamp's flash is heard every 2 s.
language() {
  ffmpeg_ -f lavfi -i "aevalsrc=exprs='$2|$2':s=48000:d=$seconds:c=stereo" \
    -c:a aac -b:a 64k -ar 48000 -metadata:s:a:0 language="$1" "${bitexact[@]}" -metadata:s:a:0 language="$1" \
    -movflags +faststart "$out/harbour-$1.mp4"
}
# English: a bright major arpeggio, four notes a second, bell at 880 Hz.
language eng "0.20*sin(2*PI*t*(261.63*eq(mod(floor(t*4),4),0)+329.63*eq(mod(floor(t*4),4),1)+392*eq(mod(floor(t*4),4),2)+523.25*eq(mod(floor(t*4),4),3)))*exp(-7*mod(t,0.25))+0.25*sin(2*PI*880*t)*exp(-9*mod(t,2))"
# French: a slow waltz in a low minor, bell at 1320 Hz.
language fra "0.30*sin(2*PI*t*(110*eq(mod(floor(t*1.5),3),0)+164.81*eq(mod(floor(t*1.5),3),1)+220*eq(mod(floor(t*1.5),3),2)))*exp(-2.5*mod(t,0.666667))+0.15*sin(2*PI*t*261.63)*exp(-3*mod(t,2))+0.20*sin(2*PI*1320*t)*exp(-9*mod(t,2))"

# --- The server manifest, as a packager writes it ----------------------------

probe() { ffprobe -v error -select_streams 0 -show_entries "stream=$2" -of default=nw=1:nk=1 "$1"; }
param() { printf '        <param name="%s" value="%s" valueType="data" />\n' "$1" "$2"; }
timescale() { probe "$1" time_base | cut -d/ -f2; }
# SPS and PPS behind start codes, in capitals, as CodecPrivateData has them.
parameter_sets() {
  ffmpeg_ -i "$1" -c copy -frames:v 1 -bsf:v h264_mp4toannexb,filter_units=pass_types=7-8 -f h264 - |
    od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
}
audio_config() {
  ffprobe -v error -show_streams -show_data "$1" | sed -n 's/^0[0-9a-f]*: \([0-9a-f ]*\)  .*/\1/p' | tr -d ' \n' | tr a-f A-F
}

{
  echo '<?xml version="1.0" encoding="utf-8"?>'
  echo '<smil xmlns="http://www.w3.org/2001/SMIL20/Language">'
  echo '  <head>'
  echo '    <meta name="clientManifestRelativePath" content="harbour.ismc" />'
  echo '  </head>'
  echo '  <body>'
  echo '    <switch>'
  for language in eng fra; do
    file=$out/harbour-$language.mp4
    echo "      <audio src=\"harbour-$language.mp4\" systemBitrate=\"$(probe "$file" bit_rate)\" systemLanguage=\"$language\">"
    param trackID 1
    param trackName "audio_$language"
    param TimeScale "$(timescale "$file")"
    param FourCC AACL
    param SamplingRate 48000
    param Channels 2
    param BitsPerSample 16
    param PacketSize 4
    param AudioTag 255
    param CodecPrivateData "$(audio_config "$file")"
    echo '      </audio>'
  done
  for height in 144 240 360 720; do
    file=$out/harbour-$height.mp4
    echo "      <video src=\"harbour-$height.mp4\" systemBitrate=\"$(probe "$file" bit_rate)\">"
    param trackID 1
    param trackName video
    param TimeScale "$(timescale "$file")"
    param FourCC AVC1
    param MaxWidth "$(probe "$file" width)"
    param MaxHeight "$(probe "$file" height)"
    param DisplayWidth "$(probe "$file" width)"
    param DisplayHeight "$(probe "$file" height)"
    param CodecPrivateData "$(parameter_sets "$file")"
    echo '      </video>'
  done
  # The texts are written by hand and lie beside what is made here.
  for text in eng.vtt fra.ttml; do
    echo "      <textstream src=\"harbour-$text\" systemBitrate=\"1000\" systemLanguage=\"${text%%.*}\">"
    param trackName "textstream_${text%%.*}"
    echo '      </textstream>'
  done
  file=$out/harbour-thumbnails.m4v
  echo "      <img src=\"harbour-thumbnails.m4v\" systemBitrate=\"$(probe "$file" bit_rate)\">"
  param trackID 1
  param trackName thumbnails
  param tiles 5x2
  echo '      </img>'
  echo '    </switch>'
  echo '  </body>'
  echo '</smil>'
} > "$out/harbour.ism"

du -ch "$out"/harbour* | tail -1
