/* SPDX-License-Identifier: MIT
 *
 * Ways into folders that somebody else may be changing: none leads out of where it begins, through no link and onto no other file system,
 * at whatever moment what is replaced by what.
 */
#ifndef WORKSPACE_EXCHANGE_BENEATH_H
#define WORKSPACE_EXCHANGE_BENEATH_H

/* The folder at `path` below the open folder `root`, "" for another descriptor of `root` itself; to be read. -1 with errno: ELOOP or ENOTDIR
 * where there is a link or a file now, EXDEV where something is mounted. The path has no "." or "..". */
int beneath_open(int root, const char *path);

#endif
