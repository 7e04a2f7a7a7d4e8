/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/pack_delta.h"

#define COPY_MAX   0xffffffu /* bytes that one copy can say */
#define INSERT_MAX 0x7fu

static void append(struct pack_delta *delta, const void *at, size_t bytes)
{
	if (!delta->rc)
		delta->rc = buffer_append(delta->out, at, bytes);
}

static void append_size(struct pack_delta *delta, uint64_t bytes)
{
	uint8_t text[10];
	size_t count = 0;
	for (; bytes > 0x7f; bytes >>= 7)
		text[count++] = (uint8_t)(0x80 | (bytes & 0x7f));
	text[count++] = (uint8_t)bytes;
	append(delta, text, count);
}

void pack_delta_begin(struct pack_delta *delta, struct buffer *out, uint64_t base_bytes, uint64_t bytes)
{
	*delta = (struct pack_delta){.out = out};
	append_size(delta, base_bytes);
	append_size(delta, bytes);
}

/* Only the bytes of place and size that are not 0 are written, and the first one says which. */
static void append_copy(struct pack_delta *delta, uint64_t at, uint64_t bytes)
{
	uint8_t text[8] = {0x80};
	size_t count = 1;
	for (unsigned i = 0; i < 4; i++)
		if (at >> 8 * i & 0xff) {
			text[0] |= (uint8_t)(1u << i);
			text[count++] = (uint8_t)(at >> 8 * i);
		}
	for (unsigned i = 0; i < 3; i++)
		if (bytes >> 8 * i & 0xff) {
			text[0] |= (uint8_t)(0x10u << i);
			text[count++] = (uint8_t)(bytes >> 8 * i);
		}
	append(delta, text, count);
}

static void flush_copy(struct pack_delta *delta)
{
	while (delta->copy_bytes) {
		uint64_t bytes = delta->copy_bytes < COPY_MAX ? delta->copy_bytes : COPY_MAX;
		append_copy(delta, delta->copy_at, bytes);
		delta->copy_at += bytes;
		delta->copy_bytes -= bytes;
	}
}

void pack_delta_copy(struct pack_delta *delta, uint64_t at, uint64_t bytes)
{
	if (delta->copy_bytes && delta->copy_at + delta->copy_bytes == at) {
		delta->copy_bytes += bytes;
		return;
	}
	flush_copy(delta);
	delta->copy_at = at;
	delta->copy_bytes = bytes;
}

void pack_delta_insert(struct pack_delta *delta, const void *at, size_t bytes)
{
	const uint8_t *from = at;
	flush_copy(delta);
	while (bytes) {
		uint8_t piece = (uint8_t)(bytes < INSERT_MAX ? bytes : INSERT_MAX);
		append(delta, &piece, 1);
		append(delta, from, piece);
		from += piece;
		bytes -= piece;
	}
}

int pack_delta_end(struct pack_delta *delta)
{
	flush_copy(delta);
	return delta->rc;
}

int pack_delta_ids(size_t tree_bytes, const struct pack_id_change *changes, size_t count, struct buffer *out)
{
	struct pack_delta delta;
	size_t at = 0;
	pack_delta_begin(&delta, out, tree_bytes, tree_bytes);
	for (size_t i = 0; i < count; i++) {
		pack_delta_copy(&delta, at, changes[i].at - at);
		pack_delta_insert(&delta, changes[i].id, OID_BYTES);
		at = changes[i].at + OID_BYTES;
	}
	pack_delta_copy(&delta, at, tree_bytes - at);
	return pack_delta_end(&delta);
}

/* ---- between any two ---- */

/* "100644 name\0" and 20 bytes; the bytes come from trees that were read, so each entry is whole. */
struct entry {
	const uint8_t *at, *name;
	size_t bytes, name_bytes;
};

static bool next_entry(const uint8_t *tree, size_t tree_bytes, size_t at, struct entry *out)
{
	if (at >= tree_bytes)
		return false;
	const uint8_t *space = memchr(tree + at, ' ', tree_bytes - at);
	const uint8_t *end = space ? memchr(space, 0, (size_t)(tree + tree_bytes - space)) : NULL;
	if (!end || (size_t)(tree + tree_bytes - end) < 1 + OID_BYTES)
		return false;
	out->at = tree + at;
	out->name = space + 1;
	out->name_bytes = (size_t)(end - out->name);
	out->bytes = (size_t)(end + 1 + OID_BYTES - out->at);
	return true;
}

/* By bytes alone: near enough to git's order (which puts a '/' after folders) to find what stands on both sides. */
static int entry_order(const struct entry *a, const struct entry *b)
{
	size_t least = a->name_bytes < b->name_bytes ? a->name_bytes : b->name_bytes;
	int order = memcmp(a->name, b->name, least);
	return order ? order : (a->name_bytes > b->name_bytes) - (a->name_bytes < b->name_bytes);
}

static void put_entry(struct pack_delta *delta, const struct entry *entry, const struct entry *same, const uint8_t *base)
{
	size_t head = entry->bytes - OID_BYTES;
	if (!same || same->bytes != entry->bytes || memcmp(same->at, entry->at, head) != 0) {
		pack_delta_insert(delta, entry->at, entry->bytes);
	} else if (!memcmp(same->at + head, entry->at + head, OID_BYTES)) {
		pack_delta_copy(delta, (uint64_t)(same->at - base), entry->bytes);
	} else {
		pack_delta_copy(delta, (uint64_t)(same->at - base), head);
		pack_delta_insert(delta, entry->at + head, OID_BYTES);
	}
}

int pack_delta_trees(const uint8_t *base, size_t base_bytes, const uint8_t *tree, size_t tree_bytes, struct buffer *out)
{
	struct pack_delta delta;
	struct entry old, new;
	size_t old_at = 0, new_at = 0;
	pack_delta_begin(&delta, out, base_bytes, tree_bytes);
	bool more = next_entry(base, base_bytes, old_at, &old);
	while (next_entry(tree, tree_bytes, new_at, &new)) {
		int order = -1;
		while (more && (order = entry_order(&new, &old)) > 0) {
			old_at += old.bytes;
			more = next_entry(base, base_bytes, old_at, &old);
		}
		put_entry(&delta, &new, more && !order ? &old : NULL, base);
		new_at += new.bytes;
	}
	pack_delta_insert(&delta, tree + new_at, tree_bytes - new_at);
	return pack_delta_end(&delta);
}
