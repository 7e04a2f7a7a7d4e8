/* SPDX-License-Identifier: MIT
 *
 * Known secrets are found in every form, masked whole and nothing else with them, over every seam: `vault_test [BOUNDARIES]`, a million by
 * default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <poll.h>
#include <sodium.h>

#include "actors/child_log.h"
#include "actors/mask.h"
#include "actors/search.h"
#include "protocol/codec.h"
#include "tests/actors/scratch.h"

static char *root;
static struct state_folder folder;
static struct vault *vault;
static uint64_t boundaries_wanted = 1000000;

/* ---- chance ---- */

static uint64_t random_state = 42;

static uint32_t draw(uint32_t limit)
{
	random_state += 0x9e3779b97f4a7c15u; /* splitmix64 */
	uint64_t x = random_state;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((x ^ (x >> 31)) % limit);
}

/* ---- the vault ---- */

static int setup(void **state)
{
	char sentence[SENTENCE_BYTES];

	(void)state;
	root = scratch_make();
	assert_non_null(root);
	chmod(root, 0700);
	assert_int_equal(state_open(root, &folder, sentence), 0);
	assert_int_equal(vault_new(&folder, &vault), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vault_free(vault);
	scratch_remove(root);
	return 0;
}

static void know(const char *name, const void *value, size_t bytes)
{
	char sentence[SENTENCE_BYTES] = "";

	if (secret_add(&folder, name, value, bytes, sentence))
		fail_msg("%s", sentence);
}

static void forget(const char *name)
{
	char sentence[SENTENCE_BYTES];

	assert_int_equal(secret_remove(&folder, name, sentence), 0);
}

/* ---- searching ---- */

struct finds {
	uint64_t sum;
	size_t count;
};

static bool add_find(void *context, size_t at, const struct needle *needle)
{
	struct finds *finds = context;

	finds->sum += at * 31 + needle->owner;
	finds->count++;
	return true;
}

static struct finds search_slowly(const struct needle *needles, size_t count, const uint8_t *text, size_t bytes)
{
	struct finds finds = {0};

	for (size_t at = 0; at < bytes; at++)
		for (size_t i = 0; i < count; i++)
			if (needles[i].bytes <= bytes - at && memcmp(text + at, needles[i].at, needles[i].bytes) == 0)
				add_find(&finds, at, &needles[i]);
	return finds;
}

static void test_many_strings_are_found_as_by_looking_everywhere(void **state)
{
	uint8_t text[600], store[16][24];
	struct needle needles[16];
	uint64_t found = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		uint32_t letters = 2 + draw(3); /* few, so that strings begin alike and overlap */
		size_t count = 1 + draw(16), bytes = draw(sizeof(text));
		struct search *search;
		struct finds finds = {0}, slow;

		for (size_t i = 0; i < bytes; i++)
			text[i] = (uint8_t)('a' + draw(letters));
		for (uint32_t i = 0; i < count; i++) {
			needles[i] = (struct needle){.at = store[i], .bytes = 8 + draw(9), .owner = i};
			for (uint32_t k = 0; k < needles[i].bytes; k++)
				store[i][k] = (uint8_t)('a' + draw(letters));
		}
		assert_int_equal(search_new(needles, count, &search), 0);
		search_text(search, text, bytes, add_find, &finds);
		slow = search_slowly(needles, count, text, bytes);
		assert_int_equal(finds.count, slow.count);
		assert_int_equal(finds.sum, slow.sum);
		found += finds.count;
		search_free(search);
	}
	assert_true(found > 1000);
}

/* ---- forms ---- */

/* A text that holds a value in some form, and which bytes of it say something about the value. */
struct carrier {
	char text[4096];
	size_t bytes;
	size_t from, to;    /* these must be gone */
	size_t least, most; /* and none outside these be touched */
};

