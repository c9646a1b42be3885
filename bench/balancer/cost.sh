#!/usr/bin/env bash
# What a request costs the balancer, in CPU, beside HAProxy: same machine, same
# origins, same load, one after the other.
#
#   bench/balancer/cost.sh [seconds, default 5] [rounds, default 3]
#
# Core 0 has the proxy and nothing else, core 1 the origins (nginx) and the load
# (wrk). CPU comes from the proxy's own /proc/PID/task/*/schedstat, so what the
# load generator takes does not count. Medians of the rounds. Needs two idle
# cores, haproxy, nginx-light and wrk, and target/release/strata (make build).
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-5}
rounds=${2:-3}
strata=${STRATA:-target/release/strata}
origins=6
connections=16

PATH=$PATH:/usr/sbin
for command in haproxy nginx wrk taskset; do
  command -v "$command" >/dev/null || { echo "bench: $command is missing" >&2; exit 1; }
done
[[ -x $strata ]] || { echo "bench: no $strata; run: make build" >&2; exit 1; }

folder=$(mktemp -d)
pids=()
stop() {
  (( ${#pids[@]} )) && kill "${pids[@]}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$folder"
}
trap stop EXIT

start() { # core, command …: its pid is in $pid
  taskset -c "$1" "${@:2}" >"$folder/${2##*/}.log" 2>&1 &
  pid=$!
  pids+=("$pid")
}

await() { # port
  for _ in $(seq 500); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.02
  done
  echo "bench: nobody listens on port $1" >&2
  exit 1
}

# One nginx listens for all origins: what they cost is not measured.
mkdir "$folder/www"
head -c 1024 /dev/urandom >"$folder/www/1k"
head -c 1048576 /dev/urandom >"$folder/www/1m"
# Below the ports that the system gives out itself.
base=$((20000 + RANDOM % 10000))
{
  (( EUID )) || echo "user root;"
  echo "daemon off; worker_processes 1; pid $folder/nginx.pid; error_log stderr;"
  echo "events { worker_connections 4096; }"
  echo "http { access_log off; sendfile on; tcp_nopush off; keepalive_requests 100000000; keepalive_timeout 60s; root $folder/www;"
  for number in $(seq "$origins"); do
    echo "server { listen 127.0.0.1:$((base + number)); location /readyz { return 200; } }"
  done
  echo "}"
} >"$folder/nginx.conf"
start 1 nginx -p "$folder" -c "$folder/nginx.conf"
for number in $(seq "$origins"); do await $((base + number)); done

haproxy_conf() { # splice option or nothing, port
  cat <<CONF
frontend clients
  bind 127.0.0.1:$2
  default_backend origins
backend origins
  balance uri
  ${1:-}
CONF
  for number in $(seq "$origins"); do echo "  server o$number 127.0.0.1:$((base + number))"; done
}

cpu() { # pid: nanoseconds that all its threads have had
  cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

median() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

measure() { # name, pid, port
  local name=$1 pid=$2 port=$3 file before after requests errors
  for file in 1k 1m; do
    taskset -c 1 wrk -t 1 -c "$connections" -d 1s "http://127.0.0.1:$port/$file" >/dev/null
    : >"$folder/costs"; : >"$folder/p50"; : >"$folder/p99"
    for _ in $(seq "$rounds"); do
      before=$(cpu "$pid")
      taskset -c 1 wrk -t 1 -c "$connections" -d "${seconds}s" --latency "http://127.0.0.1:$port/$file" >"$folder/wrk"
      after=$(cpu "$pid")
      requests=$(awk '/requests in/ { print $1 }' "$folder/wrk")
      errors=$(grep -E 'Socket errors|Non-2xx' "$folder/wrk" || true)
      [[ -z $errors ]] || echo "  $name $file: $errors" >&2
      awk -v cpu=$((after - before)) -v count="$requests" 'BEGIN { printf "%.1f\n", cpu / count / 1000 }' >>"$folder/costs"
      awk '/ 50%/ { print $2 }' "$folder/wrk" >>"$folder/p50"
      awk '/ 99%/ { print $2 }' "$folder/wrk" >>"$folder/p99"
    done
    printf '%-22s %-4s %8s µs CPU a request   p50 %s  p99 %s (c=%s)\n' \
      "$name" "$file" "$(median <"$folder/costs")" "$(sed -n 1p "$folder/p50")" "$(sed -n 1p "$folder/p99")" "$connections"
  done
}

latency() { # name, port: what one request at a time takes
  taskset -c 1 wrk -t 1 -c 1 -d "${seconds}s" --latency "http://127.0.0.1:$2/1k" >"$folder/wrk"
  printf '%-22s 1k   one at a time: p50 %s  p99 %s\n' \
    "$1" "$(awk '/ 50%/ { print $2 }' "$folder/wrk")" "$(awk '/ 99%/ { print $2 }' "$folder/wrk")"
}

one=$((base + 100)) two=$((base + 101)) three=$((base + 102)) admin=$((base + 103))
haproxy_conf "" "$one" >"$folder/haproxy.cfg"
haproxy_conf "option splice-response" "$two" >"$folder/haproxy-splice.cfg"
{
  echo "listen: 127.0.0.1:$three"
  echo "admin: 127.0.0.1:$admin"
  echo "threads: 1"
  echo "access_log: off"
  echo "identify: false"
  echo "origins:"
  for number in $(seq "$origins"); do
    echo "  - { address: '127.0.0.1:$((base + number))', id: o$number }"
  done
} >"$folder/balancer.yaml"

start 0 haproxy -db -f bench/balancer/haproxy.cfg -f "$folder/haproxy.cfg"; plain=$pid
start 0 haproxy -db -f bench/balancer/haproxy.cfg -f "$folder/haproxy-splice.cfg"; splice=$pid
start 0 "$strata" balancer --config "$folder/balancer.yaml"; ours=$pid
for port in "$one" "$two" "$three"; do await "$port"; done
# Until HAProxy trusts its servers: rise 10 at inter 1s.
sleep 12
curl -sf "http://127.0.0.1:$three/1k" | cmp - "$folder/www/1k"

echo "$(nproc) cores, $(haproxy -v | head -1), $("$strata" --version)"
measure "HAProxy" "$plain" "$one"
measure "HAProxy splice" "$splice" "$two"
measure "Strata" "$ours" "$three"
# Once more: machines drift.
measure "HAProxy again" "$plain" "$one"
latency "direct" $((base + 1))
latency "HAProxy" "$one"
latency "Strata" "$three"
