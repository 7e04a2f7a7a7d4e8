#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants bugs in how secrets are looked for, one at a time; each must make vault_test fail.

usage: vault_mutants.py SOURCE_DIR BUILD_DIR COMPILER FLAGS
"""
import os
import shlex
import subprocess
import sys
import tempfile

MUTANTS = [
    ("vault_forms.c", "for (unsigned phase = 0; phase < 3; phase++) {", "for (unsigned phase = 0; phase < 3; phase += 2) {"),
    ("vault_forms.c", "phase == 2 ? 2 : 0", "phase == 2 ? 4 : 0"),
    ("vault_forms.c", 'write_hex(vault, owner, value, known->bytes, "0123456789ABCDEF");', ""),
    ("vault_forms.c", "write_base64(vault, owner, value, known->bytes, phase, for_urls);", ""),
    ("vault_scan.c", "return vault_count(vault) ? 32 * vault->longest + 64 : 0;", "return vault_count(vault) ? vault->longest : 0;"),
    ("vault_scan.c", "static const uint8_t marks[] = {'\\\\', '%'};", "static const uint8_t marks[] = {'\\\\', '\\\\'};"),
    ("vault_scan.c", "depth < LAYERS_MAX", "depth < 1"),
    ("vault_scan.c", "place->from--;\n}", ";\n}"),
    ("vault_scan.c", "if (whole && !is_json(at, bytes)) {", "if (0) {"),
    ("search.c", "(uint8_t)(WINDOW - end)", "(uint8_t)(WINDOW - end + (end < WINDOW - 2))"),
    ("mask.c", 'token_is(&key, "idempotency_key")', "0"),
    ("mask.c", "masking.kind = look_outside(vault, parts);", ""),
    ("child_log.c", "let_go(log, log->held_bytes - seam);", "let_go(log, log->held_bytes);"),
]


def main():
    root, build, compiler, flags = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3], shlex.split(sys.argv[4])
    target, missed = "tests/actors/vault_test", 0
    done = subprocess.run(["ninja", "-C", build, "-t", "commands", "-s", target], check=True, capture_output=True, text=True)
    command = shlex.split(done.stdout.strip().splitlines()[-1].split("&&")[1])
    includes = subprocess.run(["pkg-config", "--cflags", "libzmq", "libsodium", "jansson"], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, old, new) in enumerate(MUTANTS, 1):
            with open(os.path.join(root, "actors", name), encoding="utf-8") as file:
                text = file.read()
            if old not in text:
                sys.exit(f"mutant {number}: {name} does not hold {old!r} any more")
            changed, made, program = (os.path.join(folder, part) for part in (name, "mutant.o", "mutant"))
            with open(changed, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new, 1))
            subprocess.run([compiler, *flags, "-std=c17", "-D_GNU_SOURCE", "-w", "-I", root, *includes, "-c", changed, "-o", made], check=True)
            line = [program if part == target else part for part in command]
            line.insert(line.index(program) + 1, made)  # what is linked first stands for the same names of an archive
            subprocess.run(line, check=True, cwd=build)
            found = subprocess.run([program, "100000"], capture_output=True, env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0")).returncode != 0
            missed += not found
            print(f"mutant {number} ({name}): {'noticed' if found else 'NOT NOTICED: ' + old!r}", flush=True)
    print(f"{len(MUTANTS)} bugs planted, {missed} not noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
