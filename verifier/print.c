/* SPDX-License-Identifier: MIT
 *
 * A verdict for people, and the same for programs. What came from a file is printed without control characters: a terminal would obey them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "verifier/inner.h"

/* ---- words ---- */

/* A count with commas. */
static const char *grouped(uint64_t value, char room[32])
{
	char digits[24];
	size_t count = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value), bytes = 0;

	for (size_t i = 0; i < count; i++) {
		if (i && (count - i) % 3 == 0)
			room[bytes++] = ',';
		room[bytes++] = digits[i];
	}
	room[bytes] = 0;
	return room;
}

static const char *moment(uint64_t wall_ms, char room[40])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (wall_ms / 1000 > 253402300799u || !gmtime_r(&seconds, &tm) || !strftime(room, 40, "%Y-%m-%d %H:%M:%SZ", &tm))
		snprintf(room, 40, "%" PRIu64 " ms", wall_ms);
	return room;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* Bytes that a terminal would not obey, and that are UTF-8 as far as we can tell. */
static void put_safe(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void put_safe_span(struct span span)
{
	for (size_t i = 0; i < span.bytes; i++)
		putchar(span.at[i] < 0x20 || span.at[i] >= 0x7f ? '.' : span.at[i]);
}

/* ---- what is not proved ---- */

/* Appends a sentence if it applies; `*index` counts down to the one that is asked for. */
static bool is_it(bool applies, size_t *index)
{
	return applies && !(*index)--;
}

const char *verdict_unproved(const struct verdict *verdict, const struct verify_options *options, size_t index, char room[320])
{
	bool whole = verdict->kind != KIND_RECEIPT && !verdict->part;
	bool old = verdict->kind == KIND_TRAIL && verdict->format == 1;
	uint64_t unsealed = verdict->last_seq > verdict->sealed_size ? verdict->last_seq - verdict->sealed_size : 0;
	char count[32];

	if (is_it(!options->keys && !old, &index))
		return "Who signed it: no key was given, so any other set of records with its own checkpoints would pass as "
		       "well.";
	if (is_it(old, &index))
		return "Who wrote it: a trail of format 1 has no checkpoints. Whoever can write the file can write all of it "
		       "anew. bunshin seals it when "
		       "it next starts.";
	if (is_it(whole && !old && unsealed > 0, &index)) {
		snprintf(room, 320,
			 "The last %s record%s: no checkpoint covers %s yet, and whoever can write the file can still change %s.",
			 grouped(unsealed, count), plural(unsealed), unsealed == 1 ? "it" : "them",
			 unsealed == 1 ? "it" : "them");
		return room;
	}
	if (is_it(options->from_seq && verdict->kind == KIND_TRAIL, &index)) {
		snprintf(room, 320, "Records 1 to %s: they were taken on trust, as --from says.",
			 grouped(options->from_seq, count));
		return room;
	}
	if (is_it(whole && !old && !verdict->outside, &index))
		return "That nothing was cut off: a trail that ends at an earlier checkpoint looks like this one. A mirror or a "
		       "receipt from outside "
		       "(--mirror) shows it.";
	if (is_it(verdict->kind == KIND_RECEIPT && options->keys && verdict->receipt && !verdict->receipt->seal_known, &index))
		return "The seal: its key is announced by the checkpoint before, which a receipt does not hold. The log's own "
		       "signature is good.";
	if (is_it(verdict->kind == KIND_RECEIPT || verdict->part, &index))
		return "What else was recorded: nothing is said about records that are not shown.";
	if (is_it(verdict->kind == KIND_EXPORT || verdict->kind == KIND_PAGE, &index))
		return "The reading aids: the member \"message\" of each record, and everything that a page shows, are a "
		       "translation of the proved bytes "
		       "(header, facts, payload), and were not compared with them.";
	if (is_it(verdict->kind == KIND_TRAIL && !options->pages, &index))
		return "The indexes of the database: looking something up could miss it. --pages checks them too.";
	if (is_it(true, &index))
		return "That what was recorded was true: a lie told when it was recorded is kept like everything else.";
	if (is_it(true, &index))
		return "That nothing was destroyed or withheld together with every copy of it.";
	return NULL;
}

/* ---- for people ---- */

static void print_records(const struct verdict *verdict)
{
	char a[40], b[40], count[32];

	printf("  records      %s", grouped(verdict->records, count));
	if (verdict->records)
		printf(", %" PRIu64 " to %" PRIu64 ", from %s to %s", verdict->first_seq, verdict->last_seq,
		       moment(verdict->first_ms, a), moment(verdict->last_ms, b));
	putchar('\n');
	printf("  payloads     %s opened", grouped(verdict->payloads, count));
	if (verdict->erased)
		printf(", %s erased on record", grouped(verdict->erased, count));
	if (verdict->left_out)
		printf(", %s left out or erased", grouped(verdict->left_out, count));
	putchar('\n');
}

static void print_seals(const struct verdict *verdict, const struct verify_options *options)
{
	char a[40], count[32], other[32];

	if (verdict->kind == KIND_TRAIL && verdict->format == 1)
		return;
	if (!verdict->sealed_size) {
		printf("  sealed       nothing yet\n");
		return;
	}
	printf("  sealed       %s record%s by %s checkpoint%s, the last at %s%s\n", grouped(verdict->sealed_size, count),
	       plural(verdict->sealed_size), grouped(verdict->checkpoints, other), plural(verdict->checkpoints),
	       moment(verdict->sealed_ms, a), options->keys ? "" : " (signatures not checked)");
	if (verdict->outside)
		printf("  outside      %s checkpoint%s kept outside %s those of the trail\n", grouped(verdict->outside, count),
		       plural(verdict->outside), verdict->outside == 1 ? "is one of" : "are");
}

static void print_hole(const struct hole *hole)
{
	printf("    ");
	if (hole->first > hole->last) {
		printf("a message of ");
		put_safe(hole->peer);
		printf(" with the number %" PRIu64 " came again or too late, as record %" PRIu64 "\n", hole->first - 1,
		       hole->before);
		return;
	}
	printf("%s ", hole->sent ? "what Omega said to" : "messages of");
	put_safe(hole->peer);
	if (hole->first == hole->last)
		printf(", number %" PRIu64, hole->first);
	else
		printf(", numbers %" PRIu64 " to %" PRIu64, hole->first, hole->last);
	printf(", before record %" PRIu64 "\n", hole->before);
}

static void print_sequences(const struct verdict *verdict)
{
	char count[32], other[32];

	if (verdict->kind == KIND_RECEIPT || verdict->part)
		return;
	printf("  sequences    ");
	if (verdict->hole_count)
		printf("%s message%s MISSING", grouped(verdict->hole_count, count), plural(verdict->hole_count));
	else
		printf("complete");
	if (verdict->counted)
		printf("; %s counted instead of recorded, and that is on record", grouped(verdict->counted, count));
	if (verdict->uncounted)
		printf("; %s not recorded shortly before Omega or the trail ended, when counts are not written yet",
		       grouped(verdict->uncounted, other));
	putchar('\n');
	for (size_t i = 0; i < verdict->holes_kept; i++)
		print_hole(&verdict->hole[i]);
}

static void print_head(const struct verdict *verdict)
{
	char hex[2 * SUM_BYTES + 1];

	hex_write(verdict->kind == KIND_RECEIPT || verdict->part ? verdict->sealed_root : verdict->head, SUM_BYTES, hex);
	if (verdict->kind == KIND_RECEIPT || verdict->part)
		printf("  root         %s, of %" PRIu64 " records\n", hex, verdict->sealed_size);
	else
		printf("  head         %s, of record %" PRIu64 "\n", hex, verdict->last_seq);
}

static void print_finding(const struct verdict *verdict)
{
	const struct finding *finding = &verdict->finding;

	if (finding->first && finding->first == finding->last && !finding->checkpoint)
		printf("  record %" PRIu64 ": ", finding->first);
	else
		printf("  ");
	put_safe(finding->sentence);
	putchar('\n');
	if (finding->first > 1)
		printf("  Records before %" PRIu64 " fit together%s.\n", finding->first,
		       verdict->sealed_size >= finding->first - 1 ? ", and are what was sealed" : "");
}

static void print_shown(const struct verdict *verdict)
{
	static const char *const directions[] = {"?", "received from", "sent to", "Omega's own"};
	const struct row *row = &verdict->receipt->row;
	char text[40], hex[2 * SUM_BYTES + 1];

	printf("  It shows:\n    record       %" PRIu64 ", at %s\n    message      %s, %s ", row->seq, moment(row->wall_ms, text),
	       code_name(row->type), directions[row->direction <= 3 ? row->direction : 0]);
	put_safe_span(row->peer);
	printf("\n    verdict      %s\n", row->verdict ? "refused" : "taken");
	if (row->task_id.bytes) {
		hex_write(row->task_id.at, row->task_id.bytes, hex);
		printf("    task         %.8s-%.4s-%.4s-%.4s-%.12s\n", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	}
	if (row->end_state)
		printf("    ended as     state %" PRIu64 "\n", row->end_state);
	printf("    facts        ");
	put_safe_span(row->facts);
	printf("\n");
	if (verdict->receipt->opened) {
		printf("    payload      ");
		put_safe_span(verdict->receipt->body);
		printf("\n");
	}
}

static void print_unproved(const struct verdict *verdict, const struct verify_options *options)
{
	char room[320];
	const char *sentence;

	printf("Not proved:\n");
	for (size_t i = 0; (sentence = verdict_unproved(verdict, options, i, room)); i++)
		printf("  - %s\n", sentence);
}

void verdict_print(const struct verdict *verdict, const char *path, const struct verify_options *options)
{
	put_safe(path);
	switch (verdict->code) {
	case VERDICT_VERIFIED:
		printf(": verified%s\n", options->keys ? "" : ", but not whose it is");
		break;
	case VERDICT_HOLES:
		printf(": what is there is genuine, but messages are MISSING\n");
		break;
	case VERDICT_WRONG:
		printf(": NOT what was sealed\n");
		print_finding(verdict);
		break;
	default:
		printf(": cannot be verified\n  ");
		put_safe(verdict->why);
		putchar('\n');
		break;
	}
	for (size_t i = 0; i < verdict->note_count; i++) {
		printf("  Note: ");
		put_safe(verdict->note[i]);
		putchar('\n');
	}
	if (verdict->code != VERDICT_VERIFIED && verdict->code != VERDICT_HOLES)
		return;
	print_records(verdict);
	print_seals(verdict, options);
	print_sequences(verdict);
	print_head(verdict);
	if (options->show && verdict->receipt)
		print_shown(verdict);
	print_unproved(verdict, options);
}

/* ---- for programs ---- */

static void json_text(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char letter = (unsigned char)*text;

		if (letter == '"' || letter == '\\')
			printf("\\%c", letter);
		else if (letter < 0x20 || letter == 0x7f)
			printf("\\u%04x", letter);
		else
			putchar(letter);
	}
	putchar('"');
}

static void json_member(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	json_text(text);
}

static void json_count(const char *name, uint64_t value)
{
	printf(",\"%s\":%" PRIu64, name, value);
}

static void json_hash(const char *name, const uint8_t hash[SUM_BYTES])
{
	char hex[2 * SUM_BYTES + 1];

	hex_write(hash, SUM_BYTES, hex);
	json_member(name, hex);
}

static void json_finding(const struct verdict *verdict)
{
	if (!verdict->found) {
		printf(",\"problem\":null");
		return;
	}
	printf(",\"problem\":{\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"checkpoint\":%" PRIu64 ",\"sentence\":",
	       verdict->finding.first, verdict->finding.last, verdict->finding.checkpoint);
	json_text(verdict->finding.sentence);
	printf("}");
}

static void json_holes(const struct verdict *verdict)
{
	printf(",\"sequences\":{\"missing\":%" PRIu64 ",\"counted\":%" PRIu64 ",\"not_counted_yet\":%" PRIu64 ",\"holes\":[",
	       verdict->hole_count, verdict->counted, verdict->uncounted);
	for (size_t i = 0; i < verdict->holes_kept; i++) {
		const struct hole *hole = &verdict->hole[i];

		printf("%s{\"peer\":", i ? "," : "");
		json_text(hole->peer);
		printf(",\"direction\":\"%s\",\"first\":%" PRIu64 ",\"last\":%" PRIu64 ",\"before\":%" PRIu64 "}",
		       hole->sent ? "sent" : "received", hole->first, hole->last, hole->before);
	}
	printf("]}");
}

static void json_lists(const struct verdict *verdict, const struct verify_options *options)
{
	char room[320];
	const char *sentence;

	printf(",\"notes\":[");
	for (size_t i = 0; i < verdict->note_count; i++) {
		printf("%s", i ? "," : "");
		json_text(verdict->note[i]);
	}
	printf("],\"not_proved\":[");
	for (size_t i = 0; (sentence = verdict_unproved(verdict, options, i, room)); i++) {
		printf("%s", i ? "," : "");
		json_text(sentence);
	}
	printf("]");
}

void verdict_print_json(const struct verdict *verdict, const char *path, const struct verify_options *options)
{
	static const char *const words[] = {"verified", "wrong", "usage", "unreadable", "holes"};

	printf("{\"file\":");
	json_text(path);
	json_member("kind", file_kind_name(verdict->kind));
	json_member("verdict", words[verdict->code]);
	if (verdict->code == VERDICT_UNREADABLE)
		json_member("why", verdict->why);
	json_finding(verdict);
	printf(",\"signatures\":%s,\"part\":%s", options->keys ? "true" : "false", verdict->part ? "true" : "false");
	json_count("format", verdict->format);
	json_count("records", verdict->records);
	json_count("first", verdict->first_seq);
	json_count("last", verdict->last_seq);
	json_hash("head", verdict->head);
	json_count("payloads", verdict->payloads);
	json_count("erased", verdict->erased);
	json_count("left_out", verdict->left_out);
	json_count("checkpoints", verdict->checkpoints);
	json_count("sealed", verdict->sealed_size);
	json_count("sealed_ms", verdict->sealed_ms);
	json_hash("root", verdict->sealed_root);
	json_count("outside", verdict->outside);
	json_holes(verdict);
	json_lists(verdict, options);
	printf("}\n");
}
