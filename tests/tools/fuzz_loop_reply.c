/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the answer of a model server to our own agent. The first byte chooses the wire and the size of the pieces they come in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/agent_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static void hear(void *context, const char *at, size_t bytes)
{
	size_t *heard = context;

	for (size_t i = 0; i < bytes; i++)
		*heard += at[i] == 0 ? 1 : 1;
}

static void look(const struct loop_buffer *buffer)
{
	if (buffer->at && (buffer->at[buffer->bytes] != 0 || buffer->bytes >= buffer->capacity))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	struct loop_reply reply;
	size_t heard = 0, piece;

	if (bytes < 1)
		return 0;
	loop_reply_init(&reply, at[0] & 1 ? LOOP_OLLAMA : LOOP_CHAT);
	reply.piece = hear;
	reply.context = &heard;
	piece = (at[0] >> 1) + 1u;
	for (size_t from = 1; from < bytes; from += piece) {
		if (!loop_reply_feed(&reply, at + from, bytes - from < piece ? bytes - from : piece))
			break;
	}
	loop_reply_end(&reply);
	if (heard != reply.text.bytes) /* what was told piece by piece is what there is */
		abort();
	if (reply.call_count == 0)
		loop_words_find(&reply);
	if (reply.call_count > LOOP_CALLS_MAX || (size_t)loop_words_said(&reply).bytes > reply.text.bytes)
		abort();
	for (size_t i = 0; i < reply.call_count; i++) {
		look(&reply.calls[i].name);
		look(&reply.calls[i].arguments);
	}
	look(&reply.text);
	loop_reply_release(&reply);
	return 0;
}
