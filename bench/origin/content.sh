#!/usr/bin/env bash
# Makes what the comparison serves, once: DIR/ladder (10 minutes, four video and
# two sound files, one with both) and DIR/movie (2 hours, pictures and sound in
# one file). Pictures are noise, so that the encoder fills its bit rate; a minute
# is encoded and repeated, because only sizes and counts matter here.
set -euo pipefail
dir=${1:?usage: content.sh DIR}
mkdir -p "$dir/ladder" "$dir/movie"
ffmpeg=(ffmpeg -nostdin -v error -y)
noise="testsrc2=size=640x360:rate=25,noise=alls=60:allf=t"

video() { # kbit/s, file
  [[ -f $2 ]] || "${ffmpeg[@]}" -f lavfi -i "$noise" -t 60 -c:v libx264 -preset veryfast -pix_fmt yuv420p \
    -g 50 -keyint_min 50 -sc_threshold 0 -bf 2 -flags +cgop \
    -b:v "${1}k" -maxrate "${1}k" -bufsize "${1}k" -x264-params nal-hrd=cbr:force-cfr=1 "$2"
}
sound() { # kbit/s, channels, file
  [[ -f $3 ]] || "${ffmpeg[@]}" -f lavfi -i "anoisesrc=color=pink:sample_rate=48000" -t 60 -ac "$2" -c:a aac -b:a "${1}k" "$3"
}
repeat() { # minutes, in, out
  [[ -f $3 ]] || "${ffmpeg[@]}" -stream_loop "$(($1 - 1))" -i "$2" -c copy -movflags +faststart "$3"
}

parts=$dir/parts
mkdir -p "$parts"
for rate in 400 1000 2500 5000; do
  video $rate "$parts/v$rate.mp4"
  repeat 10 "$parts/v$rate.mp4" "$dir/ladder/v$rate.mp4"
done
sound 64 2 "$parts/a64.mp4"
sound 128 2 "$parts/a128.mp4"
repeat 10 "$parts/a64.mp4" "$dir/ladder/a64.mp4"
repeat 10 "$parts/a128.mp4" "$dir/ladder/a128.mp4"
[[ -f $parts/m2500.mp4 ]] || "${ffmpeg[@]}" -i "$parts/v2500.mp4" -i "$parts/a128.mp4" -c copy "$parts/m2500.mp4"
repeat 10 "$parts/m2500.mp4" "$dir/ladder/m2500.mp4"
[[ -f $parts/m1000.mp4 ]] || "${ffmpeg[@]}" -i "$parts/v1000.mp4" -i "$parts/a128.mp4" -c copy "$parts/m1000.mp4"
repeat 120 "$parts/m1000.mp4" "$dir/movie/movie.mp4"

manifest() { # file, entries
  printf '<?xml version="1.0" encoding="utf-8"?>\n<smil xmlns="http://www.w3.org/2001/SMIL20/Language">\n<body><switch>\n%s</switch></body>\n</smil>\n' "$2" >"$1"
}
entries=
for rate in 400 1000 2500 5000; do
  entries+="<video src=\"v$rate.mp4\" systemBitrate=\"${rate}000\"/>"$'\n'
done
for rate in 64 128; do
  entries+="<audio src=\"a$rate.mp4\" systemBitrate=\"${rate}000\"><param name=\"trackName\" value=\"audio\" valueType=\"data\"/></audio>"$'\n'
done
manifest "$dir/ladder/ladder.ism" "$entries"
manifest "$dir/ladder/muxed.ism" $'<video src="m2500.mp4" systemBitrate="2500000"/>\n<audio src="m2500.mp4" systemBitrate="128000"/>\n'
echo "content: $(du -sh "$dir" | cut -f1) in $dir"
