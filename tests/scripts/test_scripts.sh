#!/bin/sh
# SPDX-License-Identifier: MIT
# The scripts at the root: what they promise without installing, building or starting anything.
#
#   test_scripts.sh ROOT
# Functions are called by name.
# shellcheck disable=SC2317
set -u
root=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
wrong=0

# holds SENTENCE COMMAND…: prints the sentence if the command fails.
holds() {
	sentence=$1
	shift
	if "$@" >"$folder/out" 2>&1; then
		echo "ok      $sentence"
	else
		echo "WRONG   $sentence"
		sed 's/^/        /' "$folder/out"
		wrong=1
	fi
}

# exits CODE COMMAND…: does the command exit so?
exits() {
	expected=$1
	shift
	"$@"
	code=$?
	[ "$code" = "$expected" ] && return
	echo "exit code $code instead of $expected"
	return 1
}

every_line_of_packages_is_understood() {
	! grep -vE '^(#.*|[a-z0-9][a-z0-9.+-]*( unless [a-z0-9-]+)? +# (build|run|test|bench): .+|)$' "$root/packages.txt"
}

no_package_is_named_twice() {
	[ -z "$(sed -n 's/^\([a-z0-9][^ ]*\) .*/\1/p' "$root/packages.txt" | sort | uniq -d)" ]
}

nothing_is_missing_where_tests_run() {
	missing=$("$root/scripts/packages.sh" --missing build run test)
	echo "missing: $missing"
	[ -z "$missing" ]
}

# A list of its own beside a copy of the script: two packages that do not exist, one of them for a command that does.
what_a_command_stands_for_is_not_missing() {
	mkdir -p "$folder/own/scripts" && cp "$root/scripts/packages.sh" "$folder/own/scripts" &&
		printf 'nowhere-a unless sh # test: x\nnowhere-b unless nowhere-b # test: x\nnowhere-c # test: x\n' >"$folder/own/packages.txt" || return 1
	missing=$("$folder/own/scripts/packages.sh" --missing test | tr '\n' ' ')
	echo "missing: $missing"
	[ "$missing" = "nowhere-b nowhere-c " ]
}

the_sample_is_the_same_each_time() {
	first=$("$root/examples/sample/make.sh" "$folder/first") && second=$("$root/examples/sample/make.sh" "$folder/second") || return 1
	echo "$first $second"
	[ -n "$first" ] && [ "$first" = "$second" ]
}

the_sample_is_committed_whole() {
	[ -z "$(git -C "$folder/first" status --porcelain)" ] && [ "$(git -C "$folder/first" rev-list --count HEAD)" -ge 8 ]
}

the_sample_does_not_see_the_callers_git() {
	mkdir -p "$folder/home" && printf '[commit]\n\tgpgsign = true\n[core]\n\tautocrlf = true\n' >"$folder/home/.gitconfig" &&
		HOME=$folder/home GIT_DIR=/nowhere "$root/examples/sample/make.sh" "$folder/third" >"$folder/id" &&
		[ "$(cat "$folder/id")" = "$(git -C "$folder/first" rev-parse HEAD)" ]
}

no_credential_of_the_sample_stands_in_ours() {
	key=$(sed -n 's/^KEY_ID = "\(.*\)"/\1/p' "$folder/first/scripts/prices.py")
	token=$(sed -n 's/^TOKEN = "\(.*\)"/\1/p' "$folder/first/scripts/prices.py")
	[ ${#key} = 20 ] && [ ${#token} = 40 ] && ! grep -rqF -e "$key" -e "$token" "$root/examples" "$root/tests" "$root/docs"
}

holds "every line of packages.txt is understood" every_line_of_packages_is_understood
holds "no package is named twice" no_package_is_named_twice
holds "no package is missing where the tests run" nothing_is_missing_where_tests_run
holds "a package is not missing where its command is there" what_a_command_stands_for_is_not_missing
holds "an unknown kind of package is a usage error" exits 2 "$root/scripts/packages.sh" everything
holds "the sample repository is the same each time" the_sample_is_the_same_each_time
holds "the sample repository is committed whole" the_sample_is_committed_whole
holds "the caller's git settings do not change the sample" the_sample_does_not_see_the_callers_git
holds "a folder with something in it is left alone" exits 1 "$root/examples/sample/make.sh" "$folder/first"
holds "the sample's credentials do not stand in this repository" no_credential_of_the_sample_stands_in_ours
holds "supervisor.sh without a command is a usage error" exits 2 "$root/supervisor.sh"
holds "supervisor.sh with an unknown command is a usage error" exits 2 "$root/supervisor.sh" go
holds "supervisor.sh start takes nothing else" exits 2 "$root/supervisor.sh" start now
holds "test.sh with an unknown option is a usage error" exits 2 "$root/test.sh" --fast
holds "continuous integration runs test.sh" exits 2 "$root/.ci/run" --fast
exit $wrong
