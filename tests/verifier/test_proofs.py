#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every inclusion and consistency proof of trees of 0 to 1,025 leaves, as the program makes them and as the second verifier defines them.

    test_proofs.py PRINT-PROOFS

Definitions are those of verify.py (RFC 9162), with subtrees remembered, since there are a million proofs; a few sizes are computed by verify.py itself."""
import functools
import hashlib
import subprocess
import sys

import maker  # noqa: F401  finds verify.py
import verify

LARGEST = 1025
LEAVES = [verify.sha256(b"\0", number.to_bytes(4, "big")) for number in range(LARGEST)]


@functools.lru_cache(maxsize=None)
def root(low, high):
    if high - low == 1:
        return LEAVES[low]
    middle = low + verify.split(high - low)
    return verify.node(root(low, middle), root(middle, high))


def inclusion(index, size):
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + verify.split(high - low)
        path.append(root(middle, high) if index < middle else root(low, middle))
        low, high = (low, middle) if index < middle else (middle, high)
    return path[::-1]


def consistency(old, size):
    low, high, path, whole = 0, size, [], True
    while old != high:
        middle = low + verify.split(high - low)
        if old <= middle:
            path.append(root(middle, high))
            high = middle
        else:
            path.append(root(low, middle))
            low, whole = middle, False
    return ([] if whole else [root(low, high)]) + path[::-1]


def main(program):
    lines = subprocess.run([program, str(LARGEST)], capture_output=True, text=True, check=True).stdout.splitlines()
    if len(lines) != LARGEST + 1:
        sys.exit(f"{len(lines)} sizes instead of {LARGEST + 1}")
    count = 0
    for size, line in enumerate(lines):
        paths = [inclusion(index, size) for index in range(size)] + [consistency(old, size) for old in range(1, size + 1)]
        if size in (1, 2, 3, 7, 8, 100, 255, 256, 257):
            leaves = LEAVES[:size]
            slow = [verify.inclusion_path(index, leaves) for index in range(size)] + [verify.consistency_path(old, leaves) for old in range(1, size + 1)]
            if slow != paths or verify.root_of(leaves) != root(0, size):
                sys.exit(f"size {size}: remembered subtrees are not those of the definition")
            for index in range(size):
                if verify.root_by_path(LEAVES[index], index, size, paths[index]) != root(0, size):
                    sys.exit(f"size {size}: the path of leaf {index} does not lead to the root")
        digest = hashlib.sha256(b"".join(bytes([len(path)]) + b"".join(path) for path in paths)).hexdigest()
        expected = f"{size} {(root(0, size) if size else verify.sha256()).hex()} {digest}"
        if line != expected:
            sys.exit(f"size {size}: the program has\n{line}, it must be\n{expected}")
        count += len(paths)
    print(f"{count} proofs of trees of 0 to {LARGEST} leaves are the same")


main(sys.argv[1])
