# SPDX-License-Identifier: MIT
"""Small programs, each with a fault that Bunshin itself once had, told again in a few lines: `old` are the sources, `tests` the new tests of the last commit, and `mend` what
mends it: path, what stands there, what should. `known` are tests that pass from the beginning."""

LINES_C = r"""#include "lines.h"

#include <string.h>

void lines_init(struct lines *lines)
{
	memset(lines, 0, sizeof(*lines));
}

static void line_end(struct lines *lines)
{
	lines->text[lines->count][lines->used] = '\0';
	lines->count++;
	lines->used = 0;
}

/* Pieces come as they are read: a line may begin in one and end in the next. LF, CR and CR LF end it. */
void lines_feed(struct lines *lines, const char *piece, size_t bytes)
{
	for (size_t i = 0; i < bytes && lines->count < LINES_MOST; i++) {
		if (piece[i] == '\n' && i > 0 && piece[i - 1] == '\r')
			continue;
		if (piece[i] == '\n' || piece[i] == '\r')
			line_end(lines);
		else if (lines->used < LINE_BYTES - 1)
			lines->text[lines->count][lines->used++] = piece[i];
	}
}
"""

LINES_H = r"""#ifndef LINES_H
#define LINES_H

#include <stddef.h>

enum { LINES_MOST = 16, LINE_BYTES = 64 };

struct lines {
	char text[LINES_MOST][LINE_BYTES];
	size_t count, used;
	char last; /* the byte before this one, in whatever piece it was */
};

void lines_init(struct lines *lines);
void lines_feed(struct lines *lines, const char *piece, size_t bytes);

#endif
"""

LINES_MAKE = """CFLAGS = -O0 -g -Wall -Wextra -I.
TESTS = $(patsubst %.c,%,$(wildcard tests/*_test.c))

check: $(TESTS)
\t@for test in $(TESTS); do ./$$test || exit 1; done

tests/%: tests/%.c lines.c lines.h
\t$(CC) $(CFLAGS) -o $@ $< lines.c

.PHONY: check
"""

LINES_TEST = r"""#include "lines.h"

#include <stdio.h>
#include <string.h>

static int failed;

static void expect(const char *what, int holds)
{
	static int number;
	printf("%sok %d - %s\n", holds ? "" : "not ", ++number, what);
	failed |= !holds;
}

int main(void)
{
	struct lines lines;
	lines_init(&lines);
@	return failed;
}
"""


def lines_test(body):
    return LINES_TEST.replace("@", "".join(f"\t{line}\n" for line in body))


LINES = {
    "subject": "lines that end in CR LF count twice where a piece ends between the two",
    "old": {"lines.c": LINES_C, "lines.h": LINES_H, "Makefile": LINES_MAKE, ".gitignore": "tests/*_test\n"},
    "known": {"tests/whole_test.c": lines_test([
        'lines_feed(&lines, "one\\r\\ntwo\\nthree\\r", 15);',
        'expect("three ends of lines in one piece", lines.count == 3);',
        'expect("what stands between them", strcmp(lines.text[1], "two") == 0);'])},
    "tests": {"tests/pieces_test.c": lines_test([
        'lines_feed(&lines, "on", 2);',
        'lines_feed(&lines, "e\\r", 2);',
        'lines_feed(&lines, "\\ntwo\\n", 5);',
        'expect("CR LF in two pieces is one end", lines.count == 2);',
        'expect("the line after it", strcmp(lines.text[1], "two") == 0);'])},
    "mend": [("lines.c", "i > 0 && piece[i - 1] == '\\r')\n\t\t\tcontinue;", "lines->last == '\\r') {\n\t\t\tlines->last = '\\n';\n\t\t\tcontinue;\n\t\t}\n\t\tlines->last = piece[i];")],
}

RANGES_PY = '''"""Ranges of lines, [first, last], both of them part of it."""


def join(ranges):
    """The same lines in as few ranges as it takes, in order."""
    joined = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return joined


def count(ranges):
    """How many lines these are."""
    return sum(last - first for first, last in join(ranges))


def touches(ranges, line):
    return any(first <= line <= last for first, last in ranges)
'''

RANGES = {
    "subject": "a range of lines is counted without its last one, and neighbours are not joined",
    "old": {"ranges.py": RANGES_PY, "README.md": "# Ranges\n\nWhich lines of a file were changed.\n"},
    "known": {"test_touches.py": '''import unittest

import ranges


class Touches(unittest.TestCase):
    def test_both_ends(self):
        self.assertTrue(ranges.touches([[3, 5]], 3))
        self.assertTrue(ranges.touches([[3, 5]], 5))

    def test_outside(self):
        self.assertFalse(ranges.touches([[3, 5]], 6))

    def test_overlapping(self):
        self.assertEqual(ranges.join([[4, 9], [1, 5]]), [[1, 9]])
'''},
    "tests": {"test_ends.py": '''import unittest

import ranges


class Ends(unittest.TestCase):
    def test_one_line(self):
        self.assertEqual(ranges.count([[7, 7]]), 1)

    def test_two_ranges(self):
        self.assertEqual(ranges.count([[1, 3], [10, 12]]), 6)

    def test_neighbours(self):
        self.assertEqual(ranges.join([[1, 3], [4, 6]]), [[1, 6]])
'''},
    "mend": [("ranges.py", "first <= joined[-1][1]:", "first <= joined[-1][1] + 1:"), ("ranges.py", "last - first for", "last - first + 1 for")],
}

