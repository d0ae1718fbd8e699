#!/bin/sh
# Install hdh-migrate from this kit, without a network: ./install.sh FOLDER [PYTHON]
set -eu

refuse() {
    echo "error: $1" >&2
    echo "hint: $2; nothing was installed" >&2
    exit 3
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: ./install.sh FOLDER [PYTHON]" >&2
    exit 2
fi
python=${2:-python3}
case $1 in
    /*) folder=$1 ;;
    *) folder=$(pwd)/$1 ;;
esac
cd "$(dirname "$0")"

[ ! -e "$folder" ] || refuse "$folder is there already" "name a folder that is not there yet"
"$python" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    refuse "$python is not Python 3.11, 3.12 or 3.13" "name one: ./install.sh FOLDER /usr/bin/python3.12"
sha256sum --check --quiet --strict SHA256SUMS ||
    refuse "this kit is not what was made" "fetch it again and compare the archive's digest"
[ "$(find . -type f ! -name SHA256SUMS | wc -l)" -eq "$(wc -l <SHA256SUMS)" ] ||
    refuse "this kit holds files that SHA256SUMS does not name" "unpack the archive into an empty folder"

trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder"
pip="$folder/bin/python -m pip install --quiet --disable-pip-version-check --no-index --find-links wheels"
# What the lock does not name by digest is not installed.
$pip --require-hashes --only-binary :all: -r run.lock
$pip --no-deps --only-binary :all: hdh-migrate
"$folder/bin/hdh-migrate" --version
trap - EXIT
echo "installed: $folder/bin/hdh-migrate"
