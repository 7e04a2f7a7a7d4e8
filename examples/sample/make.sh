#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the sample repository: a small shop till in four languages, with known faults, a short test suite and some history.
#
#   make.sh FOLDER     FOLDER must not exist yet, or be empty
#
# What is wrong with it, on purpose (README.md of the sample tells no one):
#   src/till.c         gets, strcpy and a command line for system() put together from input
#   src/ledger.h       includes src/report.h, which includes it again
#   scripts/prices.py  eval of a file's lines, a shell command with a variable in it, two credentials (made up here, at run time)
#   scripts/backup.sh  variables without quotes, rm -rf of one that may be empty
#   web/board.js       innerHTML from a message, eval
#   README.md          links to a file that is not there, names an option that does not exist
#   tests              of eight cases one fails: cents are cut off where they should be rounded
#   most functions     nobody says what they do
# The same names, dates and contents each time, so the commits have the same ids each time.
set -eu

folder=${1:?"usage: make.sh FOLDER"}
if [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
	echo "make.sh: $folder is not empty; name a folder that does not exist yet" >&2
	exit 1
fi
mkdir -p "$folder"
cd "$folder"

# Nothing of the caller's git takes part: no configuration, hooks, templates or signatures.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM
git -c init.defaultBranch=main init -q --template=

day=1
# commit AUTHOR MESSAGE: everything as it stands, a day after the commit before.
commit() {
	GIT_AUTHOR_NAME=$1 GIT_AUTHOR_EMAIL=$(echo "$1" | tr 'A-Z ' 'a-z.')@sample.invalid
	GIT_AUTHOR_DATE=$(printf '2024-03-%02dT09:00:00Z' "$day")
	GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
	git add -A
	git commit -q --no-verify -m "$2"
	day=$((day + 1))
}

# ---- the ledger, in C ----

mkdir src tests scripts web
cat >src/ledger.h <<'END'
#ifndef LEDGER_H
#define LEDGER_H

#include "src/report.h"

#define LEDGER_MAX 64

/* One thing sold. */
struct item {
	char name[32];
	long cents;
};

struct ledger {
	struct item item[LEDGER_MAX];
	int count;
};

/* Adds an item. Returns 0, or -1 when the ledger is full or the price is negative. */
int ledger_add(struct ledger *ledger, const char *name, long cents);
long ledger_total(const struct ledger *ledger);
long ledger_discount(long cents, int percent);
int ledger_find(const struct ledger *ledger, const char *name);

#endif
END
cat >src/ledger.c <<'END'
#include <string.h>

#include "src/ledger.h"

int ledger_add(struct ledger *ledger, const char *name, long cents)
{
	if (ledger->count == LEDGER_MAX || cents < 0)
		return -1;
	strcpy(ledger->item[ledger->count].name, name);
	ledger->item[ledger->count].cents = cents;
	ledger->count++;
	return 0;
}

long ledger_total(const struct ledger *ledger)
{
	long total = 0;

	for (int i = 0; i < ledger->count; i++)
		total += ledger->item[i].cents;
	return total;
}

long ledger_discount(long cents, int percent)
{
	return cents * (100 - percent) / 100;
}

int ledger_find(const struct ledger *ledger, const char *name)
{
	for (int i = 0; i < ledger->count; i++)
		if (strcmp(ledger->item[i].name, name) == 0)
			return i;
	return -1;
}
END
cat >src/report.h <<'END'
#ifndef REPORT_H
#define REPORT_H

#include "src/ledger.h"

struct ledger;

void report_print(const struct ledger *ledger);
int report_width(const char *name);

#endif
END
cat >src/report.c <<'END'
#include <stdio.h>
#include <string.h>

#include "src/report.h"

int report_width(const char *name)
{
	return (int)strlen(name);
}

void report_print(const struct ledger *ledger)
{
	for (int i = 0; i < ledger->count; i++)
		printf("%-32s %6ld.%02ld\n", ledger->item[i].name, ledger->item[i].cents / 100, ledger->item[i].cents % 100);
}
END
cat >.gitignore <<'END'
build/
END
commit "Ada Example" "A ledger and its report"

# ---- the till ----

cat >src/till.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/ledger.h"

char *gets(char *line);

static void print_receipt(const char *printer)
{
	char command[64];

	sprintf(command, "lp -d %s receipt.txt", printer);
	if (system(command) != 0)
		fprintf(stderr, "till: the printer does not answer\n");
}

int main(int argc, char **argv)
{
	static struct ledger ledger;
	char line[80], name[32];

	while (gets(line)) {
		char *price = strchr(line, ' ');

		if (!price)
			continue;
		*price++ = '\0';
		strcpy(name, line);
		ledger_add(&ledger, name, atol(price));
	}
	report_print(&ledger);
	if (argc > 1)
		print_receipt(argv[1]);
	return 0;
}
END
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(till C)

include_directories(${CMAKE_SOURCE_DIR})
add_library(ledger STATIC src/ledger.c src/report.c)
add_executable(till src/till.c)
target_link_libraries(till ledger)
END
cat >README.md <<'END'
# Till

Keeps the ledger of a small shop.

    cmake -S . -B build && cmake --build build
    printf 'apple 120\npear 95\n' | build/till

See [how to set it up](docs/setup.md) and [the ledger](src/ledger.h).
`till --printer NAME` prints a receipt.
END
commit "Ada Example" "The till reads items from its input"

# ---- tests, in C and Python ----

cat >tests/test_ledger.c <<'END'
#include <stdio.h>
#include <string.h>

#include "src/ledger.h"

static int adds(void)
{
	struct ledger ledger = {.count = 0};

	return ledger_add(&ledger, "apple", 120) == 0 && ledger_total(&ledger) == 120;
}

static int finds(void)
{
	struct ledger ledger = {.count = 0};

	return ledger_add(&ledger, "apple", 120) == 0 && ledger_find(&ledger, "apple") == 0 && ledger_find(&ledger, "pear") == -1;
}

static int refuses_negative(void)
{
	struct ledger ledger = {.count = 0};

	return ledger_add(&ledger, "apple", -1) == -1 && ledger.count == 0;
}

/* A tenth off 105 cents is 94.5, and the shop says 95. */
static int rounds(void)
{
	return ledger_discount(105, 10) == 95;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int good = 0;

	if (strcmp(name, "adds") == 0)
		good = adds();
	else if (strcmp(name, "finds") == 0)
		good = finds();
	else if (strcmp(name, "refuses_negative") == 0)
		good = refuses_negative();
	else if (strcmp(name, "rounds") == 0)
		good = rounds();
	printf("%s: %s\n", name, good ? "good" : "wrong");
	return good ? 0 : 1;
}
END
cat >>CMakeLists.txt <<'END'

enable_testing()
add_executable(test_ledger tests/test_ledger.c)
target_link_libraries(test_ledger ledger)
foreach(case adds finds refuses_negative rounds)
  add_test(NAME ledger_${case} COMMAND test_ledger ${case})
endforeach()
END
commit "Grace Sample" "tests: the ledger adds, finds, refuses and rounds"

# ---- prices, in Python ----

# Two credentials that nobody ever had: the shape of an access key and of a token, from a hash.
letters() {
	printf '%s' "$1" | sha512sum | tr -d ' -' | tr '0-9a-f' "$2"
}
key_id="AK""IA$(letters 'till one' 'QX7RZKBTWM2VNDHP' | cut -c1-16)"
token="gh""p_$(letters 'till two' 'q7XkR2mVd9TzHw4B' | cut -c1-36)"
cat >scripts/prices.py <<END
import subprocess

KEY_ID = "$key_id"
TOKEN = "$token"


def read_prices(path):
    prices = {}
    with open(path) as file:
        for line in file:
            name, price = line.split("=", 1)
            prices[name.strip()] = eval(price)
    return prices


def cents(price):
    """A price such as 1.20 in cents."""
    return round(float(price) * 100)


def publish(path, host):
    subprocess.call("scp " + path + " " + host + ":/srv/prices", shell=True)
END
cat >tests/test_prices.py <<'END'
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "scripts"))
import prices


