#!/bin/sh
# SPDX-License-Identifier: MIT
# From a bare Debian 12 to a running network.
#
#   ./supervisor.sh demo [REPOSITORY]   one task of each type on a git repository; by default a small one made on the spot
#   ./supervisor.sh start               the network for daily use, in the background
#   ./supervisor.sh status
#   ./supervisor.sh restart
#   ./supervisor.sh stop
#
# Each installs what is missing and builds what has changed, and does neither when there is nothing to do. The state stands in
# $BUNSHIN_STATE, else ~/.local/state/bunshin; the demo has a state of its own, and leaves its reports in build/demo.
set -eu

root=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
bunshin=$root/build/release/cli/bunshin
export BUNSHIN_ROUTES="${BUNSHIN_ROUTES:-$root/routing.conf}"

say() {
	printf '%s\n' "$*" >&2
}

# newer STAMP PATH…: has any of these changed since the stamp, or is there no stamp?
newer() {
	stamp=$1
	shift
	[ ! -e "$stamp" ] || [ -n "$(find "$@" -newer "$stamp" -print -quit)" ]
}

# Installing and building take seconds even when there is nothing to do, so two stamps say that there is nothing to do.
prepare() {
	cd "$root"
	mkdir -p build/release
	if newer build/release/.installed packages.txt; then
		scripts/packages.sh build run
		touch build/release/.installed
	fi
	if newer build/release/.built CMakeLists.txt CMakePresets.json cmake protocol routing audit workspace clones tools actors cli; then
		say "Building bunshin …"
		touch build/release/.building
		{
			{ [ -e build/release/build.ninja ] || cmake --preset release -DBUNSHIN_TESTS=OFF; } && ninja -C build/release bunshin
		} >build/release.log 2>&1 || {
			tail -n 60 build/release.log >&2
			say "supervisor.sh: the build failed; all it said is in build/release.log"
			exit 10
		}
		mv build/release/.building build/release/.built
	fi
	cd - >/dev/null
}

heading() {
	printf '\n== %s\n\n' "$*"
}

# ---- demo ----

SHOWN=40

# The beginning of a report, and how much more there is.
show() {
	[ -e "$1" ] || return 0
	lines=$(wc -l <"$1")
	head -n $SHOWN "$1"
	[ "$lines" -le $SHOWN ] || printf '\n… and %d more lines in %s\n' $((lines - SHOWN)) "${1#"$root"/}"
}

demo_end() {
	code=$?
	trap - EXIT INT TERM HUP
	"$bunshin" down >/dev/null 2>&1 || true
	rm -rf "$demo"
	exit "$code"
}

demo() {
	if [ $# -gt 0 ]; then
		repository=$(CDPATH='' cd -- "$1" && pwd) || exit 5
	fi
	demo=$(mktemp -d "${TMPDIR:-/tmp}/bunshin-demo.XXXXXX")
	export BUNSHIN_STATE="$demo/state"
	trap demo_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	reports=$root/build/demo
	rm -rf "$reports"
	mkdir -p "$reports"

	if [ $# = 0 ]; then
		repository=$demo/sample
		heading "A repository with known faults"
		"$root/examples/sample/make.sh" "$repository" >/dev/null
		git -C "$repository" log --oneline | cat
	fi

	heading "The network"
	"$bunshin" up
	"$bunshin" status

	heading "One task of each type on $repository"
	tasks=
	for type in security-analysis architecture-design test-strategy documentation; do
		task=$("$bunshin" task send "$type" --repo "$repository")
		printf '%-20s %s\n' "$type" "$task"
		tasks="$tasks $type=$task"
	done

	worst=0
	for pair in $tasks; do
		heading "${pair%%=*}"
		"$bunshin" task wait "${pair#*=}" --report "$reports/${pair%%=*}.md" || worst=$?
		show "$reports/${pair%%=*}.md"
	done

	for pair in $tasks; do
		heading "The trail of ${pair%%=*}"
		"$bunshin" audit log --task "${pair#*=}"
	done
	heading "Is the trail whole?"
	"$bunshin" audit verify || worst=$?

	heading "Stopping the network"
	"$bunshin" down
	say "The reports are in $reports."
	return "$worst"
}

# ---- daily use ----

usage() {
	sed -n '3,12s/^# \{0,1\}//p' "$root/supervisor.sh" >&2
	exit 2
}

[ $# -gt 0 ] || usage
command=$1
shift
case $command in
demo)
	[ $# -le 1 ] || usage
	prepare
	demo "$@"
	;;
start)
	[ $# = 0 ] || usage
	prepare
	exec "$bunshin" up
	;;
stop | status)
	[ $# = 0 ] || usage
	if [ ! -x "$bunshin" ]; then
		say "supervisor.sh: nothing is built here, so nothing runs from here; ./supervisor.sh start builds and starts it"
		exit 9
	fi
	[ "$command" = stop ] && command=down
	exec "$bunshin" "$command"
	;;
restart)
	[ $# = 0 ] || usage
	prepare
	"$bunshin" down || [ $? = 5 ] || exit
	exec "$bunshin" up
	;;
*) usage ;;
esac
