#!/usr/bin/env bash
# Installs the chart, waits until it serves, and says what can be done then.
#
#   tools/kubernetes/install.sh [HELM FLAGS…]
#
# On the lab ("make lab-up") it builds the images and loads them into every node;
# the stand-in plays Memgraph. With KUBECONFIG set it uses that cluster, with
# kubectl and helm of PATH, and the chart's own images unless the flags say
# otherwise. RELEASE (memgraph) and NAMESPACE (memgraph) come from the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
release=${RELEASE:-memgraph} namespace=${NAMESPACE:-memgraph}
values=() lab=

if [ -z "${KUBECONFIG:-}" ]; then
  lab="bin/lab "
  $lab status >/dev/null
  tools/image/build.sh controller standin
  $lab load bin/images/memgraph-controller.tar bin/images/memgraph-standin.tar
  sum() { sha256sum "bin/images/$1.tar" | cut -c1-12; }
  # The tag stays when the content changes: the annotations make pods take it up.
  values=(--set image.repository=memgraph-standin,image.tag=dev
    --set controller.image.repository=memgraph-controller,controller.image.tag=dev
    --set memgraph.persistence.storageClass=standard,memgraph.persistence.size=1Gi
    --set memgraph.resources.requests.memory=64Mi
    --set-string memgraph.podAnnotations.image="$(sum memgraph-standin)",controller.podAnnotations.image="$(sum memgraph-controller)")
fi

${lab}helm upgrade --install "$release" charts/memgraph-ha --namespace "$namespace" --create-namespace \
  --wait --timeout 10m --hide-notes "${values[@]}" "$@"

cat <<END

Installed. What you may want next:
  ${lab}kubectl -n $namespace get pods -o wide
  ${lab}kubectl -n $namespace get configmap memgraph-controller-state -o yaml      # masterIndex is the ordinal of MAIN
  ${lab}helm -n $namespace test $release
  ${lab}helm -n $namespace get notes $release
Clients in the cluster connect to bolt://$release-gateway.$namespace.svc:7687.
END
if [ -n "$lab" ]; then
  cat <<END
Programs of this machine do after "bin/lab exec --": bin/lab exec -- PROGRAM ARGUMENTS…
Break it: bin/lab kill $namespace/$release-memgraph-0 memgraph; bin/lab power-off n1; bin/lab --help
END
fi
