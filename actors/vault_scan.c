/* SPDX-License-Identifier: MIT
 *
 * Looking for known values: in the text as it is, and in what it says once escapes are resolved, layer by layer.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "actors/json_check.h"
#include "actors/vault_inner.h"

/* A text as it came (from and to NULL), or a layer of it. */
struct view {
	const uint8_t *at;
	const uint32_t *from;
	const uint32_t *to;
	size_t bytes;
};

struct scan {
	struct vault *vault;
	const struct view *view;
};

/* ---- finds ---- */

static bool is_base64(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '+' ||
	       byte == '/' || byte == '-' || byte == '_';
}

static bool note_place(void *context, size_t at, const struct needle *needle)
{
	struct scan *scan = context;
	struct vault *vault = scan->vault;
	const struct view *view = scan->view;
	size_t last = at + needle->bytes - 1;

	if (needle->lead && at > 0 && is_base64(view->at[at - 1]))
		at--;
	if (needle->tail && last + 1 < view->bytes && is_base64(view->at[last + 1]))
		last++;
	if (vault->place_count == PLACES_MAX) { /* so full of them that nothing is worth keeping */
		vault->place[0] = (struct place){0, UINT32_MAX};
		return false;
	}
	vault->place[vault->place_count++] =
		(struct place){view->from ? view->from[at] : (uint32_t)at, view->to ? view->to[last] : (uint32_t)last + 1};
	return true;
}

/* ---- layers ---- */

static bool layer_reserve(struct layer *layer, size_t bytes)
{
	if (bytes <= layer->capacity)
		return true;
	if (layer->at)
		sodium_memzero(layer->at, layer->capacity);
	free(layer->at);
	free(layer->from);
	free(layer->to);
	*layer = (struct layer){
		.at = malloc(bytes), .from = malloc(bytes * sizeof(uint32_t)), .to = malloc(bytes * sizeof(uint32_t))};
	layer->capacity = layer->at && layer->from && layer->to ? bytes : 0;
	return layer->capacity != 0;
}

