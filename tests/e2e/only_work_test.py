#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The example of docs/write-a-clone.md for a program that does only the work, in a real network.

usage: only_work_test.py BUNSHIN SOURCE_DIR
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BUNSHIN, SOURCE = sys.argv[1:3]
CONF = """
network {{ heartbeat = 300ms }}
clone sizes {{ slots = 2  command = "{bunshin} clone sizes/1 --attempt '/usr/bin/python3 {source}/examples/tree_size.py'" }}
route tree-size {{ destination = sizes  timeout = 1m  retries = 0 }}
"""


class OnlyWork(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bunshin-only-")
        self.routes = os.path.join(self.folder, "routing.conf")
        with open(self.routes, "w", encoding="utf-8") as file:
            file.write(CONF.format(bunshin=BUNSHIN, source=SOURCE))
        self.bunshin("up")

    def tearDown(self):
        self.bunshin("down")
        shutil.rmtree(self.folder)

    def bunshin(self, *words, code=0):
        done = subprocess.run([BUNSHIN, *words], capture_output=True, text=True, timeout=120,
                              env={**os.environ, "BUNSHIN_STATE": self.folder + "/state", "BUNSHIN_ROUTES": self.routes, "BUNSHIN_TIMEOUT": "60s"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def size_of(self, path, code=0):
        return json.loads(self.bunshin("task", "send", "tree-size", "--param", f"path={path}", "--wait", "--json", code=code))

    def test_a_tree_is_measured_by_one_task_for_each_folder(self):
        tree = os.path.join(self.folder, "tree")
        for number, name in enumerate(["a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e", "f", "g"]):
            os.makedirs(os.path.join(tree, name))
            with open(os.path.join(tree, name, "file"), "w", encoding="utf-8") as file:
                file.write("x" * 10 ** number)
        outcome = self.size_of(tree)
        self.assertEqual((outcome["state"], outcome["result"]), ("completed", {"bytes": 1111111}))
        status = json.loads(self.bunshin("status", "--json"))
        # The top, three below it (what is deeper is counted there), and two beside.
        self.assertEqual(status["omega"]["tasks"]["accepted"], 6)

    def test_what_it_cannot_do_it_says(self):
        outcome = self.size_of("nowhere", code=2)
        self.assertEqual((outcome["state"], outcome["error"]), ("failed", "invalid_parameters"))
        self.assertIn("absolute path", json.dumps(outcome))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