static void carry_raw(const uint8_t *value, size_t bytes, struct carrier *out)
{
	out->from = out->least = draw(20);
	memset(out->text, 'x', out->from);
	memcpy(out->text + out->from, value, bytes);
	out->to = out->most = out->from + bytes;
	out->bytes = out->to + draw(20);
	memset(out->text + out->to, 'y', out->bytes - out->to);
}

static void carry_base64(const uint8_t *value, size_t bytes, int variant, struct carrier *out)
{
	uint8_t all[1024];
	size_t before = draw(7), behind = draw(7);

	memset(all, 'b', sizeof(all));
	memcpy(all + before, value, bytes);
	sodium_bin2base64(out->text, sizeof(out->text), all, before + bytes + behind, variant);
	out->bytes = strlen(out->text);
	out->from = (before * 8 + 5) / 6;
	out->to = (before + bytes) * 8 / 6;
	out->least = before * 8 / 6;
	out->most = ((before + bytes) * 8 + 5) / 6;
}

static void carry_hex(const uint8_t *value, size_t bytes, bool upper, struct carrier *out)
{
	size_t before = draw(9);

	memset(out->text, 'h', before);
	sodium_bin2hex(out->text + before, sizeof(out->text) - before, value, bytes);
	for (size_t i = before; upper && out->text[i]; i++)
		out->text[i] = (char)(out->text[i] >= 'a' ? out->text[i] - 32 : out->text[i]);
	out->from = out->least = before;
	out->to = out->most = out->bytes = strlen(out->text);
}

/* Each byte as it is or escaped, by chance. */
static void carry_percent(const uint8_t *value, size_t bytes, struct carrier *out)
{
	size_t used = draw(9);

	memset(out->text, 'p', used);
	out->from = out->least = used;
	for (size_t i = 0; i < bytes; i++)
		if (value[i] == '%' || draw(2))
			used += (size_t)sprintf(out->text + used, draw(2) ? "%%%02x" : "%%%02X", value[i]);
		else
			out->text[used++] = (char)value[i];
	out->to = out->most = out->bytes = used;
}

/* A JSON string, one level or two. */
static void carry_json(const char *value, unsigned levels, struct carrier *out)
{
	char *text = strdup(value);

	for (unsigned i = 0; i < levels; i++) {
		json_t *json = json_string(text);
		size_t flags = JSON_ENCODE_ANY | (draw(2) ? JSON_ENSURE_ASCII : 0) | (draw(2) ? JSON_ESCAPE_SLASH : 0);
		char *dumped = json_dumps(json, flags);

		dumped[strlen(dumped) - 1] = 0;
		free(text);
		text = strdup(dumped + 1);
		free(dumped);
		json_decref(json);
	}
	out->from = out->least = 3;
	out->bytes = (size_t)sprintf(out->text, "abc%sdef", text);
	out->to = out->most = out->bytes - 3;
	free(text);
}

static void assert_masked(struct carrier *carrier, const char *form)
{
	char before[sizeof(carrier->text)];

	memcpy(before, carrier->text, carrier->bytes);
	if (!vault_holds(vault, carrier->text, carrier->bytes))
		fail_msg("%s: not found in %.*s", form, (int)carrier->bytes, before);
	assert_int_equal(vault_mask(vault, carrier->text, carrier->bytes), 1);
	for (size_t i = carrier->from; i < carrier->to; i++)
		if (carrier->text[i] != '*')
			fail_msg("%s: byte %zu of %.*s is left", form, i, (int)carrier->bytes, before);
	for (size_t i = 0; i < carrier->bytes; i++)
		if ((i < carrier->least || i >= carrier->most) && carrier->text[i] != before[i])
			fail_msg("%s: byte %zu of %.*s was touched", form, i, (int)carrier->bytes, before);
	assert_null(vault_holds(vault, carrier->text, carrier->bytes));
}

/* A value of printable characters, among them those that JSON and URLs escape. */
static size_t draw_text(char *out)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+&= %\"<>\\-_";
	size_t bytes = 8 + draw(40);

	for (size_t i = 0; i < bytes; i++)
		out[i] = i < 4 || i + 1 == bytes ? (char)('A' + draw(26)) : letters[draw(sizeof(letters) - 1)];
	out[bytes] = 0;
	return bytes;
}

