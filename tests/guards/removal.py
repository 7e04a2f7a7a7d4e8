#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guard of the house: does anything throw work away? Force, deleting branches, cleaning and resetting are git's words for it; removing folders with all
that is in them is allowed where it is named here, and why.

    removal.py ROOT         exit 1 names each line
    removal.py --self-test  shows that it notices what it is for
"""
import os
import re
import sys
import tempfile

FOLDERS = ["protocol", "routing", "audit", "workspace", "clones", "models", "races", "tools", "actors", "cli", "verifier", "selftest"]
WORDS = re.compile(r"""--force\b|branch["', ]+-D|\bworktree["', ]+(remove|prune)|\bgit["', ]+(clean|gc)\b|reset["', ]+--hard|checkout["', ]+-f\b|GIT_CHECKOUT_FORCE|"""
                   r"""GIT_CHECKOUT_REMOVE_|git_branch_delete|git_checkout_(tree|head|index)|git_reset\b""")
REMOVING = re.compile(r"FTW_DEPTH|\bfts_open\b|\bdirectory_remove\(|\bremove_all\(|\brm\s+-\w*r|git_futils_rmdir")

# path: what stands there, how often at most, and why nothing is lost by it.
ALLOWED = {
    ("cli/sink.c", "--force"): (1, "an option of ours: a file that a person names is written anew"),
    ("tools/call_rules.def", "rm -r"): (1, "a rule that finds it in the programs that are looked at"),
    ("tools/call_rules.def", "--force"): (1, "the same"),
    ("tools/copy.c", "GIT_CHECKOUT_FORCE"): (1, "into a copy that was made a moment ago"),
    ("tools/copy.c", "git_checkout_head"): (1, "the same"),
    ("workspace/exchange/export_new.c", "GIT_CHECKOUT_FORCE"): (1, "into a folder that was made a moment ago, by nobody else"),
    ("workspace/exchange/export_new.c", "git_checkout_head"): (1, "the same"),
    ("workspace/exchange/export_new.c", "directory_remove("): (1, "what was being built, beside its place"),
    ("workspace/exchange/directory.c", "directory_remove("): (2, "the function itself: links are removed and not followed"),
    ("workspace/exchange/directory.h", "directory_remove("): (1, "its declaration"),
    ("actors/workspace_clone.c", "directory_remove("): (4, "copies below STATE/workspace/NAME/clones, which are made again"),
    ("actors/depot.c", "FTW_DEPTH"): (1, "a store that was made by this very request, and into which nothing came"),
    ("actors/eraser_work.c", "FTW_DEPTH"): (1, "what `bunshin audit erase` was told to remove, after it is on the trail"),
    ("actors/running_files.c", "FTW_DEPTH"): (1, "the work folder of an attempt that has ended, after it was handed in or kept"),
    ("actors/salvage.c", "remove_all("): (2, "the folder of an attempt that a crash left, after what it held was kept"),
    ("actors/attempt_steps.c", "rm -r"): (1, "in the sandbox, what is left of an attempt's own folder"),
}


def lines_of(root):
    for folder in FOLDERS:
        for place, folders, files in os.walk(os.path.join(root, folder)):
            folders.sort()
            for name in sorted(files):
                if name.endswith((".c", ".h", ".def", ".sh")):
                    path = os.path.join(place, name)
                    with open(path, encoding="utf-8") as file:
                        for number, line in enumerate(file, 1):
                            yield os.path.relpath(path, root), number, line


def look(root):
    """(path, number, what) of all that is not allowed."""
    counts, found = {}, []
    for path, number, line in lines_of(root):
        text = re.sub(r"/\*.*?\*/|//.*", "", line)
        if text.lstrip().startswith("*"):
            continue
        for match in list(WORDS.finditer(text)) + list(REMOVING.finditer(text)):
            key = next((key for key in ALLOWED if key[0] == path and key[1] in match.group(0) + "("), None)
            counts[key] = counts.get(key, 0) + 1
            if key is None or counts[key] > ALLOWED[key][0]:
                found.append((path, number, match.group(0)))
    return found


def self_test():
    planted = ['run("git", "worktree", "remove", path);', 'system("git branch -D x");', "options.checkout_strategy = GIT_CHECKOUT_FORCE;", "nftw(path, gone, 16, FTW_DEPTH);",
               '"git", "push", "--force"', 'sh("rm -rf $HOME");', "directory_remove(folder, name);", 'git("clean -fd");'.replace("git(\"clean", "git(\"git clean"),
               "git_branch_delete(branch);", '"reset", "--hard"']
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "actors"))
        for number, line in enumerate(planted):
            with open(os.path.join(folder, "actors", f"a{number:02}.c"), "w", encoding="utf-8") as file:
                file.write(f"/* rm -rf is only spoken of here */\n{line}\n")
        found = look(folder)
        missed = [line for number, line in enumerate(planted) if not any(path.endswith(f"a{number:02}.c") and at == 2 for path, at, _ in found)]
        if missed or any(at == 1 for _, at, _ in found):
            print("not noticed:", missed)
            return 1
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = look(sys.argv[1])
    for path, number, what in found:
        print(f"{path}:{number}: {what}: work of people and attempts is kept before anything is removed; if nothing can be lost here, say why in tests/guards/removal.py")
    return 1 if found else 0


sys.exit(main())
