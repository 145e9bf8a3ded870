#!/usr/bin/env bash
# Installs Debian packages, tools/apt.sh NAME…, as root. It waits for others who install
# something, and goes on where an installation was interrupted.
set -euo pipefail
command -v apt-get >/dev/null || { echo "$* is needed, and this system has no apt-get: install it, then run the command again" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >&2; }
dpkg --configure -a >&2
apt update
apt install -y --no-install-recommends "$@"