static void try_forms(const char *value, size_t bytes)
{
	static const int variants[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_URLSAFE,
				       sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
	static struct carrier carrier;
	const uint8_t *at = (const uint8_t *)value;

	carry_raw(at, bytes, &carrier);
	assert_masked(&carrier, "as it is");
	for (int i = 0; i < 12; i++) {
		carry_base64(at, bytes, variants[i % 4], &carrier);
		assert_masked(&carrier, "base64");
	}
	carry_hex(at, bytes, false, &carrier);
	assert_masked(&carrier, "hex");
	carry_hex(at, bytes, true, &carrier);
	assert_masked(&carrier, "HEX");
	carry_percent(at, bytes, &carrier);
	assert_masked(&carrier, "percent");
	for (unsigned levels = 1; levels <= 3; levels++) {
		carry_json(value, levels, &carrier);
		assert_masked(&carrier, "JSON");
	}
}

static void test_a_value_is_masked_in_every_form_and_nothing_else_is(void **state)
{
	char value[64];

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t bytes = draw_text(value);

		know("one", value, bytes);
		vault_refresh(vault);
		assert_int_equal(vault_count(vault), 1);
		try_forms(value, bytes);
		forget("one");
	}
	vault_refresh(vault);
	assert_int_equal(vault_count(vault), 0);
}

static void test_what_is_binary_is_found_too(void **state)
{
	static struct carrier carrier;
	uint8_t value[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		randombytes_buf(value, sizeof(value));
		value[0] = 0xff; /* begins no character, so that nothing is widened */
		value[31] = 'z';
		know("binary", value, sizeof(value));
		vault_refresh(vault);
		carry_base64(value, sizeof(value), sodium_base64_VARIANT_ORIGINAL, &carrier);
		assert_masked(&carrier, "base64");
		carry_hex(value, sizeof(value), draw(2), &carrier);
		assert_masked(&carrier, "hex");
		carry_percent(value, sizeof(value), &carrier);
		assert_masked(&carrier, "percent");
		forget("binary");
	}
	vault_refresh(vault);
}

static void test_characters_and_escapes_are_covered_whole(void **state)
{
	char text[] = "\"k\":\"\\nsecret-value! \xc3\xa4secret-two\xc3\xa9\"";

	(void)state;
	know("begins-with-a-letter-of-an-escape", "nsecret-value!", 14);
	know("half-a-character", "\xa4secret-two\xc3", 12);
	vault_refresh(vault);
	assert_int_equal(vault_mask(vault, text, sizeof(text) - 1), 2);
	assert_string_equal(text, "\"k\":\"*************** **************\"");
	forget("begins-with-a-letter-of-an-escape");
	forget("half-a-character");
	vault_refresh(vault);
}

static void test_a_value_of_lines_is_known_by_its_lines_too(void **state)
{
	char text[] = "log: second line of it, and more";

	(void)state;
	know("lines", "first line of it\nsecond line of it\r\nshort\n", 41);
	vault_refresh(vault);
	assert_int_equal(vault_mask(vault, text, sizeof(text) - 1), 1);
	assert_string_equal(text, "log: *****************, and more");
	assert_null(vault_holds(vault, "nothing but short", 17));
	forget("lines");
	vault_refresh(vault);
}

/* ---- messages ---- */

static int mask(struct message *message, struct buffer *bytes, const char **out_kind)
{
	struct parts parts;
	int rc;

	bytes->bytes = 0;
	assert_int_equal(message_encode(message, bytes), 0);
	assert_int_equal(validate_message(bytes->at, bytes->bytes, &parts), 0);
	assert_int_equal(message_decode(&parts, message), 0);
	rc = mask_message(vault, &parts, message, out_kind);
	if (rc)
		return rc;
	assert_int_equal(validate_message(bytes->at, bytes->bytes, &parts), 0); /* it is one as before */
	assert_int_equal(message_decode_payload(message), 0);
	return 0;
}

