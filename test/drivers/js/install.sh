#!/usr/bin/env bash
# Installs the JavaScript driver of package-lock.json in node_modules beside it, and
# Node.js from Debian if there is none. It does nothing where all is there already.
set -euo pipefail
cd "$(dirname "$0")"

for program in node npm; do
  command -v "$program" >/dev/null && continue
  ../../../tools/apt.sh nodejs npm || {
    echo "drivers: the JavaScript driver needs $program, and apt-get could not install it:" \
      "install Node.js 18 or later with npm, or leave this driver out by ARGS='--driver go'" >&2
    exit 1
  }
done

# npm writes this file last.
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  npm ci --no-audit --no-fund --loglevel=error || {
    echo "drivers: npm could not install the JavaScript driver of test/drivers/js/package-lock.json:" \
      "is its registry reachable? Leave this driver out by ARGS='--driver go'" >&2
    exit 1
  }
fi
