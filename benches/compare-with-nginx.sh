#!/usr/bin/env bash
# Holds the exporter's server against nginx: the same 100,000 series, once published and served by
# the exporter's own code, once as static files (plain, and gzip_static). Prints medians and ratios.
#
# usage: benches/compare-with-nginx.sh [SERIES [ROUNDS]]
#
# Both listen on loopback ports that are free; only processes started here are ended.
set -euo pipefail
cd "$(dirname "$0")/.."

series=${1:-100000}
rounds=${2:-51}
wrk_rounds=5
wrk_seconds=3

for tool in nginx curl; do
    if ! PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null; then
        echo "compare-with-nginx: $tool is not installed" >&2
        exit 1
    fi
done
PATH=$PATH:/usr/sbin
if ! nginx -V 2>&1 | grep -q http_gzip_static_module; then
    echo "compare-with-nginx: this nginx has no gzip_static module" >&2
    exit 1
fi

cargo build --quiet --profile dist --example serve_series

work=$(mktemp -d)
chmod 755 "$work" # nginx's workers give up root and must still read it.
started=()
cleanup() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

# Waits until the command succeeds, ten seconds at most.
await() {
    for _ in $(seq 100); do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "compare-with-nginx: gave up waiting for: $*" >&2
    exit 1
}

"${CARGO_TARGET_DIR:-target}/dist/examples/serve_series" "$series" >"$work/url" &
started+=($!)
await grep -q http "$work/url"
ours=$(cat "$work/url")

mkdir "$work/root"
curl -fsS -o "$work/root/metrics" "$ours"
curl -fsS -H 'Accept-Encoding: gzip' -o "$work/root/metrics.gz" "$ours"

free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 50); do
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}
port=$(free_port)
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    default_type "text/plain; version=0.0.4; charset=utf-8";
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    server {
        listen 127.0.0.1:$port backlog=1024;
        root $work/root;
        gzip_static on;
    }
}
CONF
nginx -c "$work/nginx.conf" -e "$work/error.log" &
started+=($!)
nginx="http://127.0.0.1:$port/metrics"
await curl -fs -o /dev/null "$nginx"

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# One scrape's time in milliseconds: URL ENCODING
scrape() {
    curl -fsS -o /dev/null -H "Accept-Encoding: $2" -w '%{time_total}\n' "$1" |
        awk '{ print $1 * 1000 }'
}

# Scrapes a second from 16 connections: URL ENCODING
load() {
    wrk -t1 -c16 -d"${wrk_seconds}s" -H "Accept-Encoding: $2" "$1" |
        awk '/^Requests\/sec/ { print $2 }'
}

# Alternates between both servers, so that a busy moment hits both: MEASURE ROUNDS UNIT
compare() {
    for encoding in identity gzip; do
        : >"$work/ours"
        : >"$work/nginx"
        for _ in $(seq "$2"); do
            "$1" "$ours" "$encoding" >>"$work/ours"
            "$1" "$nginx" "$encoding" >>"$work/nginx"
        done
        row "$encoding" "$3" "$(median <"$work/ours")" "$(median <"$work/nginx")"
    done
}

row() {
    local name=plain
    if [ "$1" = gzip ]; then name=gzip; fi
    awk -v name="$name" -v unit="$2" -v ours="$3" -v nginx="$4" \
        'BEGIN { printf "%-6s %-22s %12.2f %12.2f %12.2f\n", name, unit, ours, nginx, ours / nginx }'
}

count=$(grep -vc '^#' "$work/root/metrics")
echo "$count series: $(stat -c %s "$work/root/metrics") bytes plain," \
    "$(stat -c %s "$work/root/metrics.gz") gzip; $(nproc) cores; $(nginx -v 2>&1)"
printf '%-6s %-22s %12s %12s %12s\n' body measure ours nginx ours/nginx
compare scrape "$rounds" "curl ms (less is good)"
if command -v wrk >/dev/null; then
    compare load "$wrk_rounds" "wrk scrapes/s (more)"
else
    echo "wrk is not installed: one scrape at a time only"
fi