static struct text text(const char *at)
{
	return (struct text){at, (uint32_t)strlen(at)};
}

static void assert_text(struct text is, const char *wanted)
{
	assert_int_equal(is.bytes, strlen(wanted));
	assert_memory_equal(is.at, wanted, is.bytes);
}

static void test_a_payload_is_masked_and_the_message_says_in_how_many_places(void **state)
{
	struct message message = {.type = MESSAGE_TASK_COMPLETION, .header.masked = 9};
	struct buffer bytes = {0};
	const char *kind;

	(void)state;
	know("token", "tok-12345678", 12);
	know("digits", "8765432187", 10);
	vault_refresh(vault);
	message.task_completion.summary = text("found tok-12345678 and tok-12345678");
	message.task_completion.result = text("{\"a\": \"\\u0074ok-12345678\", \"n\": 1}");
	message.task_completion.artefacts = text("[{\"bytes\": 8765432187}]");
	assert_int_equal(mask(&message, &bytes, &kind), 0);
	assert_int_equal(message.header.masked, 4);
	assert_text(message.task_completion.summary, "found ************ and ************");
	assert_text(message.task_completion.result, "{\"a\": \"*****************\", \"n\": 1}");
	/* A number cannot be masked and stay one: the member is emptied. */
	assert_text(message.task_completion.artefacts, "[                     ]");
	message = (struct message){.type = MESSAGE_TASK_COMPLETION, .header.masked = 9};
	message.task_completion.summary = text("nothing");
	assert_int_equal(mask(&message, &bytes, &kind), 0);
	assert_int_equal(message.header.masked, 0); /* whatever the sender says */
	buffer_release(&bytes);
}

static void test_what_cannot_be_masked_is_refused(void **state)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	struct buffer bytes = {0};
	const char *kind;

	(void)state;
	message.task_request.task_type = text("x-tok-12345678");
	assert_int_equal(mask(&message, &bytes, &kind), ERR_SECRET);
	assert_string_equal(kind, "the secret token");
	message.task_request = (struct task_request){.idempotency_key = text("tok-12345678")};
	message.payload = (struct bytes){0};
	assert_int_equal(mask(&message, &bytes, &kind), ERR_SECRET);
	message = (struct message){.type = MESSAGE_TASK_STARTED};
	snprintf(message.header.traceparent, sizeof(message.header.traceparent), "00-tok-12345678-01");
	assert_int_equal(mask(&message, &bytes, &kind), ERR_SECRET);
	message = (struct message){.type = MESSAGE_TASK_STARTED};
	snprintf(message.header.sender, sizeof(message.header.sender), "746f6b2d3132333435363738"); /* in hexadecimal */
	assert_int_equal(mask(&message, &bytes, &kind), ERR_SECRET);
	message = (struct message){.type = MESSAGE_TASK_STARTED};
	memcpy(message.header.task_id.bytes, "..tok-12345678..", 16);
	assert_int_equal(mask(&message, &bytes, &kind), ERR_SECRET);
	forget("token");
	forget("digits");
	vault_refresh(vault);
	buffer_release(&bytes);
}

/* ---- names, values, changes ---- */

static void test_names_and_values_that_cannot_be_are_refused(void **state)
{
	static const char long_value[SECRET_BYTES_MAX + 1] = "x";
	char sentence[SENTENCE_BYTES];

	(void)state;
	assert_int_equal(secret_add(&folder, "../peers/x", "12345678", 8, sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, "", "12345678", 8, sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, ".hidden", "12345678", 8, sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, "short", "1234567", 7, sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, "long", long_value, sizeof(long_value), sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, "same", "********", 8, sentence), ERR_CONFIG);
	assert_int_equal(secret_add(&folder, "good", "12345678", 8, sentence), 0);
	assert_int_equal(secret_add(&folder, "good", "abcdefgh", 8, sentence), ERR_CONFLICT);
	assert_int_equal(secret_remove(&folder, "none", sentence), ERR_NOT_FOUND);
	forget("good");
	vault_refresh(vault);
}

