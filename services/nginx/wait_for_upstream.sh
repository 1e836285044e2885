#!/bin/bash
# nginx looks the names of its upstream up once, when it starts, and takes out a replica that it
# finds closed. So each has to listen first: every address behind every name, for a minute at most.
set -euo pipefail

listens() {
    local host=$1 port=$2 address found=1
    for address in $(getent ahostsv4 "$host" | cut -d ' ' -f 1 | sort -u); do
        found=0
        (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null || return 1
    done
    return $found
}

deadline=$((SECONDS + 60))
for server in $(grep -oP '(?<=server )[^ ;:]+:[0-9]+' <<<"$UPSTREAM_SERVERS"); do
    until listens "${server%:*}" "${server##*:}"; do
        if ((SECONDS > deadline)); then
            echo "nobody listens on $server" >&2
            exit 1
        fi
        sleep 0.05
    done
done
