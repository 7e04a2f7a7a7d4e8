#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every message of messages.def is made by somebody and looked at by somebody, in code that is no test.

usage: messages.py SOURCE_DIR
"""
import os
import re
import sys

FOLDERS = ("routing", "actors", "cli")


def read_sources(root):
    texts = []
    for folder in FOLDERS:
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if name.endswith((".c", ".h")):
                with open(os.path.join(root, folder, name), encoding="utf-8") as file:
                    texts.append(file.read())
    return "\n".join(texts)


def missing(names, code):
    """Messages that nobody makes, and messages that nobody looks at."""
    for name in names:
        looked_at = re.compile(rf"case MESSAGE_{name}:|[!=]= MESSAGE_{name}\b")
        rest = looked_at.sub("", code)
        made = re.search(rf"type = MESSAGE_{name}\b|[a-z_]+\([^;]*?MESSAGE_{name}\b", rest)
        if not made:
            yield f"nobody says {name}"
        if not looked_at.search(code):
            yield f"nobody listens to {name}"


def main():
    root = sys.argv[1]
    with open(os.path.join(root, "protocol/messages.def"), encoding="utf-8") as file:
        names = re.findall(r"^MESSAGE\(([A-Z_]+)", file.read(), re.M)
    code = read_sources(root)
    assert len(names) > 20, "messages.def could not be read"
    # The guard itself: a message that nobody knows must be noticed, and so must one that is only heard.
    assert list(missing(["UNHEARD_OF"], code)) == ["nobody says UNHEARD_OF", "nobody listens to UNHEARD_OF"]
    assert list(missing(["X"], "switch (t) { case MESSAGE_X: }")) == ["nobody says X"]
    found = list(missing(names, code))
    for line in found:
        print(line)
    print(f"{len(names)} messages, {len(found)} without a speaker or a listener")
    return 1 if found else 0


sys.exit(main())
