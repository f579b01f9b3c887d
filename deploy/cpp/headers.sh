#!/bin/sh
# headers.sh FOLDER: headers that no Python package has, from Debian 13, into FOLDER/usr/include: ONNX Runtime's, which
# work with any newer library, and nlohmann-json's where the system has none. Nothing is done where they are there.
#
# Takes Debian's keys and the mirror that apt is set up with, or DEBIAN=http://...; the system is left as it is.
set -eu
folder=$1
keys=/usr/share/keyrings/debian-archive-keyring.gpg
there() { [ -f "$folder/usr/include/onnxruntime/onnxruntime_c_api.h" ]; }
if there; then exit 0; fi
fail() { echo "headers.sh: $1" >&2; exit 1; }
for tool in apt-get dpkg flock; do
  command -v $tool > /dev/null || fail "$tool is not there; give ONNX Runtime's headers as ONNXRUNTIME_ROOT"
done
[ -f $keys ] || fail "$keys is not there; install debian-archive-keyring"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9> "$folder/.lock"
flock 9
if there; then exit 0; fi

# Before its first update apt knows no targets; then what it is set up with is read from its lists of sources.
mirror=${DEBIAN:-$({
  apt-get indextargets --format '$(SITE)'
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list | grep -E '^(URIs:|deb )' \
    | grep -oE '[a-z+]+://[^ ]+'
} 2> /dev/null | sed 's|/$||' | grep '/debian$' | head -n 1)}
mirror=${mirror:-http://deb.debian.org/debian}
scratch=$(mktemp -d "$folder/.apt.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p lists/partial cache/archives/partial
echo "deb [signed-by=$keys] $mirror trixie main" > trixie.list
: > status
packages=libonnxruntime-dev
[ -f /usr/include/nlohmann/json.hpp ] || packages="$packages nlohmann-json3-dev"
set -- -qq -o Dir::Etc::sourcelist="$PWD/trixie.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$PWD/lists" \
  -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root
apt-get "$@" update || true  # it succeeds where nothing answers, too
# shellcheck disable=SC2086  # two names of packages
apt-get "$@" download $packages || fail "the Debian mirror $mirror does not answer or lacks $packages"
for package in *.deb; do
  dpkg -x "$package" root
done
rm -rf "$folder/usr"
mv root/usr "$folder/usr"
