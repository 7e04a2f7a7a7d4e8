/* SPDX-License-Identifier: MIT
 *
 * Names of refs: what git check-ref-format says, and a beginning of "refs/".
 */
#include <string.h>

#include "workspace/store/refs.h"

static const char *component_fault(const char *name, size_t bytes)
{
	if (!bytes)
		return "has an empty part";
	if (name[0] == '.')
		return "has a part that begins with a period";
	if (bytes >= 5 && !memcmp(name + bytes - 5, ".lock", 5))
		return "has a part that ends in .lock";
	return NULL;
}

static const char *byte_fault(const char *at)
{
	unsigned char byte = (unsigned char)*at;

	if (byte < 0x20 || byte == 0x7f)
		return "has a control character";
	if (strchr(" ~^:?*[\\", byte))
		return "has one of the characters \" ~^:?*[\\\"";
	if (byte == '.' && at[1] == '.')
		return "has two periods next to each other";
	if (byte == '@' && at[1] == '{')
		return "has \"@{\"";
	return NULL;
}

const char *ref_name_fault(const char *name)
{
	const char *fault = NULL, *part = name, *at;

	if (strncmp(name, "refs/", 5))
		return "does not begin with refs/";
	for (at = name; *at && !fault; at++) {
		if (at - name >= (ptrdiff_t)WORKSPACE_REF_MAX)
			return "is longer than 1023 bytes";
		fault = byte_fault(at);
		if (*at != '/')
			continue;
		fault = component_fault(part, (size_t)(at - part));
		part = at + 1;
	}
	if (!fault)
		fault = component_fault(part, (size_t)(at - part));
	return !fault && at[-1] == '.' ? "ends in a period" : fault;
}