static int digit_of(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* `count` hexadecimal digits, or -1. */
static long read_hex(const struct view *view, size_t at, unsigned count)
{
	long value = 0;

	if (count > view->bytes || at > view->bytes - count)
		return -1;
	for (unsigned i = 0; i < count; i++) {
		int digit = digit_of(view->at[at + i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* One character that took `used` bytes of the view, as its bytes; and where it came from, if that is wanted. */
static void put_bytes(struct layer *out, const struct view *view, size_t at, size_t used, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (out->mapped) {
			out->from[out->bytes] = view->from ? view->from[at] : (uint32_t)at;
			out->to[out->bytes] = view->to ? view->to[at + used - 1] : (uint32_t)(at + used);
		}
		out->at[out->bytes++] = bytes[i];
	}
}

/* What has no mark in it, as it is. */
static void put_plain(struct layer *out, const struct view *view, size_t at, size_t bytes)
{
	if (!out->mapped) {
		memcpy(out->at + out->bytes, view->at + at, bytes);
		out->bytes += bytes;
		return;
	}
	for (size_t i = 0; i < bytes; i++)
		put_bytes(out, view, at + i, 1, view->at + at + i, 1);
}

static size_t encode_utf8(uint32_t point, uint8_t out[4])
{
	if (point < 0x80) {
		out[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (uint8_t)(0xc0 | point >> 6);
		out[1] = (uint8_t)(0x80 | (point & 63));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | point >> 12);
		out[1] = (uint8_t)(0x80 | (point >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (point & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | point >> 18);
	out[1] = (uint8_t)(0x80 | (point >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (point >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (point & 63));
	return 4;
}

/* \uXXXX at `at`, or two of them that make one character. Returns how many bytes it took, 0: it is none. */
static size_t take_unicode(struct layer *out, const struct view *view, size_t at)
{
	long point = read_hex(view, at + 2, 4);
	long low = -1;
	size_t used = 6;
	uint8_t bytes[4];

	if (point < 0)
		return 0;
	if (point >= 0xd800 && point < 0xdc00 && at + 7 < view->bytes && view->at[at + 6] == '\\' && view->at[at + 7] == 'u')
		low = read_hex(view, at + 8, 4);
	if (low >= 0xdc00 && low < 0xe000) {
		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
		used = 12;
	}
	put_bytes(out, view, at, used, bytes, encode_utf8((uint32_t)point, bytes));
	return used;
}

/* An escape of JSON, or \xXX as some programs print bytes. Returns how many bytes it took, 0: it is none. */
static size_t take_escape(struct layer *out, const struct view *view, size_t at)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char means[] = "\"\\/\b\f\n\r\t";
	uint8_t letter = at + 1 < view->bytes ? view->at[at + 1] : 0;
	const char *found = letter ? strchr(letters, letter) : NULL;
	long value;
	uint8_t byte;

	if (letter == 'u')
		return take_unicode(out, view, at);
	if (letter == 'x') {
		value = read_hex(view, at + 2, 2);
		if (value < 0)
			return 0;
		byte = (uint8_t)value;
		put_bytes(out, view, at, 4, &byte, 1);
		return 4;
	}
	if (!found)
		return 0;
	byte = (uint8_t)means[found - letters];
	put_bytes(out, view, at, 2, &byte, 1);
	return 2;
}

static size_t take_percent(struct layer *out, const struct view *view, size_t at)
{
	long value = read_hex(view, at + 1, 2);
	uint8_t byte = (uint8_t)value;

	if (value < 0)
		return 0;
	put_bytes(out, view, at, 3, &byte, 1);
	return 3;
}

/* Resolves all escapes that begin with `mark`. False if there are none, or no memory. */
static bool resolve(struct layer *out, const struct view *view, uint8_t mark, bool mapped)
{
	const uint8_t *end = view->at + view->bytes;
	const uint8_t *next = memchr(view->at, mark, view->bytes);
	bool any = false;
	size_t done = 0;

	if (!next || !layer_reserve(out, view->bytes))
		return false;
	out->bytes = 0;
	out->mapped = mapped;
	for (; next; next = memchr(view->at + done, mark, (size_t)(end - view->at) - done)) {
		size_t at = (size_t)(next - view->at);
		size_t used;

		put_plain(out, view, done, at - done);
		used = mark == '%' ? take_percent(out, view, at) : take_escape(out, view, at);
		if (!used)
			put_bytes(out, view, at, 1, next, 1);
		any |= used != 0;
		done = at + (used ? used : 1);
	}
	put_plain(out, view, done, view->bytes - done);
	return any;
}

static const uint8_t marks[] = {'\\', '%'};

static struct view view_of(const struct layer *layer)
{
	return (struct view){layer->at, layer->mapped ? layer->from : NULL, layer->mapped ? layer->to : NULL, layer->bytes};
}

static bool note_kind(void *context, size_t at, const struct needle *needle)
{
	struct vault *vault = context;

	(void)at;
	vault->kind = vault->known[needle->owner].kind;
	return false;
}

/* Is there anything? That is asked often and seldom so; where it stands is found out only then. */
static void look_whether(struct vault *vault, const struct view *view, unsigned depth)
{
	search_text(vault->search, view->at, view->bytes, note_kind, vault);
	for (unsigned i = 0; i < 2 && depth < LAYERS_MAX && !vault->kind; i++) {
		struct layer *layer = &vault->layer[depth];

		if (resolve(layer, view, marks[i], false)) {
			struct view deeper = view_of(layer);

			look_whether(vault, &deeper, depth + 1);
		}
	}
}

static void look_where(struct vault *vault, const struct view *view, unsigned depth)
{
	struct scan scan = {vault, view};

	search_text(vault->search, view->at, view->bytes, note_place, &scan);
	for (unsigned i = 0; i < 2 && depth < LAYERS_MAX && vault->place_count < PLACES_MAX; i++) {
		struct layer *layer = &vault->layer[depth];

		if (resolve(layer, view, marks[i], true)) {
			struct view deeper = view_of(layer);

			look_where(vault, &deeper, depth + 1);
		}
	}
}

static void look(struct vault *vault, const void *at, size_t bytes, bool only_whether)
{
	struct view view = {at, NULL, NULL, bytes};

	vault->place_count = 0;
	vault->kind = NULL;
	if (bytes < NEEDLE_BYTES_MIN)
		return;
	look_whether(vault, &view, 0);
	if (vault->kind && !only_whether)
		look_where(vault, &view, 0);
}

const char *vault_holds(struct vault *vault, const void *at, size_t bytes)
{
	if (!vault_count(vault))
		return NULL;
	look(vault, at, bytes, true);
	return vault->kind;
}

/* ---- masking ---- */

static int by_place(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	return left->from < right->from ? -1 : left->from > right->from;
}

/* How many backslashes stand before `at`. */
static size_t backslashes(const uint8_t *text, size_t at)
{
	size_t count = 0;

	while (count < at && text[at - 1 - count] == '\\')
		count++;
	return count;
}

/* Half a character of UTF-8, or half an escape, must not be left. */
static void widen(const uint8_t *text, size_t bytes, struct place *place)
{
	if (place->to > bytes)
		place->to = (uint32_t)bytes;
	while (place->from > 0 && (text[place->from] & 0xc0) == 0x80)
		place->from--;
	while (place->to < bytes && (text[place->to] & 0xc0) == 0x80)
		place->to++;
	if (place->from > 0 && backslashes(text, place->from) % 2)
		place->from--;
}

static uint32_t overwrite(struct vault *vault, uint8_t *text, size_t bytes)
{
	uint32_t places = 0;
	uint32_t end = 0;

	for (size_t i = 0; i < vault->place_count; i++)
		widen(text, bytes, &vault->place[i]);
	qsort(vault->place, vault->place_count, sizeof(vault->place[0]), by_place);
	for (size_t i = 0; i < vault->place_count; i++) {
		const struct place *place = &vault->place[i];

		places += !places || place->from >= end;
		if (place->to > end)
			end = place->to;
	}
	for (size_t i = 0; i < vault->place_count; i++)
		memset(text + vault->place[i].from, '*', vault->place[i].to - vault->place[i].from);
	return places;
}

uint32_t vault_mask(struct vault *vault, void *at, size_t bytes)
{
	if (!vault_count(vault))
		return 0;
	look(vault, at, bytes, false);
	return overwrite(vault, at, bytes);
}

static bool is_json(const void *at, size_t bytes)
{
	struct text text = {at, (uint32_t)bytes};

	return json_check(text, '{') || json_check(text, '[');
}

uint32_t vault_mask_json(struct vault *vault, void *at, size_t bytes)
{
	uint8_t *text = at;
	uint32_t places;
	bool whole;
	bool list;

	if (!vault_count(vault))
		return 0;
	look(vault, at, bytes, false);
	if (!vault->place_count)
		return 0;
	whole = is_json(at, bytes);
	list = json_check((struct text){at, (uint32_t)bytes}, '[');
	places = overwrite(vault, at, bytes);
	if (whole && !is_json(at, bytes)) {
		memset(text, ' ', bytes);
		text[0] = list ? '[' : '{';
		text[bytes - 1] = list ? ']' : '}';
	}
	return places;
}

/* ---- pieces ---- */

size_t vault_seam(const struct vault *vault)
{
	return vault_count(vault) ? 32 * vault->longest + 64 : 0;
}

bool vault_stream_take(struct vault *vault, struct vault_stream *stream, const void *at, size_t bytes, const char **out_kind)
{
	size_t seam = vault_seam(vault);

	*out_kind = NULL;
	if (!seam)
		return true;
	if (stream->capacity < stream->bytes + bytes) {
		uint8_t *larger = realloc(stream->at, stream->bytes + bytes);

		if (!larger)
			return false;
		stream->at = larger;
		stream->capacity = stream->bytes + bytes;
	}
	if (bytes)
		memcpy(stream->at + stream->bytes, at, bytes);
	stream->bytes += bytes;
	*out_kind = vault_holds(vault, stream->at, stream->bytes);
	if (stream->bytes > seam) {
		memmove(stream->at, stream->at + stream->bytes - seam, seam);
		stream->bytes = seam;
	}
	return true;
}

void vault_stream_release(struct vault_stream *stream)
{
	if (stream->at)
		sodium_memzero(stream->at, stream->capacity);
	free(stream->at);
	*stream = (struct vault_stream){0};
}
