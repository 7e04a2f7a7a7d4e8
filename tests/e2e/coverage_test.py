#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Delta tells which lines a project's tests execute: real projects of each kind, measured by the real programs.

    coverage_test.py BUNSHIN

Each project has a function that a test calls, with a branch that no test takes. What is said of its lines is compared with what is known.
"""
import json
import os
import subprocess
import sys
import tempfile

C_SOURCE = """int sign(int x)
{
\tif (x < 0)
\t\treturn -1;
\treturn 1;
}
"""
C_TEST = 'int sign(int x);\nint main(void)\n{\n\treturn sign(3) == 1 ? 0 : 1;\n}\n'
PYTHON_SOURCE = "def sign(x):\n    if x < 0:\n        return -1\n    return 1\n"
NODE_SOURCE = """function sign(x) {
  if (x < 0) {
    return -1;
  }
  // 😀 two units of UTF-16
  return 1;
}
function never() {
  return 0;
}
module.exports = { sign, never };
"""

PROJECTS = {
    "make": ({"src/sign.c": C_SOURCE, "test.c": C_TEST,
              "Makefile": "test: t\n\t./t\nt: test.c src/sign.c\n\tcc -o $@ $^\n"},
             "src/sign.c", {1, 3, 5}, {4}),
    "cmake": ({"src/sign.c": C_SOURCE, "test.c": C_TEST,
               "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(p C)\nenable_testing()\n"
                                 "add_library(s src/sign.c)\nadd_executable(t test.c)\ntarget_link_libraries(t s)\nadd_test(NAME t COMMAND t)\n"},
              "src/sign.c", {1, 3, 5}, {4}),
    "pytest": ({"src/sign.py": PYTHON_SOURCE, "pytest.ini": "[pytest]\n",
                "test_sign.py": "from sign import sign\n\n\ndef test_sign():\n    assert sign(3) == 1\n"},
               "src/sign.py", {1, 2, 4}, {3}),
    # In a process of its own, which the runner knows nothing of.
    "unittest": ({"sign.py": PYTHON_SOURCE,
                  "test_sign.py": "import subprocess, sys, unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n"
                                  "        subprocess.run([sys.executable, '-c', 'import sign; sign.sign(3)'], check=True)\n"},
                 "sign.py", {1, 2, 4}, {3}),
    "npm": ({"sign.js": NODE_SOURCE, "test.js": "const { sign } = require('./sign');\nif (sign(3) !== 1) process.exit(1);\n",
             "package.json": '{"name": "p", "version": "1.0.0", "scripts": {"test": "node test.js"}}\n'},
            "sign.js", {2, 6, 11}, {3, 9}),
}


def repository(folder, files):
    for path, text in files.items():
        whole = os.path.join(folder, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)
    git = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)


def attempt(bunshin, folder, parameters):
    """The completion, or None and the failure."""
    with tempfile.TemporaryDirectory(prefix="bunshin-coverage-") as work:
        assignment = {"task_id": "01900000-0000-7000-8000-000000000001", "task_type": "test-strategy", "attempt": 1,
                      "timeout_ms": 300000, "work": work, "parameters": {"repo": folder, **parameters}}
        run = subprocess.run([bunshin, "attempt"], input=json.dumps(assignment), capture_output=True, text=True, check=False)
        last = json.loads(run.stdout.splitlines()[-1])
        return last.get("completion", {}).get("result"), last.get("failure")


def lines(ranges):
    return {line for begin, end in ranges for line in range(begin, end + 1)}


def coverage_of(result):
    return {entity["path"]: entity for entity in result["entities"] if entity["kind"] == "coverage"}


def check(bunshin, name):
    files, path, covered, missed = PROJECTS[name]
    with tempfile.TemporaryDirectory(prefix="bunshin-coverage-") as folder:
        repository(folder, files)
        result, failure = attempt(bunshin, folder, {"coverage": True})
        assert result, (name, failure)
        passed = [entity for entity in result["entities"] if entity["kind"] == "case" and entity["verdict"] == "passed"]
        assert passed, (name, result["status_reason"])
        told = coverage_of(result)
        assert path in told, (name, sorted(told), result["runs"])
        assert covered <= lines(told[path]["covered"]), (name, told[path])
        assert missed <= lines(told[path]["missed"]), (name, told[path])
        assert not lines(told[path]["covered"]) & lines(told[path]["missed"]), (name, told[path])
        assert not any(".bunshin" in other for other in told), (name, sorted(told))
        print(f"{name}: {told[path]['covered']} covered, {told[path]['missed']} missed")


def check_paths(bunshin):
    files = PROJECTS["make"][0]
    with tempfile.TemporaryDirectory(prefix="bunshin-coverage-") as folder:
        repository(folder, files)
        result, _ = attempt(bunshin, folder, {"coverage": {"paths": ["src/sign.c"]}})
        assert set(coverage_of(result)) == {"src/sign.c"}, coverage_of(result)
        result, _ = attempt(bunshin, folder, {})
        assert not coverage_of(result), "nobody asked for it"
        for wrong in ("yes", {"paths": "src"}, {"paths": [1]}, {}):
            result, failure = attempt(bunshin, folder, {"coverage": wrong})
            assert not result and failure["code"] == "invalid_parameters" and "parameters.coverage" in failure["sentence"], (wrong, failure)


def main():
    bunshin = sys.argv[1]
    for name in PROJECTS:
        check(bunshin, name)
    check_paths(bunshin)


if __name__ == "__main__":
    main()
