#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants the bugs of mutants.txt one at a time and counts those that the tests of the core do not notice.

usage: mutants.py SOURCE_DIR [NUMBER…]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

FLAGS = "-std=c17 -D_GNU_SOURCE -O1 -w".split()


def pkg(*names):
    return subprocess.run(["pkg-config", "--cflags", "--libs", *names], check=True, capture_output=True, text=True).stdout.split()


def unescape(text):
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\|", "|")


def read_mutants(path):
    mutants = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            parts = [unescape(part) for part in re.split(r" (?<!\\)\| ", line.rstrip("\n"))]
            mutants.append(tuple(parts + [""] * (3 - len(parts))))
    return mutants


def sources(root):
    routing = os.path.join(root, "routing")
    core = [os.path.join(routing, name) for name in sorted(os.listdir(routing)) if name.endswith(".c")]
    return core, [os.path.join(root, "protocol", name) for name in sorted(os.listdir(os.path.join(root, "protocol"))) if name.endswith(".c")]


def compile_objects(root, files, folder, fresh):
    objects = []
    for path in files:
        out = os.path.join(folder, os.path.basename(path)[:-2] + "." + str(abs(hash(path))) + ".o")
        if fresh or not os.path.exists(out):
            done = subprocess.run(["gcc", *FLAGS, "-I", root, *INCLUDES, "-c", path, "-o", out], capture_output=True, text=True)
            if done.returncode:
                return None
        objects.append(out)
    return objects


def run(command):
    try:
        return subprocess.run(command, capture_output=True, timeout=120).returncode
    except subprocess.TimeoutExpired:
        return 1


def noticed(root, objects, folder):
    tests = {"test_scenarios": ["scenario.c"], "test_core": ["test_core.c"], "test_simulation": ["simulate.c", "world.c", "watch.c"]}
    scenarios = os.path.join(root, "tests/core/scenarios")
    arguments = {"test_scenarios": sorted(os.path.join(scenarios, name) for name in os.listdir(scenarios)), "test_core": [], "test_simulation": ["--seeds=60"]}
    for name, files in tests.items():
        own = compile_objects(root, [os.path.join(root, "tests/core", file) for file in [*files, "twin.c"]], folder, False)
        program = os.path.join(folder, name)
        if own is None or subprocess.run(["gcc", *objects, *own, "-o", program, *LIBRARIES]).returncode:
            sys.exit("the tests of the core do not build")
        if run([program, *arguments[name]]):
            return name
    return None


def main():
    root = os.path.abspath(sys.argv[1])
    mutants = read_mutants(os.path.join(root, "tests/core/mutants.txt"))
    wanted = [int(number) for number in sys.argv[2:]] or range(1, len(mutants) + 1)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        core, protocol = sources(root)
        objects = compile_objects(root, core + protocol, folder, True)
        found = noticed(root, objects, folder)
        if objects is None or found:
            sys.exit(f"the code as it is fails {found}")
        for number in wanted:
            name, old, new = mutants[number - 1]
            path = os.path.join(root, "routing", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            # However the lines are broken, the words are the same.
            place = re.search(r"\s+".join(map(re.escape, old.split())), text)
            if not place:
                sys.exit(f"mutant {number}: {name} does not hold {old!r} any more")
            changed = os.path.join(folder, "mutant", name)
            os.makedirs(os.path.dirname(changed), exist_ok=True)
            with open(changed, "w", encoding="utf-8") as file:
                file.write(text[: place.start()] + new + text[place.end() :])
            mutant = compile_objects(root, [changed], folder, True)
            by = "the compiler" if mutant is None else noticed(root, [o for p, o in zip(core + protocol, objects) if p != path] + mutant, folder)
            print(f"mutant {number} ({name}): {'noticed by ' + by if by else 'NOT NOTICED: ' + old!r}", flush=True)
            if not by:
                missed.append(number)
            shutil.rmtree(os.path.dirname(changed))
    print(f"{len(list(wanted))} bugs planted, {len(missed)} not noticed")
    return 1 if missed else 0


INCLUDES = [flag for flag in pkg("jansson", "libconfuse", "cmocka") if not flag.startswith("-l")]
LIBRARIES = [flag for flag in pkg("jansson", "libconfuse", "cmocka") if flag.startswith("-l")] + ["-lmsgpackc", "-lm"]

if __name__ == "__main__":
    sys.exit(main())
