#!/usr/bin/env bash
# Installs what this machine lacks, and nothing that it has.
#
#   scripts/setup.sh build   what compiling needs
#   scripts/setup.sh         that, and what tests and the demo need
#
# On Debian and its kin packages come from apt, with sudo when not root; on any
# other system the missing commands are named.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # command, Debian package
  command -v "$1" >/dev/null || missing+=("$2")
}

gstreamer_has() { # part
  local element
  case $1 in
    base) element=playback ;; good) element=soup ;; bad) element=smoothstreaming ;; libav) element=libav ;;
  esac
  compgen -G "/usr/lib/*/gstreamer-1.0/libgst$element.so" >/dev/null
}

need cmake cmake          # pingora builds zlib-ng with it
need cc build-essential   # ring, mimalloc and zstd are C
if [[ ${1:-all} != build ]]; then
  need ffmpeg ffmpeg              # source against output, packet by packet
  need xmllint libxml2-utils      # a second reader of the manifests
  need chromium chromium          # the players
  need gst-launch-1.0 gstreamer1.0-tools # a player of Smooth Streaming
  [[ -x /usr/sbin/haproxy ]] || missing+=(haproxy) # its decisions are compared with ours
  need node nodejs                # drives chromium
  need npm npm
  # Debian has venv apart from Python itself.
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  # Debian's python3 has no pip in its venvs without this.
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  need fc-list fontconfig
  # Chromium draws no text at all without a font.
  [[ -n $(fc-list 2>/dev/null) ]] || missing+=(fonts-dejavu-core)
fi

# GStreamer's parts, by an element of each: souphttpsrc, mssdemux, avdec_h264.
if [[ ${1:-all} != build ]]; then
  for part in base good bad; do
    gstreamer_has "$part" || missing+=("gstreamer1.0-plugins-$part")
  done
  gstreamer_has libav || missing+=(gstreamer1.0-libav)
fi

if (( ${#missing[@]} )); then
  if ! command -v apt-get >/dev/null; then
    echo "setup: please install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=()
  if (( EUID != 0 )); then
    command -v sudo >/dev/null || { echo "setup: as root, please: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

command -v cargo >/dev/null || { echo "setup: no cargo; see https://rustup.rs" >&2; exit 1; }

# npm leaves a copy of the lock behind; an older one, or none, means packages are missing.
# The page's own, and the parsers that read what the tests write.
if [[ ${1:-all} != build ]]; then
  for folder in demo/page media/tests/parsers; do
    lock=$folder/package-lock.json
    if [[ -f $lock && ! $folder/node_modules/.package-lock.json -nt $lock ]]; then
      echo "setup: installing the npm packages of $folder"
      npm --prefix "$folder" ci --no-audit --no-fund
    fi
  done
fi

# AWS as moto plays it, for the discovery of Auto Scaling groups.
moto_version=5.2.5
moto=$HOME/.cache/strata/moto-$moto_version
if [[ ${1:-all} != build && ! -x $moto/bin/moto_server ]]; then
  echo "setup: installing moto $moto_version"
  rm -rf "$moto"
  python3 -m venv "$moto"
  "$moto/bin/pip" install --quiet --disable-pip-version-check "moto[server,ec2,autoscaling]==$moto_version"
fi
