/* SPDX-License-Identifier: MIT
 *
 * The repositories that are measured: folders of folders of files of 1 KB, every byte of them made from numbers, so that each peer gets the same.
 */
#ifndef BENCH_WORKSPACE_SHAPE_H
#define BENCH_WORKSPACE_SHAPE_H

#include <stddef.h>

#define FILE_BYTES 1024u
#define TEXT_BYTES 4096u
#define TEXT_PATH  "text.txt" /* a file of TEXT_BYTES at the top, which both sides of a merge change */
#define PATH_BYTES 64u

struct shape_of_repository {
	const char *name;
	unsigned depth; /* folders down to a file, the file's own counted */
	unsigned width; /* entries of each folder */
};

extern const struct shape_of_repository shapes[]; /* ends with a NULL name */

const struct shape_of_repository *shape_named(const char *name); /* NULL: unknown */
unsigned shape_files(const struct shape_of_repository *shape);

/* The path of file `index`; two indices that follow one another lie in different folders. */
void shape_path(const struct shape_of_repository *shape, unsigned index, char out_path[PATH_BYTES]);

/* The content of a file in its `version`: lines that differ in every version. */
void shape_content(unsigned index, unsigned version, char out_data[FILE_BYTES]);

/* The text with its second line in version `early` and its last but one in version `late`. */
void shape_text(unsigned early, unsigned late, char out_data[TEXT_BYTES]);

#endif
