#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the documents say what is so? Links lead somewhere, commands exist, and every document can be found.

    test_documents.py ROOT BUNSHIN
"""
import os
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|[`\s])bunshin ((?:[a-z]+ )?[a-z]+)")


def documents(root):
    """Our own Markdown, by path relative to the root."""
    for folder in ("", "docs", "examples"):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def broken_links(root):
    for path in documents(root):
        for target, _ in LINK.findall(read(root, path)):
            if "://" not in target and not os.path.exists(os.path.join(root, os.path.dirname(path), target)):
                yield f"{path}: {target} is not there"


def unlisted_documents(root):
    index = read(root, "docs/README.md")
    for name in sorted(os.listdir(os.path.join(root, "docs"))):
        if name != "README.md" and f"({name})" not in index:
            yield f"docs/README.md does not name {name}"


def commands_of(text):
    """What stands after "bunshin" in blocks and spans of code."""
    code = re.findall(r"^    .*$|`[^`\n]+`", text, re.MULTILINE)
    code += re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    return sorted({match for part in code for match in COMMAND.findall(part)})


def is_command(bunshin, words):
    """True for "task send" and "up", and for a group alone, but not for a group with a word that it does not have."""
    done = subprocess.run([bunshin, "help", *words.split(" ")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def unknown_commands(root, bunshin):
    groups = {"task", "clone", "recover", "route", "audit", "peer"}
    for path in documents(root):
        for words in commands_of(read(root, path)):
            first = words.split(" ")[0]
            command = words if first in groups else first
            if not is_command(bunshin, command):
                yield f"{path}: there is no command `bunshin {command}`"


def main():
    root, bunshin = sys.argv[1:3]
    found = list(broken_links(root)) + list(unlisted_documents(root)) + list(unknown_commands(root, bunshin))
    print("\n".join(found) or "every link leads somewhere, every document is listed, every command exists")
    return 1 if found else 0


sys.exit(main())
