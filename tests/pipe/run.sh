#!/bin/bash
# tests/pipe/run.sh BIN [FILE.reg...]: run the lines of *.reg with the programs of folder BIN. A line has three fields with a tab
# between them (# in front: a comment):
#
#   P   text      command    must exit 0, and its output (stdout and stderr) holds the text; - for any
#   Fn  text      command    must exit n (F: 1 to 99), and its output holds the text
#
# Commands run under bash with pipefail, in the repository's root. $T is a new folder for the lines of one file, in order; $D is this
# folder. A line with $variant or $device in it runs once for each of $VARIANTS (original optimized) and $DEVICES (cpu).
# Exit 77 is a skip and says why.
set -u
bin=$(cd "$1" && pwd) || exit 2
shift
D=$(cd "$(dirname "$0")" && pwd)
cd "$D/../.." || exit 2
export D PATH="$bin:$PATH" BOLTZPIPE_PROGRESS=0
[ $# -gt 0 ] || set -- "$D"/*.reg
pass=0 fail=0 skip=0

# kind, text, command, where
one() {
	timeout 120 bash -o pipefail -c "$3" >"$T/.log" 2>&1 </dev/null
	rc=$?
	case $1 in
	P) want=0 ;;
	F) want=$rc; [ $rc -ge 1 ] && [ $rc -le 99 ] || want="1 to 99" ;;
	F[0-9]*) want=${1#F} ;;
	*) echo "$4: a line begins with P, F or Fn, and has three fields with tabs between them"; exit 2 ;;
	esac
	if [ $rc = 77 ]; then
		skip=$((skip + 1)); echo "  skip  $4: $(tail -1 "$T/.log")"
	elif [ "$rc" != "$want" ]; then
		fail=$((fail + 1)); echo "  FAIL  $4: exit $rc, wanted $want: $3"; tail -5 "$T/.log"
	elif [ "$2" != - ] && ! grep -aqF -e "$2" "$T/.log"; then
		fail=$((fail + 1)); echo "  FAIL  $4: no \"$2\" in the output of: $3"; tail -5 "$T/.log"
	else
		pass=$((pass + 1))
	fi
}

for reg; do
	T=$(mktemp -d) || exit 2
	export T
	n=0
	while IFS=$'\t' read -r kind text command; do
		n=$((n + 1))
		case $kind in '' | '#'*) continue ;; esac
		for variant in ${VARIANTS:-original optimized}; do
			for device in ${DEVICES:-cpu}; do
				export variant device
				one "$kind" "$text" "$command" "${reg##*/}:$n"
				case $command in *'$device'*) ;; *) break ;; esac
			done
			case $command in *'$variant'*) ;; *) break ;; esac
		done
	done <"$reg"
	rm -rf "$T"
done
echo "$pass passed, $fail failed, $skip skipped"
[ $fail = 0 ]