class Prices(unittest.TestCase):
    def test_cents(self):
        self.assertEqual(prices.cents("1.20"), 120)

    def test_cents_of_nothing(self):
        self.assertEqual(prices.cents("0"), 0)

    def test_reads_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".prices") as file:
            file.write("apple = 120\npear = 95\n")
            file.flush()
            self.assertEqual(prices.read_prices(file.name), {"apple": 120, "pear": 95})

    def test_reads_no_line(self):
        with tempfile.NamedTemporaryFile("w", suffix=".prices") as file:
            self.assertEqual(prices.read_prices(file.name), {})


if __name__ == "__main__":
    unittest.main()
END
cat >>CMakeLists.txt <<'END'
add_test(NAME prices COMMAND python3 -m unittest discover -s ${CMAKE_SOURCE_DIR}/tests)
END
commit "Grace Sample" "scripts: prices from a file"

# ---- shell and the board on the wall, in JavaScript ----

cat >scripts/backup.sh <<'END'
#!/bin/sh
target=$1
cd $target
rm -rf $target/old/*
for file in $(ls *.txt); do
	cp $file $target/old/$file
done
END
chmod +x scripts/backup.sh
commit "Ada Example" "scripts: keep the receipts of yesterday"
cat >web/board.js <<'END'
const board = document.getElementById("board");

function show(message) {
  board.innerHTML = "<b>" + message.name + "</b> " + eval(message.price);
}

const socket = new WebSocket("ws://till.invalid/board");
socket.onmessage = (event) => show(JSON.parse(event.data));
END
commit "Ada Example" "web: a board that shows the last item"

# ---- the file that everybody changes ----

for limit in 96 128 160; do
	sed -i "s/#define LEDGER_MAX .*/#define LEDGER_MAX $limit/" src/ledger.h
	sed -i "s/^\tchar line\[.*/\tchar line[$limit], name[32];/" src/till.c
	commit "Grace Sample" "fix: room for $limit items"
done
git tag -a -m "First release" v1.0
sed -i 's/%-32s/%-30s/' src/report.c
commit "Ada Example" "report: the new printer has shorter lines"
git log -1 --format='%H'
