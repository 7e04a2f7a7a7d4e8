/* SPDX-License-Identifier: MIT
 *
 * A trail with three tasks, made by the test: one completed, one failed for good, one running.
 */
#ifndef TESTS_CLI_MADE_H
#define TESTS_CLI_MADE_H

#define DONE_ID    "01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e"
#define FAILED_ID  "01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d5f"
#define RUNNING_ID "01990b1e-5c1a-7c3e-9d52-aaaabbbbcccc"

/* Writes PATH (a trail.db). Fails the test if it cannot. */
void made_trail(const char *path);

/* Changes one byte of the payload of the completed task's result, as somebody with an editor would. */
void made_damage(const char *path);

#endif
