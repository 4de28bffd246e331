#!/bin/sh
# The libraries of another architecture's Debian, unpacked into a folder: nothing of this machine is changed, and
# no package is installed.
#
#   sh tests/cross/sysroot.sh ARCHITECTURE FOLDER
#
# ARCHITECTURE is Debian's name, arm64 or armhf. FOLDER/root becomes the sysroot; MIRROR and SUITE say from where.
# Needs apt-get and the network, once: what is there is kept. Ends with 3 where it can't be had here.
set -u
architecture=$1
[ ! -e "$2/done" ] || exit 0
command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || { echo "apt-get is missing"; exit 3; }
mkdir -p "$2" && folder=$(cd "$2" && pwd) || exit 1
suite=${SUITE:-$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME")}
[ -n "$suite" ] || { echo "this is not Debian: set SUITE=bookworm"; exit 3; }

# The C library comes with them: programs are run with these, not with the cross compiler's.
packages="libc6-dev libopenblas-pthread-dev libpng-dev zlib1g-dev librandom123-dev libjsmn-dev libxxhash-dev check"

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/apt/parts" "$folder/root"
: >"$folder/apt/status"
echo "deb ${MIRROR:-http://deb.debian.org/debian} $suite main" >"$folder/apt/sources.list"
apt() {
  apt-get -q -y -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
    -o APT::Install-Recommends=false -o APT::Sandbox::User= -o Dir::State="$folder/apt" \
    -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/cache" -o Debug::NoLocking=true \
    -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/parts" "$@"
}
# shellcheck disable=SC2086
apt update && apt --download-only install $packages || { echo "Debian's $architecture packages can't be fetched"; exit 3; }
for package in "$folder"/apt/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$folder/root" || exit 1
done
rm -rf "$folder/apt"
touch "$folder/done"
