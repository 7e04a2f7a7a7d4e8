#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does docs/workspace.md list the verbs and members that the workspace takes, word for word? With --print it writes what should stand there.

usage: workspace_verbs.py SOURCE_DIR [--print]
"""
import os
import re
import sys

STRING = r'"((?:[^"\\]|\\.)*)"'
VERB = re.compile(r"^VERB\([A-Z]+, ([a-z]+), [A-Z]+, " + STRING + r",\s*" + STRING + r"\)", re.M)
MEMBER = re.compile(r"^  MEMBER\(([a-z]+), ([a-z_]+),\s+([A-Z]+),\s+(true|false),\s+" + STRING + r"\)", re.M)
KINDS = {"TEXT": "text", "TEXTS": "array of text", "OBJECTS": "array of objects", "NUMBER": "number", "FLAG": "true or false"}


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def lines(source):
    """The sections, as they stand in the document."""
    members = {}
    for verb, name, kind, required, sentence in MEMBER.findall(source):
        needed = ", needed" if required == "true" else ""
        members.setdefault(verb, []).append(f"| `{name}` | {KINDS[kind]}{needed} | {sentence} |")
    for verb, sentence, result in VERB.findall(source):
        yield f"### {verb}\n\n{sentence}. Result: {result}.\n"
        if verb in members:
            yield "| member | kind | meaning |\n|---|---|---|\n" + "\n".join(members[verb]) + "\n"


def main():
    root = sys.argv[1]
    source = read(root, "actors/workspace_verbs.def")
    wanted = "\n".join(lines(source))
    assert source.count("VERB(") - 1 == wanted.count("### ") and source.count("  MEMBER(") == wanted.count("| `"), "the list could not be read"
    if sys.argv[2:] == ["--print"]:
        print(wanted, end="")
        return 0
    if wanted in read(root, "docs/workspace.md"):
        return 0
    print("docs/workspace.md does not end with what actors/workspace_verbs.def says; --print says what should stand there")
    return 1


sys.exit(main())
