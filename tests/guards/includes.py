#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guard of the house: does any #include point the wrong way, or out of a pure folder?

    includes.py ROOT         checks the tree; exit 1 names each wrong line
    includes.py --self-test  shows that it notices what it is for

Folders may include themselves and those named here. Pure code (protocol, routing, clones, a part of models) may include, besides, only the
system headers named here: no clock, socket, file, thread, random source or environment can come in by another one.
"""
import fnmatch
import os
import re
import sys
import tempfile

ABOVE = {
    "protocol": [],
    "routing": ["protocol"],
    "audit": ["protocol"],
    "verifier": ["protocol"],
    "selftest": ["protocol", "audit"],
    "workspace": ["protocol"],
    "clones": ["protocol"],
    "models": ["protocol"],
    "races": ["protocol"],
    "tools": ["protocol", "workspace", "clones", "models"],
    "actors": ["protocol", "routing", "audit", "workspace", "clones", "models", "races", "tools"],
    "cli": ["protocol", "routing", "audit", "selftest", "workspace", "clones", "models", "races", "tools", "actors"],
}
C_ONLY = ["assert.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "stdalign.h"]
TEXT = C_ONLY + ["ctype.h", "stdio.h", "stdlib.h", "strings.h", "math.h"]
PURE = [
    ("protocol/*", TEXT + ["jansson.h", "msgpack.h", "msgpack/*.h"]),
    ("routing/conf*", TEXT + ["confuse.h"]),
    ("routing/*", C_ONLY),
    *((f"models/{name}", TEXT + ["jansson.h"]) for name in ("wire*", "price*", "budget*", "target*", "veil*", "ask_words*")),
    ("races/*", TEXT + ["jansson.h"]),
    ("clones/*", TEXT + ["jansson.h", "pcre2.h", "libxml/*.h", "openssl/evp.h", "openssl/hmac.h", "openssl/sha.h"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def pure_list(path):
    for pattern, headers in PURE:
        if fnmatch.fnmatch(path, pattern):
            return headers
    return None


def wrong(path, quote, name):
    """What is wrong with this include, or None."""
    folder = path.split("/")[0]
    if quote == '"':
        target = name.split("/")[0]
        if "/" not in name or target not in ABOVE and target not in ("tests", "bench"):
            return "an include is written from the root, as in \"protocol/message.h\""
        if target != folder and target not in ABOVE[folder]:
            return f"{folder} may include {', '.join([folder] + ABOVE[folder])}, not {target}"
        if path.startswith("verifier/") and target == "protocol" and name != "protocol/messages.def":
            return "the verifier shares no code with what it verifies, only the list of messages, for their names"
        if path.startswith("routing/") and not path.startswith("routing/conf") and name.startswith("routing/conf"):
            return "the deciding core does not know how its table is written"
        return None
    headers = pure_list(path)
    if headers is not None and not any(fnmatch.fnmatch(name, header) for header in headers):
        return f"pure code may include {', '.join(headers)} of the system"
    return None


def check(root):
    """Every wrong include of the tree, as FILE:LINE: sentence."""
    found = []
    for folder in ABOVE:
        for directory, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if not name.endswith((".c", ".h", ".def")):
                    continue
                path = os.path.relpath(os.path.join(directory, name), root)
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    for number, line in enumerate(file, 1):
                        match = INCLUDE.match(line)
                        reason = match and wrong(path, *match.groups())
                        if reason:
                            found.append(f"{path}:{number}: {match.group(2)}: {reason}")
    return found


PLANTED = [
    ("protocol/a.c", '#include "routing/table.h"', True),
    ("routing/a.c", '#include "audit/trail.h"', True),
    ("audit/a.c", '#include "routing/table.h"', True),
    ("workspace/a.c", '#include "clones/clone.h"', True),
    ("audit/a.c", '#include "selftest/disk.h"', True),
    ("actors/a.c", '#include "selftest/disk.h"', True),
    ("cli/a.c", '#include "selftest/disk.h"', False),
    ("clones/a.c", '#include "actors/client.h"', True),
    ("races/a.c", '#include "clones/result.h"', True),
    ("races/a.c", "#include <time.h>", True),
    ("clones/a.c", '#include "models/wire.h"', True),
    ("models/a.c", '#include "workspace/sandbox.h"', True),
    ("models/wire_a.c", "#include <curl/curl.h>", True),
    ("models/a.c", "#include <curl/curl.h>", False),
    ("actors/a.c", '#include "models/proxy.h"', False),
    ("actors/a.c", '#include "cli/command.h"', True),
    ("protocol/a.c", "#include <time.h>", True),
    ("clones/a.c", "  #  include <unistd.h>", True),
    ("routing/a.c", "#include <stdlib.h>", True),
    ("routing/conf_a.c", "#include <zmq.h>", True),
    ("routing/a.h", '#include "routing/conf.h"', True),
    ("audit/a.c", '#include "trail.h"', True),
    ("verifier/a.c", '#include "audit/record.h"', True),
    ("verifier/a.c", '#include "protocol/codec.h"', True),
    ("verifier/a.c", '#include "protocol/messages.def"', False),
    ("audit/a.c", '#include "verifier/row.h"', True),
    ("protocol/a.def", "#include <sys/stat.h>", True),
    ("routing/a.c", '#include "protocol/message.h"', False),
    ("routing/conf_a.c", "#include <stdlib.h>", False),
    ("actors/a.c", "#include <zmq.h>", False),
    ("actors/a.c", '#include "audit/trail.h"', False),
]


def self_test():
    failures = 0
    for path, line, is_wrong in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write("/* a file */\n" + line + "\n")
            found = check(root)
            if bool(found) != is_wrong or (is_wrong and not found[0].startswith(path + ":2: ")):
                print(f"{path} with {line}: {'noticed' if found else 'not noticed'} {found}")
                failures += 1
    print(f"{len(PLANTED)} planted lines, {failures} judged wrongly")
    return 1 if failures else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    found = check(sys.argv[1])
    for line in found:
        print(line)
    return 1 if found else 0


sys.exit(main())
