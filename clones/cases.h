/* SPDX-License-Identifier: MIT
 *
 * Test cases as the runners of many languages report them, read into one list.
 *
 * Every reader takes bytes that nobody vouches for, adds what it understands, and skips the rest. A case that a reader cannot
 * judge is not added: nothing passes unless a runner said so.
 */
#ifndef CLONES_CASES_H
#define CLONES_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

#define CASES_MAX       50000u
#define CASE_NAME_BYTES 400u
#define CASE_TEXT_BYTES 2000u /* of message and output each; of longer output the end is kept */

enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_ERROR, VERDICT_SKIPPED };

struct test_case {
	char *suite; /* of the runner: a class, a file, a package; or "" */
	char *name;
	char *message; /* why it failed or was skipped; or "" */
	char *output;  /* what it printed, if the runner says; or "" */
	enum verdict verdict;
	double seconds; /* negative: not known */
};

struct cases {
	struct test_case *at;
	size_t count;
	size_t capacity;
	size_t dropped; /* over CASES_MAX */
	bool no_memory;
};

void cases_release(struct cases *cases);

/* Appends a case with no message and no output; text of any length, not NUL-terminated. NULL: not added. The pointer is valid until
 * the next call. */
struct test_case *cases_add(struct cases *cases, const char *suite, size_t suite_bytes, const char *name, size_t name_bytes,
			    enum verdict verdict);

/* Replaces a text of a case by a copy; keeps the front of it, or its end. */
void case_text(struct cases *cases, char **text, const char *at, size_t bytes, bool keep_end);

size_t cases_counted(const struct cases *cases, enum verdict verdict);
const char *verdict_name(enum verdict verdict);

/* JUnit XML, as ctest, pytest, meson and many others write it. */
void read_junit(struct cases *cases, struct bytes text);
/* TAP 13 and 14 with nested subtests: a point with subtests stands for them, it is no case itself unless it fails alone. */
void read_tap(struct cases *cases, struct bytes text);
/* `go test -json`: one event a line. */
void read_go(struct cases *cases, struct bytes text);
/* What `cargo test` prints for people; the form for machines is not stable. */
void read_cargo(struct cases *cases, struct bytes text);
/* Lines of `grep ':test-result:'` over the .trs files of automake: "tests/a.trs::test-result: PASS". */
void read_trs(struct cases *cases, struct bytes text);
/* One JSON object a line, as the unittest runner of clones/delta.c prints: {"suite", "name", "verdict", "seconds", "message"}. */
void read_lines(struct cases *cases, struct bytes text);
/* What ctest prints while it runs: all there is if it did not come to its end. */
void read_ctest_text(struct cases *cases, struct bytes text);
/* Lists of ticks and crosses, as mocha, jest and others print for people. */
void read_ticks(struct cases *cases, struct bytes text);

#endif
