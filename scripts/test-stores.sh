#!/usr/bin/env bash
# Runs the tests of the S3 source against an S3 server that is not ours: the one that
# STRATA_STORE_ENDPOINT and STRATA_STORE_BUCKET name, with the credentials of
# AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or else Garage, which is installed from
# crates.io on the first run (a quarter of an hour) and kept in .cache.
set -euo pipefail
cd "$(dirname "$0")/.."

garage_version=2.5.0
garage_root=$PWD/.cache/garage-$garage_version
garage=$garage_root/bin/garage

# Its target directory and features are not ours.
install_garage() {
  [[ -x $garage ]] && return
  echo "test-stores: installing garage $garage_version into $garage_root"
  cargo install garage --version "$garage_version" --locked --root "$garage_root" \
    --target-dir "$garage_root/build"
  rm -rf "$garage_root/build"
}

free_ports() { # how many
  python3 - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}

# Sets the variables that name the server; it ends with this script.
start_garage() {
  local run rpc_port s3_port key
  run=$(mktemp -d)
  read -r rpc_port s3_port < <(free_ports 2)
  cat >"$run/garage.toml" <<TOML
metadata_dir = "$run/meta"
data_dir = "$run/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc_port"
rpc_public_addr = "127.0.0.1:$rpc_port"
rpc_secret = "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$s3_port"
TOML
  RUST_LOG=garage=warn "$garage" -c "$run/garage.toml" server >"$run/log" 2>&1 &
  local server=$!
  # shellcheck disable=SC2064 # as they are now
  trap "kill $server; wait $server || true; rm -rf '$run'" EXIT
  tell() { "$garage" -c "$run/garage.toml" "$@"; }
  local id
  for _ in {1..100}; do
    kill -0 "$server" 2>/dev/null || { cat "$run/log" >&2; exit 1; }
    tell status >/dev/null 2>&1 && break
    sleep 0.1
  done
  id=$(tell node id -q | cut -d@ -f1)
  tell layout assign -z local -c 1G "$id" >/dev/null
  tell layout apply --version 1 >/dev/null
  tell bucket create contract >/dev/null
  key=$(tell key create contract)
  tell bucket allow --read --write contract --key contract >/dev/null
  field() { sed -n "s/^$1: *//p" <<<"$key"; }
  export STRATA_STORE_ENDPOINT=http://127.0.0.1:$s3_port STRATA_STORE_BUCKET=contract
  AWS_ACCESS_KEY_ID=$(field 'Key ID') AWS_SECRET_ACCESS_KEY=$(field 'Secret key') AWS_REGION=garage
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
}

if [[ -z ${STRATA_STORE_ENDPOINT:-} ]]; then
  install_garage
  start_garage
fi
cargo test --locked --package strata-origin --lib -- --ignored outer
