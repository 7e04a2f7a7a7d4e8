#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guard of the house: does the other compiler accept every source without a warning?

    other_compiler.py COMPILER BUILD-FOLDER  reads compile_commands.json; exit 1 prints what the compiler says
    other_compiler.py --self-test COMPILER   shows that it notices what it is for
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile


def command_of(entry, compiler):
    """The entry's command with this compiler, and nothing written."""
    words = shlex.split(entry["command"])
    if os.path.basename(words[0]) == "ccache":
        words = words[1:]
    result = [compiler, "-fsyntax-only"]
    skip = False
    for word in words[1:]:
        if skip or word == "-c":
            skip = False
        elif word in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif word not in ("-MD", "-MMD"):
            result.append(word)
    return result


def check(entries, compiler):
    """What the compiler says, one text for each source that it does not accept."""

    def run(entry):
        done = subprocess.run(command_of(entry, compiler), cwd=entry["directory"], stderr=subprocess.PIPE, check=False)
        return done.stderr.decode() if done.returncode else None

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [text for text in pool.map(run, entries) if text]


def self_test(compiler):
    with tempfile.TemporaryDirectory() as folder:
        entries = []
        for name, text in (("good.c", "int f(void) { return 0; }\n"), ("bad.c", "int f(void) { return x; }\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
            entries.append({"directory": folder, "command": f"ccache /usr/bin/cc -Wall -Werror -o {name}.o -c {name}"})
        good, bad = check(entries[:1], compiler), check(entries[1:], compiler)
        if good or len(bad) != 1 or os.path.exists(os.path.join(folder, "good.c.o")):
            print(f"judged wrongly: {good} {bad}")
            return 1
    print("a planted source was noticed")
    return 0


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.argv[1] == "--self-test":
        return self_test(sys.argv[2])
    with open(os.path.join(sys.argv[2], "compile_commands.json"), encoding="utf-8") as file:
        entries = {entry["file"]: entry for entry in json.load(file)}
    found = check(entries.values(), sys.argv[1])
    print("".join(found), end="")
    print(f"{len(entries)} sources, {len(found)} not accepted by {sys.argv[1]}")
    return 1 if found else 0


sys.exit(main())
