#!/bin/sh
# SPDX-License-Identifier: MIT
# Guard of the house: what does an archive import that it does not hold itself?
#
#   imports.sh core ARCHIVE…   the deciding core: memory functions and the handlers of our own mistakes, nothing else
#   imports.sh pure ARCHIVE…   pure code with libraries: nothing that reads a clock, file, socket, environment or chance
#   imports.sh --self-test COMPILER   shows that it notices what it is for
set -u

# strlen and the _chk variants are what compilers make out of loops and of memory functions; the rest says "this was our mistake".
CORE='memcpy|memmove|memset|memcmp|strlen|__mem(cpy|move|set)_chk|abort|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'

# By what a function does: files, streams, processes, time, chance, environment, network, threads.
IMPURE='open(at)?(64)?|fopen(64)?|fdopen|freopen|creat|read|write|pread(64)?|pwrite(64)?|close|mmap(64)?|stat|fstat|lstat|access|unlink|rename|mkdir|opendir|readdir(64)?|getcwd|chdir|realpath'
IMPURE="$IMPURE|fread|fwrite|fputs|fputc|puts|putchar|printf|fprintf|vprintf|vfprintf|__(v)?f?printf_chk|perror|getline|fgets|getc|fgetc|stdin|stdout|stderr"
IMPURE="$IMPURE|fork|vfork|exec[a-z]*|posix_spawnp?|system|popen|wait|waitpid|kill|signal|sigaction|exit|_exit|atexit|getpid|getuid"
IMPURE="$IMPURE|time|clock|clock_gettime|gettimeofday|localtime(_r)?|nanosleep|usleep|sleep|setitimer|timerfd_[a-z]*"
IMPURE="$IMPURE|rand|srand|random|rand_r|drand48|getrandom|getentropy|arc4random[a-z_]*|RAND_bytes|randombytes[a-z_]*"
IMPURE="$IMPURE|getenv|secure_getenv|setenv|putenv|environ|setlocale"
IMPURE="$IMPURE|socket|connect|bind|listen|accept4?|send|sendto|recv|recvfrom|poll|ppoll|select|epoll_[a-z]*|pthread_[a-z_]*|zmq_[a-z_]*|sqlite3_[a-z0-9_]*|git_[a-z_]*|curl_[a-z_]*"

# Symbols that the archives together want from elsewhere.
imports() {
	defined=$(nm --defined-only "$@" | awk 'NF == 3 { print $3 }' | sort -u)
	nm --undefined-only "$@" | awk 'NF == 2 { print $2 }' | sort -u | grep -vxF "$defined"
}

core() {
	found=$(imports "$@" | grep -vxE "$CORE")
	[ -z "$found" ] && return 0
	echo "the deciding core imports what it must not: $found"
	return 1
}

pure() {
	found=$(imports "$@" | grep -xE "$IMPURE")
	[ -z "$found" ] && return 0
	echo "pure code imports what reaches outside: $found"
	return 1
}

# expect 0|1 RULE SOURCE: what the rule says about an archive made from the source.
expect() {
	printf '%s\n' "$3" | "$compiler" -x c -c -o "$folder/a.o" - && rm -f "$folder/a.a" && ar rcs "$folder/a.a" "$folder/a.o" || exit 2
	"$2" "$folder/a.a" >/dev/null
	[ $? = "$1" ] && return
	echo "$2 judged wrongly: $3"
	bad=1
}

self_test() {
	compiler=$1
	bad=0
	folder=$(mktemp -d) || exit 2
	trap 'rm -rf "$folder"' EXIT
	expect 0 core '#include <string.h>
	void f(char *a, const char *b, unsigned long n) { memcpy(a, b, n); }'
	expect 1 core '#include <time.h>
	long f(void) { return time(0); }'
	expect 1 core '#include <stdlib.h>
	void *f(void) { return malloc(3); }'
	expect 1 core '#include <stdlib.h>
	char *f(void) { return getenv("A"); }'
	expect 0 pure '#include <stdlib.h>
	void *f(void) { return malloc(3); }'
	expect 1 pure '#include <stdlib.h>
	char *f(void) { return getenv("A"); }'
	expect 1 pure '#include <stdio.h>
	void *f(void) { return fopen("a", "r"); }'
	[ $bad = 0 ] && echo "7 planted archives were judged rightly"
	return $bad
}

case ${1-} in
core) shift; core "$@" ;;
pure) shift; pure "$@" ;;
--self-test) self_test "${2:-cc}" ;;
*) sed -n '3,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
