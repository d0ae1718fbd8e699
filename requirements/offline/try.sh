#!/bin/sh
# Install a kit where there is no network, and use it, once with each Python: try.sh KIT [PYTHON]...
# `make try-kit` calls it. It makes a network namespace of its own, which has no way out.
set -eu
if [ "${HDH_INSIDE:-}" != yes ]; then
    kit=$(realpath -- "${1:?"usage: try.sh KIT [PYTHON]..."}")
    shift
    HDH_INSIDE=yes exec unshare --user --map-root-user --net "$0" "$kit" "$@"
fi
kit=$1
shift
[ $# -gt 0 ] || set -- python3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if "$1" -c 'import socket; socket.create_connection(("192.0.2.1", 443), 2)' 2>"$scratch/why"; then
    echo "error: there is a way out of this namespace; nothing was tried" >&2
    exit 1
fi
grep -q "Network is unreachable" "$scratch/why" || { cat "$scratch/why" >&2; exit 1; }

for python in "$@"; do
    mkdir "$scratch/kit"
    tar -xzf "$kit" -C "$scratch/kit" --strip-components=1
    "$scratch/kit/install.sh" --cluster "$scratch/tool" "$python"
    rm -rf "$scratch/kit" # nothing that was installed may need it
    tool=$scratch/tool/bin/hdh-migrate
    "$tool" init "$scratch/first" >/dev/null
    "$tool" docs deploy | head -n 1
    "$tool" worker --new-ca "$scratch/certificates" >/dev/null
    test -f "$scratch/tool/share/man/man1/hdh-migrate.1"
    rm -rf "$scratch/tool" "$scratch/first" "$scratch/certificates"
    echo "tried without a network: $("$python" --version)"
done
