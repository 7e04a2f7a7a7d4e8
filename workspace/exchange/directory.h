/* SPDX-License-Identifier: MIT
 *
 * Files below an open folder: made under another name, complete, and then in their place at once. No symbolic link is followed.
 */
#ifndef WORKSPACE_EXCHANGE_DIRECTORY_H
#define WORKSPACE_EXCHANGE_DIRECTORY_H

#include <sys/types.h>

#include "protocol/codec.h"

#define DIRECTORY_NAME_BYTES 64u

/* All of these return 0 or -1 with errno set, unless they say otherwise. */

/* The folder `name` in `folder`, made if `make` says so. -1: no folder, or a link (ELOOP, ENOTDIR). */
int directory_open(int folder, const char *name, bool make);

/* "PREFIX" and some letters that nobody has used. */
void directory_fresh_name(const char *prefix, char out_name[DIRECTORY_NAME_BYTES]);

/* A new file, to be written; EEXIST if there is one. */
int directory_create(int folder, const char *name, mode_t mode);

int directory_write(int file, const void *at, size_t bytes);

/* A whole new file, on the disk. */
int directory_put(int folder, const char *name, const void *at, size_t bytes, mode_t mode);

/* The folder `name`, if there is nothing in it but folders without anything in them. 0 also if it is no folder. */
int directory_remove_empty(int folder, const char *name);

/* Everything in it and below; links are removed, not followed. As far as it goes. */
void directory_remove(int folder, const char *name);

#endif
