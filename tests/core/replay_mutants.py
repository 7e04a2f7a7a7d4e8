#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants the bugs of mutants.txt in the core one at a time and counts those that a replay of what the sound core has decided shows.

usage: replay_mutants.py SOURCE_DIR BUILD_DIR COMPILER FLAGS STEP

A bug in a place that the recorded worlds never came to leaves no trace in them, so not all can show; three in five must. What shows least is who
may say what, since few in a world ask for what is not theirs; core_mutants finds all of them. STEP 1 plants all, STEP 3 each third.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutants  # noqa: E402

SEEDS = 160


def link_command(build):
    """How the build links replay_test."""
    done = subprocess.run(["ninja", "-C", build, "-t", "commands", "-s", "tests/core/replay_test"], check=True, capture_output=True, text=True)
    line = done.stdout.strip().splitlines()[-1]
    line = line.split("&&")[1] if "&&" in line else line
    return shlex.split(line)


def main():
    root, build, compiler, flags, step = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3], shlex.split(sys.argv[4]), int(sys.argv[5])
    every = mutants.read_mutants(os.path.join(root, "tests/core/mutants.txt"))
    planted = seen = 0
    with tempfile.TemporaryDirectory() as folder:
        worlds = os.path.join(folder, "worlds")
        sound = os.path.join(build, "tests/core/replay_test")
        subprocess.run([sound, f"--seeds={SEEDS}", f"--record={worlds}"], check=True)
        subprocess.run([sound, f"--replay={worlds}"], check=True)
        command = link_command(build)
        for number in range(1, len(every) + 1, step):
            name, old, new = every[number - 1]
            with open(os.path.join(root, "routing", name), encoding="utf-8") as file:
                text = file.read()
            place = re.search(r"\s+".join(map(re.escape, old.split())), text)
            changed, made, program = (os.path.join(folder, part) for part in (name, "mutant.o", "mutant"))
            with open(changed, "w", encoding="utf-8") as file:
                file.write(text[: place.start()] + new + text[place.end() :])
            if subprocess.run([compiler, *flags, "-std=c17", "-D_GNU_SOURCE", "-w", "-I", root, "-c", changed, "-o", made]).returncode:
                sys.exit(f"mutant {number} does not compile")
            # What is linked first stands for the same names of an archive.
            line = [program if part == "tests/core/replay_test" else part for part in command]
            line.insert(line.index(program) + 1, made)
            subprocess.run(line, check=True, cwd=build)
            found = subprocess.run([program, f"--replay={worlds}"], capture_output=True).returncode != 0
            planted += 1
            seen += found
            print(f"mutant {number} ({name}): {'shown' if found else 'not shown'}", flush=True)
    print(f"{planted} bugs planted, {seen} shown by a replay of {SEEDS} worlds")
    return 0 if 5 * seen >= 3 * planted > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
