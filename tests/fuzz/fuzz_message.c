/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a frame: refused, or decoded, printed as JSON, encoded again and found the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/codec.h"
#include "protocol/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

/* Encoding is canonical: what was decoded and written anew reads as itself, byte for byte. */
static void check_again(struct message *message)
{
	struct buffer first = {0}, second = {0};
	struct message again;
	struct parts parts;

	message->payload = (struct bytes){0};
	if (message_encode(message, &first) || validate_message(first.at, first.bytes, &parts) ||
	    message_decode(&parts, &again) || message_decode_payload(&again))
		abort();
	again.payload = (struct bytes){0};
	if (message_encode(&again, &second) || first.bytes != second.bytes || memcmp(first.at, second.at, first.bytes) != 0)
		abort();
	buffer_release(&first);
	buffer_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	struct parts parts[FRAME_MESSAGES_MAX];
	size_t count = 0;

	if (validate_frame(at, bytes, parts, &count))
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct message message;
		if (message_decode(&parts[i], &message) || message_decode_payload(&message))
			continue;
		json_decref(message_to_json(&message));
		check_again(&message);
	}
	return 0;
}
