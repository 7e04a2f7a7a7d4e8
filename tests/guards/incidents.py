#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guard of the house: does every test exist that tests/incidents.md names, and has every incident one, or a plain word that it has none?

    incidents.py ROOT BUILD   exit 1 names each line
    incidents.py --self-test  shows that it notices what it is for
"""
import os
import re
import subprocess
import sys
import tempfile

PAGE = "tests/incidents.md"
INCIDENTS = 24
TEST = re.compile(r"^- `([^`]+)` `([^`]+)` `([^`]+)`$")


def tests_of(build):
    listed = subprocess.run(["ctest", "--test-dir", build, "-N"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^ *Test +#\d+: (\S+)", listed, re.MULTILINE))


def wrong_with(root, line, tests):
    match = TEST.match(line)
    if not match:
        return "is not `TEST` `FILE` `WHAT STANDS THERE`"
    test, path, words = match.groups()
    if test not in tests:
        return f"ctest has no test {test}"
    if not os.path.isfile(os.path.join(root, path)):
        return f"there is no file {path}"
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return None if words in file.read() else f"{path} does not hold {words}"


def look(root, tests):
    found, shown = [], {}
    number = None
    with open(os.path.join(root, PAGE), encoding="utf-8") as file:
        for at, line in enumerate(file.read().split("\n"), 1):
            title = re.match(r"^## (\d+)\. ", line)
            if line.startswith("## "):
                number = int(title.group(1)) if title else None
                if number in shown and number:
                    found.append(f"{PAGE}:{at}: {number} stands there twice")
                shown.setdefault(number, 0)
            elif line.startswith("- "):
                wrong = wrong_with(root, line, tests)
                shown[number] = shown.get(number, 0) + 1
                if wrong:
                    found.append(f"{PAGE}:{at}: {wrong}")
            elif line.startswith("Not shown: "):
                shown[number] = shown.get(number, 0) + 1
    return found + [f"{PAGE}: nothing shows incident {n}" for n in range(1, INCIDENTS + 1) if not shown.get(n)]


def self_test():
    good = "".join(f"## {n}. What\n\n- `a_test` `t.c` `test_it`\n" for n in range(1, INCIDENTS + 1))
    pages = {
        good: 0,
        good.replace("## 7. What\n\n- `a_test` `t.c` `test_it`\n", "## 7. What\n\nNot shown: there is no such thing here.\n"): 0,
        good.replace("`a_test`", "`no_test`", 1): 1,
        good.replace("`t.c`", "`u.c`", 1): 1,
        good.replace("`test_it`", "`test_that`", 1): 1,
        good.replace("- `a_test` `t.c` `test_it`\n", "- `a_test`\n", 1): 1,
        good.replace("- `a_test` `t.c` `test_it`\n", "", 1): 1,
        good.replace("## 9. ", "## 8. "): 2,
    }
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "tests"))
        with open(os.path.join(root, "t.c"), "w", encoding="utf-8") as file:
            file.write("test_it")
        for page, wanted in pages.items():
            with open(os.path.join(root, PAGE), "w", encoding="utf-8") as file:
                file.write(page)
            found = look(root, {"a_test"})
            if len(found) != wanted:
                print(f"{wanted} faults were planted, and these found: {found}")
                return 1
    return 0


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    found = look(sys.argv[1], tests_of(sys.argv[2]))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
