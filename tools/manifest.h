/* SPDX-License-Identifier: MIT
 *
 * The files by which a project says how it is built and tested: package.json, Makefile, CMakeLists.txt and their kind in
 * the root folder, and the descriptions of its CI. Their text is part of the inventory, so that a plan can be made
 * from it without reading anything else.
 */
#ifndef TOOLS_MANIFEST_H
#define TOOLS_MANIFEST_H

#include <stdbool.h>

#define MANIFEST_BYTES_MAX 65536u  /* a larger one is not carried */
#define MANIFEST_TOTAL_MAX 524288u /* of all together */

bool manifest_named(const char *path);

#endif
