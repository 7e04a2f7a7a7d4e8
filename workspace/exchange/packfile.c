/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/packfile.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "workspace/exchange/pack_encode.h"
#include "workspace/sha1.h"

#define THREADS_MAX   8u
#define BATCH_OBJECTS 256u
#define BATCH_BYTES   (256u * 1024)
#define ALONE_MAX     1024u /* objects for which no thread is worth starting */
#define AHEAD         4u    /* batches for each thread that may be finished and not written */
#define OUT_BYTES     (1024u * 1024)

struct batch {
	size_t first, count;
	bool done;
	struct buffer bodies;
	struct pack_encoded encoded[BATCH_OBJECTS];
};

struct writer {
	const struct reach_record *records;
	size_t count;
	const struct packfile_options *options;
	const struct packfile_sink *sink;
	struct packfile_result *result;

	pthread_mutex_t lock; /* over all down to the empty line, and done of the batches */
	pthread_cond_t moved;
	struct batch *batches; /* a ring */
	size_t batch_count;    /* of the ring */
	size_t next_record;    /* of the batch that is taken next */
	size_t taken, written; /* batches */
	int rc;

	struct buffer out;
	struct sha1 sum;
};

/* ---- putting down ---- */

static int flush(struct writer *writer)
{
	sha1_update(&writer->sum, writer->out.at, writer->out.bytes);
	int rc = writer->out.bytes ? writer->sink->write(writer->sink->context, writer->out.at, writer->out.bytes) : 0;
	writer->out.bytes = 0;
	return rc;
}

static int put(struct writer *writer, const void *at, size_t bytes, uint32_t *crc)
{
	int rc = buffer_append(&writer->out, at, bytes);
	*crc = libdeflate_crc32(*crc, at, bytes);
	writer->result->bytes += bytes;
	return !rc && writer->out.bytes >= OUT_BYTES ? flush(writer) : rc;
}

static int put_entry(struct writer *writer, size_t index, const struct pack_encoded *encoded, const uint8_t *body)
{
	struct pack_place *place = &writer->result->places[index];
	*place = (struct pack_place){&writer->records[index].object->id, writer->result->bytes, 0};
	int rc = put(writer, encoded->head, encoded->head_bytes, &place->crc);
	if (!rc && encoded->delta) {
		uint8_t back[PACK_VARINT_BYTES];
		uint64_t distance = place->offset - writer->result->places[writer->records[index].base].offset;
		rc = put(writer, back, pack_back(distance, back), &place->crc);
	}
	return rc ? rc : put(writer, body, encoded->body_bytes, &place->crc);
}

static int put_batch(struct writer *writer, const struct batch *batch)
{
	const uint8_t *body = batch->bodies.at;
	int rc = 0;
	for (size_t i = 0; i < batch->count && !rc; i++) {
		rc = put_entry(writer, batch->first + i, &batch->encoded[i], body);
		body += batch->encoded[i].body_bytes;
	}
	return rc;
}

static int put_head(struct writer *writer)
{
	uint8_t head[12] = {'P', 'A', 'C', 'K', 0, 0, 0, 2};
	uint32_t unused = 0;
	for (unsigned i = 0; i < 4; i++)
		head[8 + i] = (uint8_t)(writer->count >> (24 - 8 * i));
	sha1_init(&writer->sum);
	return put(writer, head, sizeof(head), &unused);
}

static int put_sum(struct writer *writer)
{
	int rc = flush(writer);
	if (rc)
		return rc;
	sha1_final(&writer->sum, writer->result->sum);
	writer->result->bytes += OID_BYTES;
	return writer->sink->write(writer->sink->context, writer->result->sum, OID_BYTES);
}

/* ---- encoding, by any thread ---- */

static int encode_batch(struct writer *writer, struct pack_encoder *encoder, struct batch *batch)
{
	int rc = 0;
	batch->bodies.bytes = 0;
	for (size_t i = 0; i < batch->count && !rc; i++)
		rc = pack_encode(encoder, writer->records, batch->first + i, &batch->bodies, &batch->encoded[i]);
	return rc;
}

static bool may_take(const struct writer *writer)
{
	return !writer->rc && writer->next_record < writer->count && writer->taken < writer->written + writer->batch_count;
}

/* The next batch: as many objects as fit, one at least. Locked. */
static struct batch *take(struct writer *writer)
{
	struct batch *batch = &writer->batches[writer->taken++ % writer->batch_count];
	uint64_t bytes = 0;
	batch->first = writer->next_record;
	batch->count = 0;
	batch->done = false;
	while (writer->next_record < writer->count && batch->count < BATCH_OBJECTS && bytes < BATCH_BYTES) {
		bytes += writer->records[writer->next_record++].object->bytes;
		batch->count++;
	}
	return batch;
}