static void test_keys_are_known_without_being_added(void **state)
{
	static const char certificate[] = "metadata\n    name = \"beta/1\"\ncurve\n"
					  "    public-key = \"C3k%m)i%O8i3zHnkU>cH}uF:[gVc6R=K11[qCW3?\"\n"
					  "    secret-key = \"IWyIHO&z0ORkVwS8]55A>Sgtm>+3-B-ClVk8qW*/\"\n";
	struct pollfd changed = {.fd = vault_fd(vault), .events = POLLIN};
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/keys/beta@1.key", root);
	assert_int_equal(file_replace(path, certificate, sizeof(certificate) - 1, 0600), 0);
	snprintf(path, sizeof(path), "%s/keys/intake.secret", root);
	assert_int_equal(file_replace(path, "0123456789abcdefghijklmnopqrstuv", 32, 0600), 0);
	assert_int_equal(poll(&changed, 1, 10000), 1);
	vault_refresh(vault);
	assert_string_equal(vault_holds(vault, "IWyIHO&z0ORkVwS8]55A>Sgtm>+3-B-ClVk8qW*/", 40), "the key of beta/1");
	assert_null(vault_holds(vault, "C3k%m)i%O8i3zHnkU>cH}uF:[gVc6R=K11[qCW3?", 40)); /* public */
	assert_string_equal(vault_holds(vault, "x0123456789abcdefghijklmnopqrstuv", 33), "intake.secret");
	assert_int_equal(vault_count(vault), 3); /* the key as text and as bytes */
	unlink(path);
	snprintf(path, sizeof(path), "%s/keys/beta@1.key", root);
	unlink(path);
	vault_refresh(vault);
	assert_int_equal(vault_count(vault), 0);
}

/* ---- logs ---- */

static void test_a_log_is_masked_however_it_arrives(void **state)
{
	static const char said[] = "begin tok-12345678 end\npassword=tok-12345678\nlast tok-12345678";
	char path[128], content[512];
	size_t bytes;

	(void)state;
	know("token", "tok-12345678", 12);
	vault_refresh(vault);
	for (size_t step = 1; step < sizeof(said); step++) {
		struct child_log log;

		child_log_open(&log, &folder, "child", 1 << 20, vault);
		for (size_t at = 0; at < sizeof(said) - 1; at += step)
			child_log_write(&log, said + at, at + step < sizeof(said) ? step : sizeof(said) - 1 - at);
		child_log_settle(&log);
		assert_string_equal(log.last_line, "password=************");
		child_log_close(&log);
		snprintf(path, sizeof(path), "%s/log/child.log", root);
		assert_int_equal(file_read(path, content, sizeof(content), &bytes), 0);
		assert_string_equal(content, "begin ************ end\npassword=************\nlast ************");
		unlink(path);
	}
	forget("token");
	vault_refresh(vault);
}

static void write_big(const char *big, size_t bytes)
{
	struct child_log log;

	child_log_open(&log, &folder, "long", 1 << 20, vault);
	for (size_t at = 0, step; at < bytes; at += step) {
		step = 1 + draw(5000);
		step = step > bytes - at ? bytes - at : step;
		child_log_write(&log, big + at, step);
		assert_true(log.held_bytes < 100000);
	}
	child_log_close(&log);
}

