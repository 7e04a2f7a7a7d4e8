/* SPDX-License-Identifier: MIT
 *
 * Where a harvest is, what is known of that place, and how it is said what is wrong there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "workspace/exchange/harvest_inner.h"
#include "workspace/store/agent.h"

#define SENTENCE_PATH 160u

/* ---- paths and sentences ---- */

/* The end of the path, where it says most; anything that a terminal might obey as git prints it. */
static void path_print(const struct harvest *harvest, char out[SENTENCE_PATH + 1])
{
	size_t at = 0, from = harvest->path_bytes > SENTENCE_PATH / 4 ? harvest->path_bytes - SENTENCE_PATH / 4 : 0;

	if (from)
		at += (size_t)snprintf(out, SENTENCE_PATH, "…");
	for (size_t i = from; i < harvest->path_bytes && at + 4 < SENTENCE_PATH; i++) {
		unsigned char c = (unsigned char)harvest->path[i];
		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			at += (size_t)snprintf(out + at, SENTENCE_PATH - at, "\\%03o", c);
		else
			out[at++] = (char)c;
	}
	out[at] = '\0';
}

int harvest_fail(struct harvest *harvest, int rc, const char *why)
{
	char path[SENTENCE_PATH + 1];

	path_print(harvest, path);
	if (!path[0])
		return agent_fail(harvest->agent, rc, "the folder %s", why);
	return agent_fail(harvest->agent, rc, "\"%s\": %s", path, why);
}

int harvest_fail_errno(struct harvest *harvest, const char *what)
{
	char why[128];

	if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ESTALE || errno == EISDIR || errno == ENXIO)
		return harvest_fail(harvest, ERR_MOVED, "was replaced while the folder was read");
	if (errno == EXDEV)
		return harvest_fail(harvest, ERR_MALFORMED, "something is mounted there, which is not part of the folder");
	snprintf(why, sizeof(why), "%s (%s)", what, strerror(errno));
	return harvest_fail(harvest, errno == ENOMEM ? ERR_MEMORY : ERR_IO, why);
}

int harvest_down(struct harvest *harvest, const char *name, size_t *out_before)
{
	size_t bytes = strlen(name), slash = harvest->path_bytes > 0;

	if (harvest->path_bytes + slash + bytes > WORKSPACE_PATH_MAX)
		return harvest_fail(harvest, ERR_LIMIT, "what is in there has a path of more than 4,095 bytes");
	*out_before = harvest->path_bytes;
	if (slash)
		harvest->path[harvest->path_bytes++] = '/';
	memcpy(harvest->path + harvest->path_bytes, name, bytes + 1);
	harvest->path_bytes += bytes;
	return 0;
}

void harvest_up(struct harvest *harvest, size_t before)
{
	harvest->path_bytes = before;
	harvest->path[before] = '\0';
}

/* ---- what is known ---- */

int harvest_known(struct harvest *harvest, const struct tree *tree, const char *name, struct known *out_known)
{
	struct tree_view view;
	struct tree_entry entry;
	uint32_t index;
	int rc;

	*out_known = (struct known){MODE_NONE, NULL};
	if (!tree)
		return 0;
	workspace_begin(harvest->agent);
	rc = tree_view(harvest->agent, tree, &view);
	if (!rc && tree_view_find(&view, name, strlen(name), &index)) {
		tree_view_entry(&view, index, &entry);
		*out_known = (struct known){entry.mode, entry.child};
	}
	workspace_end(harvest->agent);
	return rc;
}
