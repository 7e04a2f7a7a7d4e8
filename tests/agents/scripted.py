#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An agent without a model: does what its first word says, in the current folder, and prints JSON lines as a coding agent does.

    scripted.py BEHAVIOUR [OPTION=VALUE…] < PROMPT

Adapter jsonl reads it with: text = "/text", tool = "/tool", path = "/path", usage_in = "/in", usage_out = "/out", final = "/type=result", final_ok = "/ok=true",
error = "/error". Behaviours, and the options that they know:

    right        applies patch=FILE and says so
    write        writes path=PATH with text=TEXT (\\n is a new line), and says so
    wrong        changes file=PATH in a way that mends nothing, and says that it is mended
    liar         changes nothing, and says that everything passes
    deleter      removes tests=PATH,PATH, and says that everything passes
    skipper      has every test in tests=PATH,PATH skipped (Python's unittest and pytest)
    destroyer    removes everything that it can reach, the history too, and says that it has tidied up
    swapper      replaces .git by a repository with hooks that write to where=PATH
    smuggler     does what right does, and changes a file of the continuous integration too
    hanger       says one line and then nothing
    silent       not even that
    flooder      prints bytes=N bytes of text
    forker       starts count=N processes in sessions of their own, and ends
    crasher      changes a file and ends by signal 11
    failer       ends with an error, error=TEXT, status=N (of HTTP)
    stubborn     like hanger, and ignores signals that ask it to end

Options of all: seconds=S waits that long before anything else; in=N, out=N: tokens that it says it has used; read=PATH says what stands there; note=TEXT leaves a note in /notes;
held=FOLDER takes more options from FOLDER/NAME.json, NAME being the first word of the prompt that has a file there.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time


def say(**line):
    print(json.dumps(line), flush=True)


def tool(name, path):
    say(type="tool", tool=name, path=path)


def put(path, text):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    tool("write", path)


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
    tool("edit", path)


def patch(options):
    tool("patch", options["patch"])
    subprocess.run(["git", "apply", "--whitespace=nowarn", options["patch"]], check=True, stdout=subprocess.DEVNULL)
    return "The fault is mended and all tests pass."


def right(options):
    return patch(options)


def write(options):
    put(options["path"], options.get("text", "written\n").replace("\\n", "\n"))
    return f"{options['path']} is written."


def wrong(options):
    comment = "# " if options["file"].endswith((".py", ".sh")) else "// "
    append(options["file"], f"\n{comment}the fault is mended here\n")
    return "The fault is mended and all tests pass."


def liar(_):
    return "I have mended the fault; all tests pass."


def deleter(options):
    for path in options["tests"].split(","):
        tool("remove", path)
        os.remove(path)
    return "All tests pass now."


def skipper(options):
    for path in options["tests"].split(","):
        append(path, "\n\ndef setUpModule():\n    raise __import__('unittest').SkipTest('flaky')\n")
    return "All tests pass now."


def destroyer(_):
    for path in (".", "..", "/", os.environ.get("HOME", "/"), "/context", "/notes", "/tmp"):
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            whole = os.path.join(path, name)
            if os.path.isdir(whole) and not os.path.islink(whole):
                shutil.rmtree(whole, ignore_errors=True)
            else:
                try:
                    os.remove(whole)
                except OSError:
                    pass
    return "I have tidied up; all tests pass."


def swapper(options):
    shutil.rmtree(".git", ignore_errors=True)
    os.makedirs(".git/hooks")
    hook = f"#!/bin/sh\necho executed >> {options.get('where', '/tmp/executed')}\n"
    for name in ("pre-commit", "post-checkout", "post-merge", "reference-transaction", "fsmonitor"):
        put(f".git/hooks/{name}", hook)
        os.chmod(f".git/hooks/{name}", 0o755)
    put(".git/HEAD", "ref: refs/heads/main\n")
    put(".git/config", "[core]\n\tfsmonitor = .git/hooks/fsmonitor\n\trepositoryformatversion = 0\n[filter \"x\"]\n\tclean = .git/hooks/fsmonitor\n")
    put(".gitattributes", "* filter=x\n")
    return "Done."


def smuggler(options):
    put(".github/workflows/ci.yml", "on: push\njobs: {all: {runs-on: x, steps: [{run: 'curl http://localhost/ | sh'}]}}\n")
    return patch(options)


def hanger(_):
    say(type="text", text="Let me think about it.")
    while True:
        time.sleep(3600)


def silent(_):
    while True:
        time.sleep(3600)


def stubborn(options):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return hanger(options)


def flooder(options):
    left = int(options.get("bytes", "1000000"))
    line = json.dumps({"type": "text", "text": "x" * 4000}) + "\n"
    while left > 0:
        sys.stdout.write(line)
        left -= len(line)
    sys.stdout.flush()
    return "That was all."


def forker(options):
    for _ in range(int(options.get("count", "5"))):
        subprocess.Popen(["sleep", "7331"], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    put("forked.txt", "started\n")
    return "They are running."


def crasher(_):
    put("half.txt", "half of the work\n")
    os.kill(os.getpid(), signal.SIGSEGV)


def failer(options):
    say(type="result", ok=False, error=options.get("error", "it did not work"), status=int(options.get("status", "0")))
    sys.exit(1)


def held(folder, prompt):
    """The options of the task that the prompt is about."""
    for word in prompt.split():
        path = os.path.join(folder, word + ".json")
        if "/" not in word and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    sys.exit(f"scripted.py: no word of the prompt has a file in {folder}")


def main():
    name, options = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    prompt = sys.stdin.read()
    if "held" in options:
        options.update(held(options["held"], prompt))
    if name != "silent":
        say(type="session", text="", session=f"scripted-{os.getpid()}")
    time.sleep(float(options.get("seconds", "0")))
    if "read" in options:
        with open(options["read"], encoding="utf-8", errors="replace") as file:
            say(type="text", text=file.read())
    if "note" in options and os.path.isdir("/notes"):
        put("/notes/note.md", options["note"] + "\n")
    words = {"right": right, "write": write, "wrong": wrong, "liar": liar, "deleter": deleter, "skipper": skipper, "destroyer": destroyer,
             "swapper": swapper, "smuggler": smuggler, "hanger": hanger, "silent": silent, "flooder": flooder, "forker": forker,
             "crasher": crasher, "failer": failer, "stubborn": stubborn}[name](options)
    tokens = {"in": int(options.get("in", "1000")), "out": int(options.get("out", "100"))}
    say(type="text", text=words)
    say(type="result", ok=True, **tokens)


if __name__ == "__main__":
    main()
