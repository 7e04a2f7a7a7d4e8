/* SPDX-License-Identifier: MIT
 *
 * Folders for tests of materialising and harvesting, and trees made by chance.
 */
#ifndef TESTS_WORKSPACE_EXCHANGE_PLACE_H
#define TESTS_WORKSPACE_EXCHANGE_PLACE_H

#include "tests/workspace/exchange/yard.h"

/* The folder NAME of a yard, made if it is not there, open; close it. */
int place_open(const struct yard *yard, const char *name);

/* The next number of a seed. */
unsigned place_chance(unsigned *seed, unsigned below);

/* A tree by chance: up to `files` files and links, in folders, with names that git takes and people do not think of. */
const struct tree *place_tree(struct yard *yard, unsigned seed, unsigned files);

/* Change a folder by chance: files and folders come, go, and become links, or something else; .gitignore files stay as they are. */
void place_change(int folder, unsigned seed, unsigned changes);

/* Harvest, which has to go well. */
const struct tree *place_harvest(struct yard *yard, int folder, const struct harvest_options *options,
				 struct harvest_result *out_result);

/* What `git write-tree` says after `git add` with these arguments, in a repository beside the folder. */
void place_git_tree(const struct yard *yard, const char *name, const char *arguments, char out_hex[OID_HEX_BYTES]);

#endif
