/* SPDX-License-Identifier: MIT
 *
 * Memory for SQLite that is handed out again at once: a hundred thousand trails are opened one after the other, and a third of that
 * time would go into malloc.
 */
#ifndef TESTS_SELFTEST_POOL_H
#define TESTS_SELFTEST_POOL_H

void pool_install(void); /* before anything of SQLite is used */
void pool_release(void); /* gives back what nobody uses; SQLite is shut down */

#endif