POINTER_JS = """'use strict';

// What stands at a JSON pointer, or undefined if nothing does.
function at(value, pointer) {
  for (const word of pointer.split('/').slice(1)) {
    const name = word.replace(/~1/g, '/').replace(/~0/g, '~');
    value = Array.isArray(value) ? value[Number(name)] : value[name];
  }
  return value;
}

// The last thing that is said in a list of messages.
function lastText(messages) {
  return at(messages[messages.length - 1], '/content/0/text').trim();
}

module.exports = { at, lastText };
"""


def node_test(cases):
    return ("'use strict';\nconst test = require('node:test');\nconst assert = require('node:assert');\n"
            "const { at, lastText } = require('../pointer');\n\n"
            + "".join(f"test('{name}', () => {{\n" + "".join(f"  {line}\n" for line in body) + "});\n" for name, body in cases))


POINTER = {
    "subject": "a pointer behind the end of a list, and a list without messages, end the program",
    "old": {"pointer.js": POINTER_JS,
            "package.json": '{\n  "name": "pointer",\n  "version": "1.0.0",\n  "scripts": { "test": "node --test tests/" }\n}\n'},
    "known": {"tests/at.test.js": node_test([
        ("members and elements", ["assert.strictEqual(at({ a: [1, { b: 2 }] }, '/a/1/b'), 2);"]),
        ("names with a slash", ["assert.strictEqual(at({ 'a/b': 3 }, '/a~1b'), 3);"])])},
    "tests": {"tests/ends.test.js": node_test([
        ("behind the end of a list", ["assert.strictEqual(at({ a: [] }, '/a/0/b'), undefined);"]),
        ("a list without messages", ["assert.strictEqual(lastText([]), '');"]),
        ("a message without text", ["assert.strictEqual(lastText([{ content: [] }]), '');"])])},
    "mend": [("pointer.js", "    const name", "    if (value === null || typeof value !== 'object') {\n      return undefined;\n    }\n    const name"),
             ("pointer.js", "  return at(messages[messages.length - 1], '/content/0/text').trim();",
              "  const text = at(messages[messages.length - 1], '/content/0/text');\n  return typeof text === 'string' ? text.trim() : '';")],
}

SHORT_C = r"""#include "shorten.h"

#include <string.h>

/* At most `most` bytes of the text, and the zero; never half of a character. */
size_t shorten(char *out, size_t most, const char *text)
{
	size_t bytes = strlen(text);
	if (bytes > most)
		bytes = most;
	memcpy(out, text, bytes);
	out[bytes] = '\0';
	return bytes;
}
"""

SHORT_TEST = r"""#include "shorten.h"

#include <string.h>

int main(void)
{
	char out[16];
	return @ ? 0 : 1;
}
"""

SHORT = {
    "subject": "a text that is too long is cut in the middle of a character",
    "old": {"shorten.c": SHORT_C, "shorten.h": "#include <stddef.h>\n\nsize_t shorten(char *out, size_t most, const char *text);\n",
            "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(shorten C)\nenable_testing()\nadd_library(shorten shorten.c)\n"
                              "file(GLOB tests tests/*.c)\nforeach(path ${tests})\n  get_filename_component(name ${path} NAME_WE)\n"
                              "  add_executable(${name} ${path})\n  target_include_directories(${name} PRIVATE .)\n"
                              "  target_link_libraries(${name} shorten)\n  add_test(NAME ${name} COMMAND ${name})\nendforeach()\n"},
    "known": {"tests/plain.c": SHORT_TEST.replace("@", 'shorten(out, 3, "abcdef") == 3 && strcmp(out, "abc") == 0')},
    "tests": {"tests/middle.c": SHORT_TEST.replace("@", 'shorten(out, 3, "ab\\xe5\\x88\\x86") == 2 && strcmp(out, "ab") == 0')},
    "mend": [("shorten.c", "\t\tbytes = most;\n", "\t\tbytes = most;\n\twhile (bytes < strlen(text) && bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)\n\t\tbytes--;\n")],
}

# Tests that say nothing but their status: one case for all of them.
WAIT_SH = """#!/bin/sh
# wait.sh TRY ASKED: how many seconds to wait before TRY (from 1), where a server asks for ASKED (empty: it does not say).
wait=1
i=1
while [ "$i" -lt "$1" ]; do
	wait=$((wait * 2))
	i=$((i + 1))
done
[ "$wait" -gt 60 ] && wait=60
echo "$wait"
"""

WAIT = {
    "subject": "the wait that a server asks for is not heard",
    "old": {"wait.sh": WAIT_SH, "Makefile": "test:\n\t@for test in tests/*.sh; do sh $$test || exit 1; done\n\n.PHONY: test\n"},
    "known": {"tests/doubled.sh": '[ "$(sh wait.sh 4 "")" = 8 ] && [ "$(sh wait.sh 20 "")" = 60 ]\n'},
    "tests": {"tests/asked.sh": '[ "$(sh wait.sh 1 30)" = 30 ] && [ "$(sh wait.sh 5 2)" = 16 ]\n'},
    "mend": [("wait.sh", '[ "$wait" -gt 60 ]', 'asked=${2:-0}\n[ "$asked" -gt "$wait" ] && wait=$asked\n[ "$wait" -gt 60 ]')],
}

TASKS = {"lines": LINES, "ranges": RANGES, "pointer": POINTER, "shorten": SHORT, "wait": WAIT}
