/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the reply of any server, and as the request of any agent. The first byte chooses the wire and how the reply is typed, the second the
 * size of the pieces. What is read must not depend on the pieces, must stay within its bounds, and a request that is let through keeps its shape.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/target.h"
#include "models/veil.h"
#include "models/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static struct wire_facts read_in_pieces(enum wire wire, const char *type, const uint8_t *at, size_t bytes, size_t size)
{
	struct wire_reply *reply = wire_reply_new(wire, 200, type, NULL);
	struct wire_facts facts;

	if (!reply)
		abort();
	for (size_t i = 0; i < bytes; i += size)
		wire_reply_feed(reply, at + i, bytes - i < size ? bytes - i : size);
	wire_reply_end(reply);
	wire_reply_facts(reply, &facts);
	wire_reply_free(reply);
	return facts;
}

static void check_reply(enum wire wire, const char *type, const uint8_t *at, size_t bytes, size_t size)
{
	struct wire_facts whole = read_in_pieces(wire, type, at, bytes, bytes ? bytes : 1);
	struct wire_facts pieces = read_in_pieces(wire, type, at, bytes, size);

	if (memcmp(&whole, &pieces, offsetof(struct wire_facts, model)) != 0 || strcmp(whole.model, pieces.model) != 0)
		abort();
	if (whole.bytes != bytes || whole.text_bytes > bytes || whole.pieces > bytes || whole.garbage > bytes + 1)
		abort();
	if (whole.usage.in_cached + whole.usage.in_cache_write > whole.usage.in || whole.usage.reasoning > whole.usage.out)
		abort();
}

static void check_request(enum wire wire, const uint8_t *at, size_t bytes)
{
	char *text = strndup((const char *)at, bytes), target[PROXY_TARGET_BYTES], why[PROXY_WHY_BYTES];
	struct wire_request request;
	struct proxy_server server;
	struct proxy_head head = {0};

	wire_request_read(wire, text, at, bytes, &request);
	if (!proxy_target_check("POST", text, target, why) && (target[0] != '/' || strstr(target, "/../") || strchr(target, ' ')))
		abort();
	if (!proxy_server_parse(text, &server, why) && strchr(server.origin, '@'))
		abort();
	proxy_head_read(&head, text, text);
	proxy_head_judge(&head);
	free(text);
}

static void check_veil(const uint8_t *at, size_t bytes)
{
	char *copy = malloc(bytes + 1), key[8] = "key-";
	size_t tail;

	if (!copy)
		abort();
	memcpy(copy, at, bytes);
	if (bytes > 2)
		memcpy(key, at, 3);
	tail = proxy_veil(copy, bytes, key);
	if (*key && !strchr(key, '*') && (tail >= strlen(key) || memmem(copy, bytes, key, strlen(key))))
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	static const char *const types[] = {"text/event-stream", "application/json", "application/x-ndjson", NULL};

	if (bytes < 2)
		return 0;
	check_reply((enum wire)(at[0] % WIRES), types[at[0] / WIRES % 4], at + 2, bytes - 2, 1u + at[1] % 64u);
	check_request((enum wire)(at[0] % WIRES), at + 2, bytes - 2);
	check_veil(at + 2, bytes - 2);
	return 0;
}
