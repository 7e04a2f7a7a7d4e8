/* SPDX-License-Identifier: MIT
 *
 * Folders as an agent could leave them that wants its harvester to run something, to read something else, to write where it should not, or never to
 * come to an end: how each is made, and what comes of it. For the test of the library and, by hostile_list, for that of a whole network.
 */
#ifndef TESTS_WORKSPACE_EXCHANGE_HOSTILE_FOLDERS_H
#define TESTS_WORKSPACE_EXCHANGE_HOSTILE_FOLDERS_H

#include "workspace/workspace.h"

struct folder {
	const char *what;
	const char *make; /* a shell in the folder; "77" as its last word's exit: cannot be made here */
	int rc;
	const char *said; /* in the sentence; or the listing if rc is 0 */
	uint64_t skipped;
	struct harvest_options options;
};

/* Read by somebody who owns nothing in it: what may not be read is an error of the disk. */
static inline bool folder_is_strange(const struct folder *folder)
{
	return folder->rc == ERR_IO;
}

/* Everything by which a repository can have a program run. */
#define EVIL                                                                                                                     \
	"evil() { mkdir -p $1/hooks $1/info; for h in pre-commit post-checkout post-index-change fsmonitor-watchman "            \
	"reference-transaction; do printf '#!/bin/sh\\ntouch ../pwned ../../pwned\\n' >$1/hooks/$h; chmod +x $1/hooks/$h; "      \
	"done; "                                                                                                                 \
	"printf '[core]\\nfsmonitor = touch ../pwned\\nhooksPath = hooks\\nsshCommand = touch ../pwned\\nworktree = "            \
	"/etc\\npager = touch ../pwned\\n[filter \"e\"]\\nclean = touch ../pwned\\nsmudge = touch ../pwned\\nprocess = touch "   \
	"../pwned\\nrequired\\n[diff \"e\"]\\ntextconv = touch ../pwned\\ncommand = touch ../pwned\\n[merge \"e\"]\\ndriver = "  \
	"touch ../pwned\\n' >$1/config; echo '* filter=e diff=e merge=e' >$1/info/attributes; }; "