/* Locked before and after, not meanwhile. */
static void work_on(struct writer *writer, struct pack_encoder *encoder, struct batch *batch)
{
	pthread_mutex_unlock(&writer->lock);
	int rc = encode_batch(writer, encoder, batch);
	pthread_mutex_lock(&writer->lock);
	batch->done = true;
	if (rc && !writer->rc) {
		writer->rc = rc;
		writer->result->bad = encoder->bad;
		writer->result->attacked = encoder->attacked;
	}
	pthread_cond_broadcast(&writer->moved);
}

static void *encode_batches(void *context)
{
	struct writer *writer = context;
	struct pack_encoder encoder;
	int rc = pack_encoder_init(&encoder, writer->options->check);
	pthread_mutex_lock(&writer->lock);
	if (rc && !writer->rc)
		writer->rc = rc;
	while (!writer->rc && writer->next_record < writer->count)
		if (may_take(writer))
			work_on(writer, &encoder, take(writer));
		else
			pthread_cond_wait(&writer->moved, &writer->lock);
	pthread_cond_broadcast(&writer->moved);
	pthread_mutex_unlock(&writer->lock);
	pack_encoder_release(&encoder);
	return NULL;
}

/* ---- the one that called ---- */

/* Locked. */
static void write_oldest(struct writer *writer, const struct batch *batch)
{
	pthread_mutex_unlock(&writer->lock);
	int rc = put_batch(writer, batch);
	pthread_mutex_lock(&writer->lock);
	writer->written++;
	if (rc && !writer->rc)
		writer->rc = rc;
	pthread_cond_broadcast(&writer->moved);
}

static int write_batches(struct writer *writer)
{
	struct pack_encoder encoder;
	int rc = pack_encoder_init(&encoder, writer->options->check);
	pthread_mutex_lock(&writer->lock);
	if (rc && !writer->rc)
		writer->rc = rc;
	while (!writer->rc && (writer->written < writer->taken || writer->next_record < writer->count)) {
		struct batch *oldest = &writer->batches[writer->written % writer->batch_count];
		if (writer->written < writer->taken && oldest->done)
			write_oldest(writer, oldest);
		else if (may_take(writer))
			work_on(writer, &encoder, take(writer));
		else
			pthread_cond_wait(&writer->moved, &writer->lock);
	}
	rc = writer->rc;
	pthread_cond_broadcast(&writer->moved);
	pthread_mutex_unlock(&writer->lock);
	pack_encoder_release(&encoder);
	return rc;
}

static unsigned threads_for(const struct packfile_options *options, size_t count)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = options->threads ? options->threads : processors < 1 ? 1 : (unsigned)processors;
	if (count <= ALONE_MAX)
		return 1;
	return threads < THREADS_MAX ? threads : THREADS_MAX;
}

/* A thread that cannot be started is done without. */
static int write_by_threads(struct writer *writer, unsigned threads)
{
	pthread_t others[THREADS_MAX];
	unsigned started = 0;
	while (started + 1 < threads && !pthread_create(&others[started], NULL, encode_batches, writer))
		started++;
	int rc = write_batches(writer);
	while (started)
		pthread_join(others[--started], NULL);
	return rc;
}

static int write_entries(struct writer *writer)
{
	unsigned threads = threads_for(writer->options, writer->count);
	writer->batch_count = (size_t)threads * AHEAD;
	writer->batches = calloc(writer->batch_count, sizeof(*writer->batches));
	if (!writer->batches)
		return ERR_MEMORY;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->moved, NULL);
	int rc = write_by_threads(writer, threads);
	pthread_cond_destroy(&writer->moved);
	pthread_mutex_destroy(&writer->lock);
	for (size_t i = 0; i < writer->batch_count; i++)
		buffer_release(&writer->batches[i].bodies);
	free(writer->batches);
	return rc;
}

int packfile_write(const struct reach_record *records, size_t count, const struct packfile_options *options,
		   const struct packfile_sink *sink, struct packfile_result *out_result)
{
	struct writer writer = {.records = records, .count = count, .options = options, .sink = sink, .result = out_result};
	*out_result = (struct packfile_result){0};
	if (count > UINT32_MAX)
		return ERR_LIMIT;
	out_result->places = malloc((count + 1) * sizeof(*out_result->places));
	int rc = out_result->places ? put_head(&writer) : ERR_MEMORY;
	if (!rc)
		rc = write_entries(&writer);
	if (!rc)
		rc = put_sum(&writer);
	buffer_release(&writer.out);
	if (rc) {
		free(out_result->places);
		out_result->places = NULL;
	}
	return rc;
}

int packfile_check(const struct reach_record *records, size_t count, struct packfile_result *out_result)
{
	struct pack_encoder encoder;
	*out_result = (struct packfile_result){0};
	int rc = pack_encoder_init(&encoder, true);
	for (size_t i = 0; i < count && !rc; i++)
		rc = pack_check(&encoder, records[i].object);
	out_result->bad = encoder.bad;
	out_result->attacked = encoder.attacked;
	pack_encoder_release(&encoder);
	return rc;
}
