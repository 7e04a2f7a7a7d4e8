/* SPDX-License-Identifier: MIT
 *
 * A folder for one measurement.
 */
#ifndef BENCH_WORKSPACE_FOLDER_H
#define BENCH_WORKSPACE_FOLDER_H

/* Below $TMPDIR, else /tmp. `out_path` has PATH_MAX bytes. Both end the program if they cannot. */
void folder_make(char *out_path);
void folder_remove(const char *path); /* with everything in it */

#endif
