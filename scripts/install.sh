#!/bin/sh
#
# Fetches a released ecraudit, verifies it, and puts it into a folder:
#
#     sh install.sh VERSION FOLDER [SHA256]
#
# Without SHA256 the archive must have the checksum that the release lists.
# With it, it must have that one, whatever the release says by now.
#
# It needs curl or wget, sha256sum or shasum, and tar. RELEASES is where releases
# are, for those who mirror them.
set -eu

releases=${RELEASES:-https://github.com/ecraudit/ecraudit/releases/download}

fail() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 2 ] || [ $# -eq 3 ] || fail 'usage: sh install.sh VERSION FOLDER [SHA256]'
version=${1#v}
folder=$2
expected=${3:-}

case $version in
'' | *[!0-9A-Za-z.+-]*) fail "\"$1\" is no version: write one such as 0.1.0" ;;
esac
case $expected in
*[!0-9a-f]*) fail "\"$expected\" is no SHA-256: write 64 hexadecimal digits in lower case" ;;
esac
[ -z "$expected" ] || [ ${#expected} -eq 64 ] ||
	fail "\"$expected\" is no SHA-256: it has ${#expected} digits, not 64"

case $(uname -s) in
Linux) system=linux ;;
Darwin) system=darwin ;;
*) fail "there is no release for $(uname -s): build from source with go install" ;;
esac
case $(uname -m) in
x86_64 | amd64) machine=amd64 ;;
aarch64 | arm64) machine=arm64 ;;
*) fail "there is no release for $(uname -m): build from source with go install" ;;
esac
archive=ecraudit_${version}_${system}_${machine}.tar.gz

fetch() {
	if command -v curl >/dev/null; then
		curl --fail --silent --show-error --location --retry 3 --output "$1" "$releases/v$version/$1"
	elif command -v wget >/dev/null; then
		wget -q -O "$1" "$releases/v$version/$1"
	else
		fail 'neither curl nor wget is installed'
	fi || fail "cannot fetch $releases/v$version/$1"
}

check() {
	if command -v sha256sum >/dev/null; then
		sha256sum -c -
	elif command -v shasum >/dev/null; then
		shasum -a 256 -c -
	else
		fail 'neither sha256sum nor shasum is installed'
	fi >&2
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fetch "$archive"
if [ -z "$expected" ]; then
	fetch checksums.txt
	expected=$(awk -v archive="$archive" '$2 == archive { print $1 }' checksums.txt)
	[ ${#expected} -eq 64 ] || fail "checksums.txt of the release does not list $archive once"
fi
printf '%s  %s\n' "$expected" "$archive" | check ||
	fail "$archive is not what was released: its SHA-256 is not $expected; nothing was installed"
tar -xzf "$archive" ecraudit
chmod 0755 ecraudit
mv -f ecraudit "$folder/ecraudit"
printf 'ecraudit %s is in %s\n' "$version" "$folder"
