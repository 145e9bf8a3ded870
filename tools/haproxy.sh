#!/usr/bin/env bash
# Installs Debian's HAProxy, against which make bench-gateway measures, where there is none.
set -euo pipefail
command -v haproxy >/dev/null && exit 0
command -v apt-get >/dev/null || { echo "haproxy is not installed and this system has no apt-get: install HAProxy 2.6, then run the command again" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install -y -qq --no-install-recommends haproxy >&2
