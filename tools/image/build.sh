#!/usr/bin/env bash
# Builds static binaries and puts them into images: bin/images/NAME.tar, for
# `ctr images import`, `docker load` or `podman load`. No registry, no daemon, no root.
#
#   tools/image/build.sh [controller] [standin] [faults]
#
# faults is the controller that tests can tell where to die; it is for nobody else.
# GO, GOARCH, TAG (dev) and REGISTRY (none) come from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
go=${GO:-go} arch=${GOARCH:-$(${GO:-go} env GOARCH)} tag=${TAG:-dev}
version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
created=$(git log -1 --format=%ct 2>/dev/null || echo 0)
out=bin/images
mkdir -p "$out" bin/static
(cd tools/image && CGO_ENABLED=0 GOARCH='' "$go" build -o ../../bin/image .)

binary() { # NAME PACKAGE [FLAGS…]
  local name=$1 package=$2
  shift 2
  CGO_ENABLED=0 GOOS=linux GOARCH=$arch "$go" build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$version" "$@" -o "bin/static/$name" "$package"
}

image() { # NAME FLAGS…
  local name=$1
  shift
  bin/image -o "$out/$name.tar" -t "${REGISTRY:+$REGISTRY/}$name:$tag" -arch "$arch" -created "$created" \
    -label "org.opencontainers.image.title=$name" -label "org.opencontainers.image.version=$version" "$@"
}

controller() { # IMAGE [BUILD FLAGS…]
  local name=$1
  shift
  binary "$name" ./cmd/memgraph-controller "$@"
  image "$name" -user 65532:65532 -entrypoint /memgraph-controller -file "bin/static/$name:/memgraph-controller"
}

[ $# -gt 0 ] || set -- controller standin
for what; do
  case $what in
    controller) controller memgraph-controller ;;
    faults) controller memgraph-controller-faults -tags faultpoints ;;
    standin)
      binary memgraph-standin ./cmd/memgraph-standin
      image memgraph-standin -user 101:103 -entrypoint /usr/lib/memgraph/memgraph \
        -file bin/static/memgraph-standin:/usr/lib/memgraph/memgraph \
        -dir /var/lib/memgraph:0755:101:103 -dir /var/log/memgraph:0755:101:103 -dir /tmp:1777
      ;;
    *) echo "build.sh: no image $what: want controller, standin or faults" >&2; exit 2 ;;
  esac
done