static void test_a_line_without_end_is_masked_over_its_seams(void **state)
{
	static char big[200000], content[200001];
	char path[128];
	size_t bytes;

	(void)state;
	know("token", "tok-12345678", 12);
	vault_refresh(vault);
	memset(big, '.', sizeof(big));
	for (size_t at = 100; at + 12 < sizeof(big); at += 40)
		memcpy(big + at, "tok-12345678", 12);
	snprintf(path, sizeof(path), "%s/log/long.log", root);
	for (int i = 0; i < 10; i++) {
		write_big(big, sizeof(big));
		assert_int_equal(file_read(path, content, sizeof(content), &bytes), 0);
		assert_int_equal(bytes, sizeof(big));
		assert_null(memmem(content, bytes, "tok-", 4));
		assert_null(memmem(content, bytes, "5678", 4));
		assert_non_null(memmem(content, bytes, "************....", 16));
		unlink(path);
	}
	forget("token");
	vault_refresh(vault);
}

/* ---- seams ---- */

static const char *take_in_pieces(const char *at, size_t bytes, uint64_t *boundaries)
{
	struct vault_stream stream = {0};
	const char *kind = NULL, *found = NULL;

	for (size_t done = 0, step; done < bytes; done += step) {
		step = 1 + draw(draw(4) ? 8 : 60);
		step = step > bytes - done ? bytes - done : step;
		assert_true(vault_stream_take(vault, &stream, at + done, step, &kind));
		found = kind ? kind : found;
		*boundaries += done != 0;
	}
	vault_stream_release(&stream);
	return found;
}

static void make_carrier(const char *value, size_t bytes, struct carrier *out)
{
	const uint8_t *at = (const uint8_t *)value;

	switch (draw(6)) {
	case 0:
		carry_raw(at, bytes, out);
		break;
	case 1:
		carry_base64(at, bytes, draw(2) ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_URLSAFE, out);
		break;
	case 2:
		carry_hex(at, bytes, draw(2), out);
		break;
	case 3:
		carry_percent(at, bytes, out);
		break;
	default:
		carry_json(value, 1 + draw(2), out);
		break;
	}
}

static void test_a_value_is_found_over_every_seam(void **state)
{
	static struct carrier carrier;
	uint64_t boundaries = 0, rounds = 0;
	char value[64] = "";
	size_t bytes = 0;

	(void)state;
	for (; boundaries < boundaries_wanted; rounds++) {
		if (rounds % 500 == 0) {
			if (*value)
				forget("seam");
			bytes = draw_text(value);
			know("seam", value, bytes);
			vault_refresh(vault);
		}
		make_carrier(value, bytes, &carrier);
		if (!take_in_pieces(carrier.text, carrier.bytes, &boundaries))
			fail_msg("not found in pieces of %.*s", (int)carrier.bytes, carrier.text);
		/* One byte less of it, and it is not there. */
		size_t at = carrier.from + draw((uint32_t)(carrier.to - carrier.from));
		carrier.text[at] = '\n';
		if (take_in_pieces(carrier.text, carrier.bytes, &boundaries))
			fail_msg("found although it is not there: %.*s", (int)carrier.bytes, carrier.text);
	}
	forget("seam");
	vault_refresh(vault);
	printf("%llu boundaries in %llu texts with a secret and as many without\n", (unsigned long long)boundaries,
	       (unsigned long long)rounds);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_strings_are_found_as_by_looking_everywhere),
		cmocka_unit_test(test_a_value_is_masked_in_every_form_and_nothing_else_is),
		cmocka_unit_test(test_what_is_binary_is_found_too),
		cmocka_unit_test(test_characters_and_escapes_are_covered_whole),
		cmocka_unit_test(test_a_value_of_lines_is_known_by_its_lines_too),
		cmocka_unit_test(test_a_payload_is_masked_and_the_message_says_in_how_many_places),
		cmocka_unit_test(test_what_cannot_be_masked_is_refused),
		cmocka_unit_test(test_names_and_values_that_cannot_be_are_refused),
		cmocka_unit_test(test_keys_are_known_without_being_added),
		cmocka_unit_test(test_a_log_is_masked_however_it_arrives),
		cmocka_unit_test(test_a_line_without_end_is_masked_over_its_seams),
		cmocka_unit_test(test_a_value_is_found_over_every_seam),
	};

	if (argc > 1)
		boundaries_wanted = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, setup, teardown);
}
