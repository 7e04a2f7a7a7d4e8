/* SPDX-License-Identifier: MIT */
#include "actors/spool.h"

#include <stdlib.h>
#include <string.h>

struct spool_item {
	struct spool_item *next;
	enum spool_kind kind;
	enum message_type type;
	struct header header;
	uint32_t facts_bytes;
	uint32_t payload_bytes;
	uint8_t data[]; /* facts, then payload, as encoded */
};

static void list_append(struct spool_list *list, struct spool_item *item)
{
	item->next = NULL;
	if (list->last)
		list->last->next = item;
	else
		list->first = item;
	list->last = item;
}

static struct spool_item *list_take(struct spool_list *list)
{
	struct spool_item *item = list->first;

	if (!item)
		return NULL;
	list->first = item->next;
	if (!list->first)
		list->last = NULL;
	return item;
}

static void list_free(struct spool_list *list)
{
	struct spool_item *item;

	while ((item = list_take(list)))
		free(item);
}

void spool_release(struct spool *spool)
{
	list_free(&spool->waiting);
	list_free(&spool->sent);
	buffer_release(&spool->facts);
	buffer_release(&spool->payload);
	buffer_release(&spool->header);
	memset(spool, 0, sizeof(*spool));
}

static int encode_parts(struct spool *spool, const struct message *message)
{
	int rc;

	spool->facts.bytes = 0;
	spool->payload.bytes = 0;
	rc = message_encode_facts(message, &spool->facts);
	if (rc)
		return rc;
	rc = message_encode_payload(message, &spool->payload);
	if (rc)
		return rc;
	return spool->payload.bytes > PAYLOAD_BYTES_MAX ? ERR_TOO_LARGE : 0;
}

int spool_add(struct spool *spool, const struct message *message, enum spool_kind kind)
{
	struct spool_item *item;
	int rc = encode_parts(spool, message);

	if (rc)
		return rc;
	item = malloc(sizeof(*item) + spool->facts.bytes + spool->payload.bytes);
	if (!item)
		return ERR_MEMORY;
	item->kind = kind;
	item->type = message->type;
	item->header = message->header;
	item->facts_bytes = (uint32_t)spool->facts.bytes;
	item->payload_bytes = (uint32_t)spool->payload.bytes;
	memcpy(item->data, spool->facts.at, spool->facts.bytes);
	memcpy(item->data + spool->facts.bytes, spool->payload.at, spool->payload.bytes);
	list_append(&spool->waiting, item);
	spool->count++;
	return 0;
}

static int encode_item(struct spool *spool, struct spool_item *item, uint64_t seq, struct buffer *frame)
{
	struct message message = {.type = item->type, .header = item->header};
	int rc;

	message.header.sender_seq = seq;
	item->header.sender_seq = seq;
	spool->header.bytes = 0;
	rc = message_encode_header(&message, &spool->header);
	if (rc)
		return rc;
	return message_join(item->type, (struct bytes){spool->header.at, (uint32_t)spool->header.bytes},
			    (struct bytes){item->data, item->facts_bytes},
			    (struct bytes){item->data + item->facts_bytes, item->payload_bytes}, frame);
}

int spool_frame(struct spool *spool, size_t messages_max, struct buffer *frame)
{
	uint64_t seq = spool->last_seq;
	size_t count = 0;

	for (struct spool_item *item = spool->waiting.first; item; item = item->next) {
		size_t needed = sizeof(struct header) + 64u + item->facts_bytes + item->payload_bytes;

		if (count == messages_max || (count && frame->bytes + needed > FRAME_TARGET_BYTES))
			break;
		if (item->kind != SPOOL_LOOSE)
			seq++;
		if (encode_item(spool, item, item->kind == SPOOL_LOOSE ? 0 : seq, frame))
			return ERR_MEMORY;
		count++;
	}
	return (int)count;
}

void spool_sent(struct spool *spool, size_t count)
{
	while (count--) {
		struct spool_item *item = list_take(&spool->waiting);

		if (item->kind != SPOOL_LOOSE)
			spool->last_seq++;
		if (item->kind == SPOOL_KEPT) {
			list_append(&spool->sent, item);
		} else {
			spool->count--;
			free(item);
		}
	}
}

void spool_cover(struct spool *spool, uint64_t through)
{
	while (spool->sent.first && spool->sent.first->header.sender_seq <= through) {
		free(list_take(&spool->sent));
		spool->count--;
	}
}

void spool_rewind(struct spool *spool)
{
	struct spool_list kept = spool->sent;
	struct spool_item *item;

	while ((item = list_take(&spool->waiting))) {
		if (item->kind == SPOOL_KEPT) {
			list_append(&kept, item);
		} else {
			spool->count--;
			free(item);
		}
	}
	spool->waiting = kept;
	spool->sent = (struct spool_list){0};
	spool->last_seq = 0;
}

uint64_t spool_oldest(const struct spool *spool)
{
	return spool->sent.first ? spool->sent.first->header.sender_seq : 0;
}

static bool list_holds(const struct spool_list *list, const struct id *message_id)
{
	for (const struct spool_item *item = list->first; item; item = item->next)
		if (id_equal(&item->header.message_id, message_id))
			return true;
	return false;
}

bool spool_holds(const struct spool *spool, const struct id *message_id)
{
	return list_holds(&spool->waiting, message_id) || list_holds(&spool->sent, message_id);
}
