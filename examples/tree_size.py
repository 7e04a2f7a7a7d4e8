#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Only the work: how many bytes a folder holds. Each subfolder is a task of its own, for whoever is free.

A clone in routing.conf starts this program for each attempt (docs/write-a-clone.md, "Only the work"):

    clone sizes { slots = 8  command = "bunshin clone sizes/1 --attempt 'python3 /path/to/tree_size.py'" }
    route tree-size { destination = sizes  timeout = 1m }

    bunshin task send tree-size --param path=$HOME/project --wait
"""
import json
import os
import sys


def say(**line):
    print(json.dumps(line), flush=True)


def fail(code, sentence):
    say(failure={"code": code, "sentence": sentence})
    sys.exit(1)


def main():
    task = json.loads(sys.stdin.readline())
    top = task["parameters"].get("path", "")
    if not os.path.isabs(top) or not os.path.isdir(top):
        fail("invalid_parameters", f"path is {json.dumps(top)}; the absolute path of a folder would be accepted")
    size, waiting = 0, set()
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        if not entry.is_dir(follow_symlinks=False):
            size += entry.stat(follow_symlinks=False).st_size
        elif task["depth"] < 3:
            # The name is the key: an attempt that comes after this one asks for the same children and is told what they have found.
            waiting.add(entry.name)
            say(request={"key": entry.name, "task_type": "tree-size", "parameters": {"path": entry.path}})
        else:
            size += sum(os.lstat(os.path.join(folder, name)).st_size for folder, _, names in os.walk(entry.path) for name in names)
    while waiting:
        line = json.loads(sys.stdin.readline())
        if "refused" in line:
            fail("task_failed", f"{line['refused']['key']}: {line['refused']['sentence']}")
        if "outcome" in line:
            outcome = line["outcome"]
            waiting.discard(outcome["key"])
            if outcome["state"] != "completed":
                fail("task_failed", f"{outcome['key']}: {outcome['sentence']}")
            size += outcome["result"]["bytes"]
    say(completion={"summary": f"{size} bytes", "result": {"bytes": size}})


if __name__ == "__main__":
    main()
