/* SPDX-License-Identifier: MIT
 *
 * Ids as digits, and the first questions one asks an object.
 */
#include "workspace/store/object.h"

void oid_print(const struct oid *id, char out_hex[OID_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < OID_BYTES; i++) {
		out_hex[2 * i] = digits[id->bytes[i] >> 4];
		out_hex[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	out_hex[OID_HEX_BYTES - 1] = 0;
}

unsigned oid_parse_some(const char *hex, struct oid *out_id)
{
	unsigned count = 0;
	*out_id = (struct oid){{0}};
	for (; count < 2 * OID_BYTES; count++) {
		char c = hex[count];
		int value = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (value < 0)
			break;
		out_id->bytes[count / 2] |= (uint8_t)(count % 2 ? value : value << 4);
	}
	return count;
}

int oid_parse(const char *hex, struct oid *out_id)
{
	struct oid id;
	if (oid_parse_some(hex, &id) != 2 * OID_BYTES || hex[2 * OID_BYTES])
		return ERR_MALFORMED;
	*out_id = id;
	return 0;
}

const struct oid *object_id(const struct object *object)
{
	return &object->id;
}

const struct oid *commit_id(const struct commit *commit)
{
	return &commit->object.id;
}

const struct oid *tree_id(const struct tree *tree)
{
	return &tree->object.id;
}

const struct tree *commit_tree(const struct commit *commit)
{
	return commit->tree;
}

size_t commit_parent_count(const struct commit *commit)
{
	return commit->parent_count;
}

const struct commit *commit_parent(const struct commit *commit, size_t index)
{
	return index < commit->parent_count ? object_as_commit(commit->parents[index]) : NULL;
}
