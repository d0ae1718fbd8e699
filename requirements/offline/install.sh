#!/bin/sh
# Install hdh-migrate from this kit, without a network: ./install.sh [--cluster] FOLDER [PYTHON]
set -eu

refuse() {
    echo "error: $1" >&2
    echo "hint: $2; nothing was installed" >&2
    exit 3
}

lock=run.lock
if [ "${1:-}" = --cluster ]; then
    lock=cluster.lock
    shift
fi
case "$#,${1:-}" in
    [12],[!-]*) ;;
    *)
        echo "usage: ./install.sh [--cluster] FOLDER [PYTHON]" >&2
        exit 2
        ;;
esac
python=${2:-python3}
case $python in
    */*) python=$(realpath -ms -- "$python") ;;
esac
# Its scripts name the folder: by a path that stays when this kit is thrown away.
folder=$(realpath -m -- "$1")
cd "$(dirname "$0")"

[ ! -e "$folder" ] || refuse "$folder is there already" "name a folder that is not there yet"
"$python" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    refuse "$python is not Python 3.11, 3.12 or 3.13" "name one: ./install.sh FOLDER /usr/bin/python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    refuse "$python cannot make environments" "install what brings its venv (Debian: python3-venv)"
sha256sum --check --quiet --strict SHA256SUMS ||
    refuse "this kit is not what was made" "fetch it again and compare the archive's digest"
[ "$(find . -type f ! -name SHA256SUMS | wc -l)" -eq "$(wc -l <SHA256SUMS)" ] ||
    refuse "this kit holds files that SHA256SUMS does not name" "unpack the archive into an empty folder"

pip() {
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
        --no-index --find-links wheels --only-binary :all: "$@"
}
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder"
# What the lock does not name by digest is not installed.
pip --require-hashes -r "$lock"
pip --no-deps hdh-migrate
"$folder/bin/python" -I -m hdh_migrate.evidence.page.compiled  # as pip does with Python files
"$folder/bin/hdh-migrate" --version
trap - EXIT
echo "installed: $folder/bin/hdh-migrate"
