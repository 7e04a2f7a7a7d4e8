/* SPDX-License-Identifier: MIT
 *
 * Which refs leave, and under which names.
 */
#include <stdio.h>
#include <stdlib.h>

#include "workspace/exchange/export_inner.h"
#include "workspace/store/agent.h"

static int no_memory(struct export *export)
{
	return agent_fail(export->agent, ERR_MEMORY, "no memory for the refs that go to %s", export->options->path);
}

/* refs/heads/main becomes PREFIX/heads/main. */
static int place_of(struct export *export, const char *ref, char **out_name)
{
	const char *prefix = export->options->ref_prefix;
	size_t bytes = prefix ? strlen(prefix) : 0;
	while (bytes && prefix[bytes - 1] == '/')
		bytes--;
	int printed =
		bytes ? asprintf(out_name, "%.*s/%s", (int)bytes, prefix, ref + strlen("refs/")) : asprintf(out_name, "%s", ref);
	if (printed >= 0)
		return 0;
	*out_name = NULL;
	return no_memory(export);
}

static int add(struct export *export, const char *ref, const struct object *object)
{
	struct export_ref *refs = realloc(export->refs, (export->ref_count + 1) * sizeof(*refs));
	if (!refs)
		return no_memory(export);
	export->refs = refs;
	struct export_ref *added = &refs[export->ref_count];
	*added = (struct export_ref){.local = strdup(ref), .object = object};
	int rc = added->local ? place_of(export, ref, &added->name) : no_memory(export);
	if (rc) {
		free(added->local);
		return rc;
	}
	export->ref_count++;
	return 0;
}

static int add_seen(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)version;
	return add(context, ref, object);
}

/* As it is called, or as git would look for a short name. */
static int add_named(struct export *export, const char *name)
{
	static const char *const places[] = {"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s"};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char ref[WORKSPACE_REF_MAX + 16];
		const struct object *object;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int bytes = snprintf(ref, sizeof(ref), places[i], name);
#pragma GCC diagnostic pop
		if (bytes < 0 || (size_t)bytes >= sizeof(ref) || strncmp(ref, "refs/", 5) != 0)
			continue;
		int rc = workspace_ref_get(export->agent, ref, &object);
		if (rc != ERR_NOT_FOUND && rc != ERR_MALFORMED)
			return rc ? rc : add(export, ref, object);
	}
	return agent_fail(export->agent, ERR_NOT_FOUND, "there is no ref \"%.100s\" in the workspace that could be exported",
			  name);
}

static int by_name(const void *left, const void *right)
{
	const struct export_ref *a = left, *b = right;
	return strcmp(a->name, b->name);
}

static void drop(struct export_ref *ref)
{
	free(ref->name);
	free(ref->local);
}

/* The same ref may have been named twice. */
static void sort(struct export *export)
{
	size_t kept = 0;
	qsort(export->refs, export->ref_count, sizeof(*export->refs), by_name);
	for (size_t i = 0; i < export->ref_count; i++)
		if (kept && !strcmp(export->refs[kept - 1].name, export->refs[i].name))
			drop(&export->refs[i]);
		else
			export->refs[kept++] = export->refs[i];
	export->ref_count = kept;
}

int export_refs(struct export *export)
{
	const struct export_options *options = export->options;
	const char *prefix = options->ref_prefix;
	int valid = 1, rc = 0;
	if (prefix && *prefix) {
		char probe[WORKSPACE_REF_MAX + 8];
		int bytes = snprintf(probe, sizeof(probe), "%s%sx", prefix, prefix[strlen(prefix) - 1] == '/' ? "" : "/");
		if (strncmp(prefix, "refs/", 5) != 0 || (size_t)bytes >= sizeof(probe) ||
		    git_reference_name_is_valid(&valid, probe) || !valid)
			return agent_fail(export->agent, ERR_MALFORMED,
					  "\"%.100s\" cannot stand before refs; something like refs/bunshin/ can", prefix);
	}
	workspace_begin(export->agent);
	if (!options->refs)
		rc = workspace_refs_each(export->agent, "", add_seen, export);
	for (size_t i = 0; options->refs && i < options->ref_count && !rc; i++)
		rc = add_named(export, options->refs[i]);
	workspace_end(export->agent);
	if (!rc && export->ref_count > 1)
		sort(export);
	return rc;
}
