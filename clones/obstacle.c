/* SPDX-License-Identifier: MIT
 *
 * What exactly is missing.
 */
#include "clones/obstacle.h"

#include <stdio.h>
#include <string.h>

#include "clones/pattern.h"

struct obstacle {
	const char *pattern; /* one group: the name of what is missing */
	const char *before;  /* the sentence is before + name + after */
	const char *after;
};

/* From the particular to the general; the first row that fits speaks. */
static const struct obstacle obstacles[] = {
	{"fatal error: '?([^':\\n]+?)'?(?:: No such file or directory| file not found)",
	 "the compiler reports the missing header ", "; the package that holds it is not installed here"},
	{"cannot find -l([\\w.+-]+)", "the linker does not find the library ",
	 "; the package that holds it is not installed here"},
	{"No (CMAKE_\\w+_COMPILER) could be found", "CMake finds no compiler (", "); install one, for example gcc or g++"},
	{"CMake (\\S+) or higher is required", "the project requires CMake ", " or newer than what is installed here"},
	{"Could not find a package configuration file provided by \"([^\"]+)\"", "CMake does not find the package ",
	 "; install its development files"},
	{"Could NOT find (\\S+)", "CMake does not find ", "; install it with its development files"},
	{"(?:No package '|Package ')([^']+)'(?:,[^\\n]*)? (?:not )?found", "pkg-config does not find ",
	 "; install its development files"},
	{"ERROR: Dependency \"([^\"]+)\" not found", "Meson does not find the dependency ", "; install its development files"},
	{"ERROR: Program '([^']+)' not found", "Meson does not find the program ", "; install it"},
	{"^configure: error: ([^\\n]+)", "configure says: ", ""},
	{"possibly undefined macro: (\\S+)", "autoconf does not know the macro ",
	 "; the package that brings it is not installed here"},
	{"error: no matching package named `([^`]+)` found", "the crate ",
	 " is neither vendored nor cached, and the sandbox has no network"},
	{"failed to (?:download|get) `([^`]+)`", "the crate ", " is neither vendored nor cached, and the sandbox has no network"},
	{"cannot (?:be built because it requires|compile)[^\\n]*rustc ([\\d.]+)", "the project requires rustc ",
	 " or newer than what is installed here"},
	{"requires go >= (\\S+)", "the project requires Go ", " or newer than what is installed here"},
	{"(?:cannot find module providing package|no required module provides package) ([^\\s;:]+)", "the Go module of ",
	 " is neither vendored nor cached, and the sandbox has no network"},
	{"^\\s*(?:go: )?(\\S+@v\\S+): module lookup disabled", "the Go module ",
	 " is neither vendored nor cached, and the sandbox has no network"},
	{"(?:ModuleNotFoundError: )?No module named '?([\\w.]+)", "the Python module ", " is not installed"},
	{"Cannot find (?:module|package) '([^'./][^']*)'", "the npm package ",
	 " is not installed (no node_modules?), and the sandbox has no network; run npm ci in the repository first"},
	{"^sh: (?:\\d+: |line \\d+: )?([\\w.+-]+): (?:not found|command not found)", "the program ", " is not installed"},
	{"^(?:/bin/)?(?:ba)?sh: (?:\\d+: |line \\d+: )?([\\w./+-]+): (?:not found|command not found|No such file or directory)",
	 "the program ", " is not installed"},
	{"^make(?:\\[\\d+\\])?: ([\\w./+-]+): No such file or directory", "the program ", " is not installed"},
	{"(?:env|/usr/bin/env): [\xe2\x80\x98']?([\\w.+-]+)[\xe2\x80\x99']*: No such file", "the program ", " is not installed"},
	{"No rule to make target [\xe2\x80\x98']([^'\xe2]+)", "make has no rule for ", ""},
	{"([\\w.-]+): command not found", "the program ", " is not installed"},
	{"Could not resolve host:? ?([\\w.-]*)", "it wants to reach ", " over the network, which the sandbox does not have"},
	{"(EAI_AGAIN|ENOTFOUND|Temporary failure in name resolution|Network is unreachable)", "it wants to use the network (",
	 "), which the sandbox does not have"},
	{"(No space left on device)", "the disk is full: ", ""},
};

bool obstacle_find(const char *text, size_t bytes, char out_sentence[OBSTACLE_BYTES])
{
	for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
		char name[160];
		struct match match;
		if (!text || !pattern_find(obstacles[i].pattern, text, bytes, &match))
			continue;
		match_copy(&match, 1, name, sizeof(name));
		snprintf(out_sentence, OBSTACLE_BYTES, "%s%s%s", obstacles[i].before, name, obstacles[i].after);
		return true;
	}
	return false;
}
