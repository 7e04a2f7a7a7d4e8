/* SPDX-License-Identifier: MIT
 *
 * See the header, and journal.c for the format.
 */
#include "workspace/store/journal_record.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

#define RECORD_KIND 1u
#define ENTRY_REFS  16u
#define OBJECT_HEAD (8u + OID_BYTES)
#define REFS_HEAD   (8u + 8u)
#define REF_HEAD    (8u + 2u * OID_BYTES + 4u)
#define NO_TARGET   UINT16_MAX
#define END_MARK    0xff

/* ---- writing ---- */

/* With at least one byte for the end mark. */
size_t journal_record_bytes(size_t body_bytes)
{
	return (RECORD_HEAD_BYTES + body_bytes + RECORD_ALIGNMENT) & ~(size_t)(RECORD_ALIGNMENT - 1);
}

size_t record_room(size_t bytes)
{
	bytes &= ~(size_t)(RECORD_ALIGNMENT - 1);
	return bytes > RECORD_HEAD_BYTES ? bytes - RECORD_HEAD_BYTES - 1 : 0;
}

static size_t object_entry_bytes(const struct journal_object *object)
{
	return OBJECT_HEAD + (size_t)object->raw.bytes;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t refs_entry_bytes(const struct record_batch *batch)
{
	size_t bytes = REFS_HEAD;
	for (size_t i = 0; i < batch->ref_count; i++)
		bytes += REF_HEAD + text_bytes(batch->refs[i].name) + text_bytes(batch->refs[i].target);
	return bytes;
}

size_t record_entry_bytes(const struct record_batch *batch)
{
	return batch->object_count ? object_entry_bytes(batch->objects) : refs_entry_bytes(batch);
}

size_t record_cut(struct record_batch *batch, size_t room, struct record_batch *out_part)
{
	struct record_batch part = {.objects = batch->objects};
	size_t bytes = 0;
	while (batch->object_count && object_entry_bytes(batch->objects) <= room - bytes) {
		bytes += object_entry_bytes(batch->objects++);
		batch->object_count--;
		part.object_count++;
	}
	if (!batch->object_count && batch->ref_count && refs_entry_bytes(batch) <= room - bytes) {
		bytes += refs_entry_bytes(batch);
		part.refs = batch->refs;
		part.ref_count = batch->ref_count;
		batch->ref_count = 0;
	}
	*out_part = part;
	return bytes;
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
	if (bytes)
		memcpy(to, from, bytes);
	return to + bytes;
}

static uint8_t *put_word(uint8_t *to, uint64_t word)
{
	word = htole64(word);
	return put(to, &word, sizeof(word));
}

static uint8_t *put_half(uint8_t *to, size_t half)
{
	uint16_t little = htole16((uint16_t)half);
	assert(half <= UINT16_MAX);
	return put(to, &little, sizeof(little));
}

static uint8_t *put_object(uint8_t *to, const struct journal_object *object)
{
	to = put_word(to, (uint64_t)object->type | (uint64_t)object->raw.bytes << 8);
	to = put(to, object->id.bytes, OID_BYTES);
	return put(to, object->raw.at, object->raw.bytes);
}

static uint8_t *put_ref(uint8_t *to, const struct journal_ref *ref)
{
	size_t name = text_bytes(ref->name), target = text_bytes(ref->target);
	to = put_word(to, ref->version);
	to = put(to, ref->from.bytes, OID_BYTES);
	to = put(to, ref->to.bytes, OID_BYTES);
	to = put_half(put_half(to, name), ref->target ? target : NO_TARGET);
	return put(put(to, ref->name, name), ref->target, target);
}

static uint8_t *put_refs(uint8_t *to, const struct record_batch *part)
{
	to = put_word(to, ENTRY_REFS | (uint64_t)(refs_entry_bytes(part) - REFS_HEAD) << 8);
	to = put_word(to, part->ref_count);
	for (size_t i = 0; i < part->ref_count; i++)
		to = put_ref(to, &part->refs[i]);
	return to;
}

void record_write(const struct journal_key *key, const struct record_batch *part, size_t body_bytes, uint64_t position,
		  uint8_t *to)
{
	size_t bytes = journal_record_bytes(body_bytes);
	uint64_t word = RECORD_KIND | (uint64_t)body_bytes << 8;
	uint8_t *end = to + RECORD_HEAD_BYTES;

	for (size_t i = 0; i < part->object_count; i++)
		end = put_object(end, &part->objects[i]);
	if (part->ref_count)
		end = put_refs(end, part);
	assert((size_t)(end - to) == RECORD_HEAD_BYTES + body_bytes);
	memset(end, END_MARK, (size_t)(to + bytes - end));

	uint64_t check = journal_check_body(key, position, word, to + RECORD_HEAD_BYTES, bytes - RECORD_HEAD_BYTES);
	put_word(put_word(to + 8, word), check);
	__atomic_store_n((uint64_t *)(void *)to, htole64(journal_check_head(key, position, word, check)), __ATOMIC_RELEASE);
}

/* ---- reading ---- */

static uint64_t word_at(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

static uint16_t half_at(const uint8_t *at)
{
	uint16_t half;
	memcpy(&half, at, sizeof(half));
	return le16toh(half);
}

enum record_verdict record_look(const struct journal_key *key, const uint8_t *at, size_t bytes, uint64_t position,
				uint64_t *out_bytes)
{
	*out_bytes = 0;
	if (bytes < RECORD_HEAD_BYTES || !(word_at(at) >> 56))
		return RECORD_NONE;
	uint64_t word = word_at(at + 8), body_check = word_at(at + 16), body_bytes = word >> 8;
	if (word_at(at) != journal_check_head(key, position, word, body_check))
		return RECORD_UNKNOWN;
	if ((word & 0xff) != RECORD_KIND || body_bytes > RECORD_BODY_MAX)
		return RECORD_UNKNOWN;
	*out_bytes = journal_record_bytes(body_bytes);
	if (*out_bytes > bytes)
		return RECORD_LONGER;
	if (!at[*out_bytes - 1])
		return RECORD_CUT;
	if (body_check != journal_check_body(key, position, word, at + RECORD_HEAD_BYTES, (size_t)*out_bytes - RECORD_HEAD_BYTES))
		return RECORD_BAD;
	return RECORD_FINE;
}

static int read_object(uint64_t kind, const uint8_t *at, size_t bytes, const struct journal_reader *reader)
{
	struct journal_object object = {.type = (enum object_type)kind};
	if (bytes < OID_BYTES || bytes - OID_BYTES > UINT32_MAX)
		return ERR_CORRUPT;
	memcpy(object.id.bytes, at, OID_BYTES);
	object.raw = (struct bytes){.at = at + OID_BYTES, .bytes = (uint32_t)(bytes - OID_BYTES)};
	return reader->object(reader->context, &object);
}

/* A text with its NUL at the end and none before. */
static bool is_text(const uint8_t *at, size_t bytes, size_t max)
{
	return bytes > 1 && bytes <= max + 1 && strnlen((const char *)at, bytes) == bytes - 1;
}

/* Bytes of the ref at `at`; 0 if it is none. */
static size_t read_ref(const uint8_t *at, size_t bytes, struct journal_ref *out_ref)
{
	if (bytes < REF_HEAD)
		return 0;
	struct journal_ref ref = {.version = word_at(at)};
	size_t name = half_at(at + REF_HEAD - 4), target = half_at(at + REF_HEAD - 2);
	bool targeted = target != NO_TARGET;
	const uint8_t *text = at + REF_HEAD;
	if (!targeted)
		target = 0;
	if (bytes - REF_HEAD < name + target || !is_text(text, name, WORKSPACE_REF_MAX) ||
	    (targeted && !is_text(text + name, target, WORKSPACE_REF_MAX)))
		return 0;
	memcpy(ref.from.bytes, at + 8, OID_BYTES);
	memcpy(ref.to.bytes, at + 8 + OID_BYTES, OID_BYTES);
	ref.name = (const char *)text;
	ref.target = targeted ? (const char *)text + name : NULL;
	*out_ref = ref;
	return REF_HEAD + name + target;
}

static int read_refs(const uint8_t *at, size_t bytes, const struct journal_reader *reader)
{
	uint64_t count = bytes < 8 ? 0 : word_at(at);
	if (!count || count > bytes / REF_HEAD)
		return ERR_CORRUPT;
	struct journal_ref *refs = calloc(count, sizeof(*refs));
	if (!refs)
		return ERR_MEMORY;
	int rc = 0;
	at += 8;
	bytes -= 8;
	for (size_t i = 0; !rc && i < count; i++) {
		size_t now = read_ref(at, bytes, &refs[i]);
		rc = now ? 0 : ERR_CORRUPT;
		at += now;
		bytes -= now;
	}
	if (!rc)
		rc = bytes ? ERR_CORRUPT : reader->refs(reader->context, refs, count);
	free(refs);
	return rc;
}

int journal_record_read(const uint8_t *at, const struct journal_reader *reader)
{
	size_t left = (size_t)(word_at(at + 8) >> 8);
	int rc = 0;
	for (at += RECORD_HEAD_BYTES; !rc && left;) {
		if (left < 8)
			return ERR_CORRUPT;
		uint64_t kind = word_at(at) & 0xff, bytes = word_at(at) >> 8;
		/* An object's length is that of its bytes, which its id precedes. */
		if (kind >= OBJECT_COMMIT && kind <= OBJECT_TAG)
			bytes += OID_BYTES;
		else if (kind == ENTRY_REFS)
			bytes += 8;
		else
			return kind ? ERR_NEWER : ERR_CORRUPT;
		if (bytes > left - 8)
			return ERR_CORRUPT;
		rc = kind == ENTRY_REFS ? read_refs(at + 8, (size_t)bytes, reader)
					: read_object(kind, at + 8, (size_t)bytes, reader);
		at += 8 + bytes;
		left -= 8 + (size_t)bytes;
	}
	return rc;
}
