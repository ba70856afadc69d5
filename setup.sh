#!/bin/sh
# setup.sh [build] [test]: install what is missing to build (and to test) boltzpipe on Debian 12 or later. As root or with sudo it
# installs; otherwise it prints the one line to run, and fails.
# Optional, named by what would use them when missing: gnuplot-nox (guide-saxs --plot); pyausaxs and PyTorch of $PYTHON (make bench).
set -eu
build="gcc g++ make libmsgpack-dev libyaml-dev libjansson-dev libxxhash-dev zlib1g-dev libzmq3-dev libmicrohttpd-dev gemmi-dev tao-pegtl-dev"
test="libcmocka-dev clang python3 python3-numpy python3-msgpack python3-msgpack-numpy python3-zmq"
want=
for part in "${@:-build}"; do
	case $part in
	build) want="$want $build" ;;
	test) want="$want $test" ;;
	*) echo "setup.sh: '$part' given: build or test wanted" >&2; exit 2 ;;
	esac
done
missing=
for p in $want; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "setup.sh: no apt-get here: install$missing (names of Debian 12) yourself" >&2; exit 2; }
as=
if [ "$(id -u)" != 0 ]; then
	as=sudo
	if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
		echo "setup.sh: packages are missing; run: apt-get install -y$missing" >&2
		exit 2
	fi
fi
echo "setup.sh: installing$missing" >&2
# shellcheck disable=SC2086
$as apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive $as apt-get install -y -q --no-install-recommends $missing >/dev/null