static const struct folder hostile_folders[] = {
	{"its own .git at the top",
	 EVIL "git init -q . && evil .git && echo '* filter=e diff=e merge=e' >.gitattributes && echo x >a",
	 0,
	 ".gitattributes|a|",
	 1,
	 {0}},
	{"a .git file that points elsewhere", "echo 'gitdir: /etc' >.git; echo x >a", 0, "a|", 1, {0}},
	{"a .git link that points elsewhere", "ln -s /etc .git; echo x >a", 0, "a|", 1, {0}},
	{"a repository in a folder",
	 EVIL "git init -q sub && evil sub/.git && echo x >sub/a",
	 ERR_MALFORMED,
	 "\"sub/.git\": is a repository of its own",
	 0,
	 {0}},
	{"a .git file in a folder", "mkdir sub; echo 'gitdir: ../../x' >sub/.git", ERR_MALFORMED, "\"sub/.git\"", 0, {0}},
	{"a .git link in a folder", "mkdir sub; ln -s ../../x sub/.git", ERR_MALFORMED, "\"sub/.git\"", 0, {0}},
	{"a repository that is bare and has another name",
	 EVIL "mkdir -p x/objects x/refs; echo 'ref: refs/heads/main' >x/HEAD; evil x; rm -r x/hooks x/info",
	 0,
	 "x/HEAD|x/config|",
	 0,
	 {0}},
	{".GIT", "mkdir .GIT; echo x >.GIT/config", ERR_MALFORMED, "\".GIT\"", 0, {0}},
	{".Git deep below", "mkdir -p a/b/.Git; echo x >a/b/.Git/config", ERR_MALFORMED, "\"a/b/.Git\"", 0, {0}},
	{".GIT as a file", "echo x >.GIT", ERR_MALFORMED, "\".GIT\"", 0, {0}},
	{"git~1, which is .git on NTFS", "mkdir git~1; echo x >git~1/config", ERR_MALFORMED, "\"git~1\"", 0, {0}},
	{"GIT~1 as a file", "echo x >GIT~1", ERR_MALFORMED, "\"GIT~1\"", 0, {0}},
	{"a space behind .git", "mkdir '.git '; echo x >'.git /config'", ERR_MALFORMED, "\".git \"", 0, {0}},
	{"a period behind .git", "mkdir .git.; echo x >.git./config", ERR_MALFORMED, "\".git.\"", 0, {0}},
	{"a stream of .git",
	 "mkdir '.git::$INDEX_ALLOCATION'; echo x >'.git::$INDEX_ALLOCATION/config'",
	 ERR_MALFORMED,
	 "\".git::",
	 0,
	 {0}},
	{"a backslash behind .git", "echo x >'.git\\config'", ERR_MALFORMED, "\".git\\134config\"", 0, {0}},
	{"a joiner in .git, which HFS+ does not see",
	 "n=$(printf '.g\\342\\200\\214it'); mkdir $n; echo x >$n/config",
	 ERR_MALFORMED,
	 "\".g\\342\\200\\214it\"",
	 0,
	 {0}},
	{"a mark behind .git, which HFS+ does not see",
	 "n=$(printf '.git\\342\\200\\217'); echo x >$n",
	 ERR_MALFORMED,
	 "\".git\\342",
	 0,
	 {0}},
	{"a link to a file outside", "ln -s /etc/passwd a", 0, "a@|", 0, {0}},
	{"a link to a folder outside", "ln -s /etc a; ln -s ../.. b", 0, "a@|b@|", 0, {0}},
	{"links in a circle",
	 "ln -s b a; ln -s a b; ln -s c c; ln -s . d; mkdir e; ln -s ../e e/f",
	 0,
	 "a@|b@|c@|d@|e/f@|",
	 0,
	 {0}},
	{"a link to nothing, and one with a long target", "ln -s nowhere a; ln -s $(printf '%04000d' 7) b", 0, "a@|b@|", 0, {0}},
	{"pipes", "mkfifo a b; echo x >c", 0, "c|", 2, {0}},
	{"a socket", "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"a\")'; echo x >c", 0, "c|", 1, {0}},
	{"devices", "mknod a c 1 5 2>/dev/null && mknod b b 7 0 || exit 77; echo x >c", 0, "c|", 2, {0}},
	{"one file with many names", "echo x >a; ln a b; mkdir c; ln a c/d", 0, "a|b|c/d|", 0, {0}},
	{"bits that git does not keep",
	 "echo x >a; chmod 6777 a; echo x >b; chmod 0606 b; mkdir c; chmod 1777 c; echo x >c/d; chmod 2644 c/d",
	 0,
	 "a*|b|c/d|",
	 0,
	 {0}},
	{"more files than are accepted",
	 "for i in $(seq 60); do echo x >$i; done",
	 ERR_LIMIT,
	 "more files, links and folders",
	 0,
	 {.files_max = 59}},
	{"folders without end", "mkdir -p $(seq -s/ 500)", ERR_LIMIT, "more files, links and folders", 0, {.files_max = 499}},
	{"a file of 10 GB without content",
	 "truncate -s 10G a",
	 ERR_LIMIT,
	 "\"a\": with this file there would be more bytes",
	 0,
	 {0}},
	{"many files that are too much together",
	 "for i in $(seq 9); do truncate -s 1M $i; done",
	 ERR_LIMIT,
	 "more bytes than are accepted",
	 0,
	 {.bytes_max = 9437183}},
	{"a file of 4 GiB where more is accepted",
	 "truncate -s 4G a",
	 ERR_LIMIT,
	 "the limit for one file",
	 0,
	 {.bytes_max = UINT64_C(1) << 40}},
	{"names that a terminal obeys",
	 "printf x >\"$(printf 'a\\033]0;b\\007')\"; n=$(printf '\\033[31m'); mkdir $n; echo x >$n/.git",
	 ERR_MALFORMED,
	 "\"\\033[31m/.git\"",
	 0,
	 {0}},
	{"a name with a line end", "printf x >\"$(printf 'a\\nb')\"", 0, "a\nb|", 0, {0}},
	{"names that are no UTF-8", "printf x >\"$(printf '\\377\\376')\"", 0, "\xff\xfe|", 0, {0}},
	{"names that a shell obeys",
	 "touch -- '-rf' '--exec=touch pwned' '$(touch pwned)' '`touch pwned`' ';touch pwned' '|touch pwned'",
	 0,
	 "$(touch pwned)|--exec=touch pwned|-rf|;touch pwned|`touch pwned`||touch pwned|",
	 0,
	 {0}},
	{"attributes with filters and drivers",
	 "printf '* filter=e diff=e merge=e text eol=crlf working-tree-encoding=UTF-16 ident\\n' "
	 ">.gitattributes; printf 'a\\r\\n$Id$' >a",
	 0,
	 ".gitattributes|a|",
	 0,
	 {0}},
	{"attributes as a link, which git warns of and takes", "ln -s /etc/passwd .gitattributes", 0, ".gitattributes@|", 0, {0}},
	{"modules as a link", "ln -s /etc/passwd .gitmodules", ERR_MALFORMED, "\".gitmodules\"", 0, {0}},
	{"modules as a link, in a spelling of NTFS", "ln -s /etc/passwd GITMOD~1", ERR_MALFORMED, "\"GITMOD~1\"", 0, {0}},
	{"modules with commands",
	 "printf '[submodule \"a\"]\\npath = a\\nurl = -u./pwned\\n' >.gitmodules",
	 ERR_MALFORMED,
	 "",
	 0,
	 {0}},
	{"modules that are updated by a command",
	 "printf '[submodule \"../../x\"]\\npath = a\\nurl = x\\nupdate = !touch pwned\\n' "
	 ">.gitmodules",
	 ERR_MALFORMED,
	 "",
	 0,
	 {0}},
	{"settings of assistants, editors and services, which did not exist before",
	 "mkdir -p .claude .vscode .github/workflows .idea; echo '{}' | tee .claude/settings.json .vscode/tasks.json CLAUDE.md "
	 "AGENTS.md "
	 ".github/workflows/ci.yml .idea/x >/dev/null",
	 0,
	 ".claude/settings.json|.github/workflows/ci.yml|.idea/x|.vscode/tasks.json|AGENTS.md|CLAUDE.md|",
	 0,
	 {0}},
	{"names that differ in their case only",
	 "echo 1 >a; echo 2 >A; mkdir B b; echo 3 >B/c; echo 4 >b/c",
	 0,
	 "A|B/c|a|b/c|",
	 0,
	 {0}},
	{"folders with nothing in them", "mkdir -p a/b/c d; mkfifo d/e", 0, "", 1, {0}},
	{"a name as long as can be", "n=$(printf '%0255d' 7); echo x >$n; test -e $n", 0, NULL, 0, {0}},
	{"deeper than descriptors reach", "p=$(seq -s/ 900); mkdir -p $p; echo x >$p/x", 0, NULL, 0, {0}},
	{"deeper than a path reaches",
	 "python3 -c 'import os\nfor i in range(2200):\n os.mkdir(\"dd\")\n os.chdir(\"dd\")\nopen(\"x\", \"w\").close()'",
	 ERR_LIMIT,
	 "a path of more than 4,095 bytes",
	 0,
	 {0}},
	{"a file system of its own in a folder",
	 "mkdir a; mount -t tmpfs none a 2>/dev/null || exit 77; echo x >a/b",
	 ERR_MALFORMED,
	 "\"a\": something is mounted there",
	 0,
	 {0}},
	{"a file that nobody may read", "echo x >a; chmod 0 a; echo x >b", ERR_IO, "\"a\"", 0, {0}},
	{"a folder that nobody may read", "mkdir a; echo x >a/b; chmod 0 a", ERR_IO, "\"a\"", 0, {0}},
	{"another name of a file that is not in the folder", "echo outside >../outside; ln ../outside a", 0, "a|", 0, {0}},
	{"a file without end, being written",
	 "(yes >a & p=$!; sleep 0.05; kill $p; wait $p); truncate -s 3000 a",
	 0,
	 "a|",
	 0,
	 {0}},
	{"a file that is one long line of joiners", "printf '\\342\\200\\215%.0s' $(seq 2000) >a", 0, "a|", 0, {0}},
	{"hooks of programs that are not git",
	 "mkdir -p .husky .githooks .devcontainer; echo 'touch pwned' | tee .husky/pre-commit .githooks/pre-commit "
	 ".pre-commit-config.yaml "
	 ".devcontainer/devcontainer.json .envrc Makefile .npmrc >/dev/null; chmod +x .husky/* .githooks/*",
	 0,
	 ".devcontainer/devcontainer.json|.envrc|.githooks/pre-commit*|.husky/"
	 "pre-commit*|.npmrc|.pre-commit-config.yaml|Makefile|",
	 0,
	 {0}},
};

#endif
