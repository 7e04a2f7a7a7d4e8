/* SPDX-License-Identifier: MIT
 *
 * Names of refs: what git check-ref-format says, and a beginning of "refs/".
 */
#include "workspace/store/refs.h"

enum byte_kind {
	BYTE_PLAIN,
	BYTE_LOOK,    /* means something together with its neighbours */
	BYTE_CONTROL, /* and above: never */
	BYTE_MARK,
};

/* The NUL is a byte to look at too: it ends the last part. */
static const uint8_t kinds[256] = {
	[0] = BYTE_LOOK,   ['/'] = BYTE_LOOK, ['.'] = BYTE_LOOK,  ['@'] = BYTE_LOOK,     [1 ... 31] = BYTE_CONTROL,
	[' '] = BYTE_MARK, ['~'] = BYTE_MARK, ['^'] = BYTE_MARK,  [':'] = BYTE_MARK,     ['?'] = BYTE_MARK,
	['*'] = BYTE_MARK, ['['] = BYTE_MARK, ['\\'] = BYTE_MARK, [0x7f] = BYTE_CONTROL,
};

static const char *part_fault(const char *part, const char *end)
{
	size_t bytes = (size_t)(end - part);

	if (!bytes)
		return "has an empty part";
	if (part[0] == '.')
		return "has a part that begins with a period";
	if (bytes >= 5 && !memcmp(end - 5, ".lock", 5))
		return "has a part that ends in .lock";
	return NULL;
}

static const char *byte_fault(const char *at, uint8_t kind)
{
	if (kind == BYTE_CONTROL)
		return "has a control character";
	if (kind == BYTE_MARK)
		return "has one of the characters \" ~^:?*[\\\"";
	if (*at == '.' && at[1] == '.')
		return "has two periods next to each other";
	if (*at == '.' && !at[1])
		return "ends in a period";
	return *at == '@' && at[1] == '{' ? "has \"@{\"" : NULL;
}

const char *ref_name_fault(const char *name)
{
	const char *fault = NULL, *part = name;

	if (strncmp(name, "refs/", 5))
		return "does not begin with refs/";
	for (const char *at = name; !fault; at++) {
		uint8_t kind = kinds[(uint8_t)*at];
		if (kind == BYTE_PLAIN)
			continue;
		bool ends = !*at || *at == '/';
		fault = ends ? part_fault(part, at) : byte_fault(at, kind);
		if (!fault && at - name > (ptrdiff_t)WORKSPACE_REF_MAX)
			fault = "is longer than 1023 bytes";
		if (!*at)
			break;
		if (ends)
			part = at + 1;
	}
	return fault;
}
