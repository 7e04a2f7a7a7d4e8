/* SPDX-License-Identifier: MIT
 *
 * The rules for credentials: each has a text in which it must find exactly the secret, and texts that only look like one.
 *
 * Samples are written in two parts that the compiler joins, so that this file itself holds nothing that looks like a credential.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/keywords.h"
#include "tools/placeholder.h"
#include "tools/secret.h"

/* clang-format off */
#define R10 "kQ7wZ2mX9p"
#define R20 R10 "bT4vN8sL1c"
#define R40 R20 "Hf6Jd3Gy5RaE0uWiOoPq"
#define HEX32 "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
#define KEY_BODY                                                           \
	"MIIEpAIBAAKCAQEA7bq9Zk1XvTqL0W8s3hJf5yR2cUoE6dNgPmKiAtSxVwBzHn4F\n" \
	"Qm3xT8vLr5jC1pYk9dWs7eZb2uGh6aNf4oXiRq0tKyEwJlDzMcUgSnHvBxPaOj5I\n"
#define HASH_BODY "$12$" R20 R20 "abcdefghijklm"

static const struct {
	const char *path, *text, *rule, *secret;
} positives[] = {
	{"a.py", "key = \"AK" "IAQ3EGRV4LVBT2NKXZ\"\n", "aws-access-key-id", "AK" "IAQ3EGRV4LVBT2NKXZ"},
	{"a.py", "aws_secret_access_key = \"" R40 "\"\n", "aws-secret-access-key", R40},
	{"a.md", "use gh" "p_" R40 "\n", "github-token", "gh" "p_" R40},
	{"a.md", "github" "_pat_" R20 "ab_" R40 R10 "abcdefghi\n", "github-fine-grained-token", "github" "_pat_" R20 "ab_" R40 R10 "abcdefghi"},
	{"a.md", "gl" "pat-" R20 " x", "gitlab-token", "gl" "pat-" R20},
	{"a.md", "xo" "xb-123456789012-" R20, "slack-token", "xo" "xb-123456789012-" R20},
	{"a.md", "https://hooks.sl" "ack.com/services/T12345678/B12345678/" R20 "abcd", "slack-webhook", "T12345678/B12345678/" R20 "abcd"},
	{"a.rb", "Stripe.key = 'sk_" "live_" R20 "'", "stripe-key", "sk_" "live_" R20},
	{"a.js", "\"AI" "za" R20 R10 "abXYe\"", "google-api-key", "AI" "za" R20 R10 "abXYe"},
	{"a.js", "GOC" "SPX-" R20 "abcdefgh", "google-oauth-secret", "GOC" "SPX-" R20 "abcdefgh"},
	{"a.txt", "np" "m_" R20 R10 "abcdef", "npm-token", "np" "m_" R20 R10 "abcdef"},
	{"a.txt", "pyp" "i-AgE" R40 R20, "pypi-token", "pyp" "i-AgE" R40 R20},
	{"a.txt", "s" "k-" R20 "T3Blb" "kFJ" R20, "openai-key", "s" "k-" R20 "T3Blb" "kFJ" R20},
	{"a.txt", "sk-" "ant-api03-" R40 R20 R10, "anthropic-key", "sk-" "ant-api03-" R40 R20 R10},
	{"a.txt", "h" "f_" R20 R10 "abcd", "huggingface-token", "h" "f_" R20 R10 "abcd"},
	{"a.txt", "S" "G." R20 "ab." R40 "abc", "sendgrid-key", "S" "G." R20 "ab." R40 "abc"},
	{"a.txt", "twilio sid S" "K" HEX32, "twilio-key", "S" "K" HEX32},
	{"a.txt", "bot 123456789:A" "A" R20 R10 "abc", "telegram-token", "123456789:A" "A" R20 R10 "abc"},
	{"a.txt", "https://disc" "ord.com/api/webhooks/123456789012345678/" R40 R20, "discord-webhook", "123456789012345678/" R40 R20},
	{"a.txt", "Account" "Key=" R40 R40 "abcdef==", "azure-storage-key", R40 R40 "abcdef=="},
	{"a.txt", "dop" "_v1_" HEX32 HEX32, "digitalocean-token", "dop" "_v1_" HEX32 HEX32},
	{"a.txt", "shp" "at_" HEX32, "shopify-token", "shp" "at_" HEX32},
	{"a.txt", "hv" "s." R20 R10, "vault-token", "hv" "s." R20 R10},
	{"a.txt", "dckr" "_pat_" R20 "abcdefg", "docker-token", "dckr" "_pat_" R20 "abcdefg"},
	{"a.txt", "AGE-SECRET" "-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE", "age-key",
	 "AGE-SECRET" "-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"},
	{"a.txt", "ey" "J" R20 ".ey" "J" R20 "." R20 R10, "json-web-token", "ey" "J" R20 ".ey" "J" R20 "." R20 R10},
	{"a.js", "set('Authorization', 'Basic " "dXNlcjpUcjB1YjRkb3I='", "basic-authorization", "dXNlcjpUcjB1YjRkb3I="},
	{"id", "-----BEGIN RSA " "PRIVATE KEY-----\n" KEY_BODY "-----END", "private-key", NULL},
	{"a.c", "\"-----BEGIN " "PRIVATE KEY-----\\n" "MIIEpAIBAAKCAQEA7bq9Zk1XvTqL0W8s3hJf5yR2cUoE6dNgPmKiAtSxVwBzHn4F\\n\"", "private-key", NULL},
	{"a.ppk", "PuTTY-User-" "Key-File-2: ssh-rsa\nEncryption: none\nPrivate-Lines: 2\n" KEY_BODY "Private-MAC: 1\n", "putty-key", NULL},
	{"a.yml", "db: postgres://bob:Tr0ub" "4dor@db.internal/x", "password-in-url", "Tr0ub" "4dor"},
	{"a.py", "DB_PASSWORD = 'Tr0ub" "4dor'", "assigned-secret", "Tr0ub" "4dor"},
	{"a.php", "$dbpasswd = \"pass" "123\";", "assigned-secret", "pass" "123"},
	{"a.js", "const apiKey = 'v9dn0balpq" "as1pcc281tn5ood1';", "assigned-secret", "v9dn0balpq" "as1pcc281tn5ood1"},
	{"a.json", "{\"client_secret\": \"" R20 "\"}", "assigned-secret", R20},
	{"a.js", "conn.login('bob@x.org', 'sales" "force1')", "login-call", "sales" "force1"},
	{"dump.sql", "(1, 'bob', '$2" "y" HASH_BODY "', 1)", "password-hash", "$2" "y" HASH_BODY},
	{".env", "# c\nexport DB_PASSWORD=admin" "\n", "env-file", "admin"},
	{"prod.env", "API_TOKEN=\"a b c d\"\n", "env-file", "a b c d"},
	{".npmrc", "//r.example.org/:_authToken=abc" "def\n", "npmrc", "abc" "def"},
	{"x/.netrc", "machine a login b password c" "de\n", "netrc", "c" "de"},
	{".pgpass", "# c\nh:5432:db:bob:pass" "word\n", "pgpass", "pass" "word"},
	{".htpasswd", "bob:$apr1$" "abcd1234$9zXyWvUtSrQpOnMlKjIhG/\n", "htpasswd", "$apr1$" "abcd1234$9zXyWvUtSrQpOnMlKjIhG/"},
	{".htpasswd", "bob:{SHA}" "W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", "htpasswd", "{SHA}" "W6ph5Mm5Pz8GgiULbPgzG37mj9g="},
	{"etc/shadow", "bob:$6$" R20 ":19000:0:99999:7:::\n", "shadow", "$6$" R20},
	{".git-credentials", "https://bob:p#@w" "d@github.com\n", "git-credentials", "p#@w" "d"},
	{"config/master.key", HEX32 "\n", "rails-master-key", HEX32},
	{"sftp-config.json", "{\n  \"user\": \"bob\",\n  \"password\": \"sword" "fish\",\n", "client-settings", "sword" "fish"},
	{".docker/config.json", "{\"auths\": {\"x\": {\"auth\": \"" R20 "\"}}}", "docker-auth", R20},
	{".pypirc", "[pypi]\nusername = bob\npassword = ab" "c1\n", "pypirc", "ab" "c1"},
	{".s3cfg", "secret_key = " R20 "\n", "cloud-credentials", R20},
	{".my.cnf", "[client]\npassword=ab" "c1\n", "mysql-option-file", "ab" "c1"},
	{"wp-config.php", "define('DB_PASSWORD', 'ad" "min');", "wordpress-config", "ad" "min"},
	{"sitemanager.xml", "<Pass encoding=\"base64\">YWRt" "aW4=</Pass>", "ftp-client", "YWRt" "aW4="},
	{"app.properties", "spring.datasource.password=Tr0ub" "4dor\n", "settings-file", "Tr0ub" "4dor"},
	{"config.yml", "production:\n  secret_key_base: " HEX32 HEX32 "\n", "settings-file", HEX32 HEX32},
};

static const struct {
	const char *path, *text;
} negatives[] = {
	{"a.py", "password = 'changeme'\npassword = '<password>'\npassword = '${DB_PASSWORD}'\npassword = 'your_password'\n"},
	{"a.py", "password = os.environ['PASSWORD']\npassword = getpass()\npassword = ''\ntoken = 'access_token'\nsecret = 'xxxxxxxxxxxx'\n"},
	{"a.py", "password_field = 'login-password-1'\ntoken_url = 'https://x.org/token/1234567'\nmax_tokens = '123456789012'\n"},
	{"a.py", "if password == 'Tr0ub4dor1': pass\n"},
	{"a.js", "const token = req.headers['x-token'];\nconst password = 'enter your password';\n"},
	{"a.md", "key AKIAIOSFODNN7EXAMPLE\nhttp://user:secret1@example.com/\nhttps://user:pass99@localhost/x\n"},
	{"a.md", "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----\n"},
	{"a.md", "-----BEGIN PUBLIC KEY-----\n" KEY_BODY},
	{".env", "PASSWORD=\nTOKEN=${CI_TOKEN}\nDEBUG=true\nSECRET=changeme\nAUTH_ENABLED=false\n"},
	{"a.yml", "password: ${{ secrets.PASSWORD }}\ntoken: null\nsecret: {{ vault }}\npassword: required\n"},
	{"package.json", "{\"keywords\": [\"token\", \"password\"], \"tokenizer\": \"1.2.3-beta.17\"}"},
	{"a.c", "#define PASSWORD_MAX 64\nchar *password = NULL;\nprintf(\"password: %s\", p);\n"},
	{"poetry.lock", "hash = \"sha256:9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0\"\n"},
	{"a.go", "https://github.com/golang/go@v1.2.3\nssh://git@github.com/x/y\n"},
};
/* clang-format on */

static struct secret_scanner *scanner;
static bool found_rule[100];

static int scanner_open(void **state)
{
	(void)state;
	scanner = secret_scanner_new();
	assert_non_null(scanner);
	return 0;
}

static int scanner_close(void **state)
{
	(void)state;
	secret_scanner_free(scanner);
	return 0;
}

static struct source source_of(const char *path, const char *text)
{
	return (struct source){.path = path, .text = text, .bytes = strlen(text)};
}

static void test_each_rule_finds_exactly_its_secret(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(positives) / sizeof(positives[0]); i++) {
		struct source source = source_of(positives[i].path, positives[i].text);
		const struct secret_hits *hits = secret_scan(scanner, &source);
		const struct secret_hit *hit = &hits->at[0];
		bool right = hits->count == 1 && strcmp(hit->rule->id, positives[i].rule) == 0;

		if (right && positives[i].secret)
			right = hit->end - hit->start == strlen(positives[i].secret) &&
				memcmp(source.text + hit->start, positives[i].secret, hit->end - hit->start) == 0;
		if (hits->count)
			found_rule[secret_rule_index(hit->rule)] = true;
		if (right)
			continue;
		print_error("%s, wanted %s, found %zu: %s '%.*s'\n", positives[i].path, positives[i].rule, hits->count,
			    hits->count ? hit->rule->id : "", hits->count ? (int)(hit->end - hit->start) : 0,
			    hits->count ? source.text + hit->start : "");
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_every_rule_has_a_sample(void **state)
{
	unsigned silent = 0;

	(void)state;
	for (size_t i = 0; secret_rule_at(i); i++) {
		assert_true(i < 100);
		if (found_rule[i])
			continue;
		print_error("no sample for %s\n", secret_rule_at(i)->id);
		silent++;
	}
	assert_int_equal(silent, 0);
}

static void test_what_only_looks_like_a_secret_is_left_out(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(negatives) / sizeof(negatives[0]); i++) {
		struct source source = source_of(negatives[i].path, negatives[i].text);
		const struct secret_hits *hits = secret_scan(scanner, &source);

		for (size_t h = 0; h < hits->count; h++) {
			print_error("%s: %s '%.*s'\n", negatives[i].path, hits->at[h].rule->id,
				    (int)(hits->at[h].end - hits->at[h].start), source.text + hits->at[h].start);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void test_at_most_four_characters_are_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {{"password='Tr0ub4'", ""}, {"password='Tr0ub4dor123'", "Tr"}, {"password='Tr0ub4dor1234567'", "Tr0u"}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct source source = source_of("a.py", cases[i].text);
		const struct secret_hits *hits = secret_scan(scanner, &source);
		char shown[SECRET_SHOWN_BYTES];

		assert_int_equal(hits->count, 1);
		secret_shown(&source, &hits->at[0], shown);
		assert_string_equal(shown, cases[i].shown);
	}
}

static void test_a_hash_depends_on_key_and_secret_only(void **state)
{
	struct source one = source_of("a.py", "password = 'Tr0ub4dor1'"),
		      other = source_of("b.js", "x; password: \"Tr0ub4dor1\"");
	uint8_t key[DIGEST_KEY_BYTES] = {1}, another[DIGEST_KEY_BYTES] = {2};
	char a[DIGEST_KEYED_BYTES], b[DIGEST_KEYED_BYTES], c[DIGEST_KEYED_BYTES];

	(void)state;
	assert_true(secret_hash(&one, &secret_scan(scanner, &one)->at[0], key, a));
	assert_true(secret_hash(&one, &secret_scan(scanner, &one)->at[0], another, c));
	assert_true(secret_hash(&other, &secret_scan(scanner, &other)->at[0], key, b));
	assert_int_equal(strlen(a), 32);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
}

static void test_a_line_is_shown_without_its_secrets(void **state)
{
	struct source source = source_of("a.py", "x = 1\nlogin(password='Tr0ub4dor123', token='9f8e7d6c5b4a3928aa')\ny = 2\n");
	const struct secret_hits *hits = secret_scan(scanner, &source);
	char line[200], small[20];

	(void)state;
	assert_int_equal(hits->count, 2);
	secret_masked_line(&source, hits, hits->at[0].start, line, sizeof(line));
	assert_string_equal(line, "login(password='Tr****', token='9f8e****')");
	secret_masked_line(&source, hits, 0, line, sizeof(line));
	assert_string_equal(line, "x = 1");
	secret_masked_line(&source, hits, hits->at[1].start, small, sizeof(small));
	assert_null(strstr(small, "7d6c"));
}

/* A line of the middle of a key has no beginning of a secret in it, and is one all the same. */
static void test_every_line_of_a_secret_of_many_lines_is_masked(void **state)
{
	struct source source = source_of("id", "-----BEGIN RSA "
					       "PRIVATE KEY-----\n" KEY_BODY KEY_BODY "-----END RSA PRIVATE KEY-----\n");
	const struct secret_hits *hits = secret_scan(scanner, &source);
	char line[200];

	(void)state;
	for (size_t at = hits->at[0].start; at < hits->at[0].end; at++) {
		secret_masked_line(&source, hits, at, line, sizeof(line));
		assert_null(strstr(line, "IBAAKCAQ"));
		assert_null(strstr(line, "8vLr5jC1"));
	}
}

static void test_more_secrets_than_the_bound_hide_every_line(void **state)
{
	size_t bytes = 0;
	char *text = malloc(SECRET_HITS_MAX * 80);
	char line[200];
	struct source source;
	const struct secret_hits *hits;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < SECRET_HITS_MAX + 10; i++)
		bytes += (size_t)sprintf(text + bytes, "password_%u = 'Tr0ub4dor%u'\n", i % 10, i);
	source = source_of("a.py", text);
	hits = secret_scan(scanner, &source);
	assert_int_equal(hits->count, SECRET_HITS_MAX);
	assert_true(hits->cut);
	secret_masked_line(&source, hits, bytes - 5, line, sizeof(line));
	assert_string_equal(line, "");
	free(text);
}

static int count_word(size_t word, size_t offset, void *context)
{
	size_t *counts = context;

	counts[word] += offset + 1;
	return 0;
}

static void test_all_places_of_all_words_are_found_in_one_pass(void **state)
{
	static const char *const words[] = {"he", "she", "hers", NULL, "s"};
	struct keywords *keywords = keywords_new(words, 5);
	size_t counts[5] = {0};

	(void)state;
	assert_non_null(keywords);
	assert_int_equal(keywords_search(keywords, "uSHErs", 6, count_word, counts), 0);
	assert_int_equal(counts[0], 3); /* at offset 2 */
	assert_int_equal(counts[1], 2);
	assert_int_equal(counts[2], 3);
	assert_int_equal(counts[4], 2 + 6);
	keywords_free(keywords);
}

/* Two megabytes of what patterns begin with: none may take long, and the answer stays bounded. */
static void test_long_lines_of_beginnings_are_survived(void **state)
{
	static const char *const pieces[] = {"password=",
					     "://a:",
					     "-----BEGIN PRIVATE KEY-----",
					     "aws_secret",
					     "PuTTY-User-Key-File-2: x\n",
					     "eyJ",
					     "'",
					     "token:\"",
					     "AccountKey=",
					     "-----BEGIN PRIVATE KEY-----AAAA"};

	(void)state;
	for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
		size_t length = strlen(pieces[p]), bytes = (1u << 19) / length * length;
		char *text = malloc(bytes + 1);
		struct source source = {.path = ".env", .text = text, .bytes = bytes};

		assert_non_null(text);
		for (size_t i = 0; i < bytes; i++)
			text[i] = pieces[p][i % length];
		text[bytes] = 0;
		assert_true(secret_scan(scanner, &source)->count <= SECRET_HITS_MAX);
		free(text);
	}
}

static bool all_are(bool (*is)(const char *, size_t), const char *const *values, bool expected)
{
	for (; *values; values++) {
		if (is(*values, strlen(*values)) == expected)
			continue;
		print_error("'%s'\n", *values);
		return false;
	}
	return true;
}

static void test_placeholders_are_told_from_values(void **state)
{
	static const char *const yes[] = {"aaaaaaaa", "abababab", "12345678",   "abcdefgh", "changeme",
					  "<token>",  "${X}",     "your_token", "",         NULL};
	static const char *const no[] = {"Tr0ub4dor", "abcdefgx1", "admin99", "12345679a", NULL};
	static const char *const templates[] = {"<token>", "$TOKEN", "changeme", "null", NULL};
	static const char *const real[] = {"password", "admin", "12345678", NULL};
	static const char *const code[] = {"user.password", "access_token", "get(x)", "/etc/key.pem", "https://x", "a-b-c", NULL};
	static const char *const no_code[] = {"Tr0ub4dor", "a1-b2", NULL};

	(void)state;
	assert_true(all_are(placeholder_is, yes, true));
	assert_true(all_are(placeholder_is, no, false));
	assert_true(all_are(placeholder_is_template, templates, true));
	assert_true(all_are(placeholder_is_template, real, false));
	assert_true(all_are(placeholder_is_code, code, true));
	assert_true(all_are(placeholder_is_code, no_code, false));
	assert_true(placeholder_is_file(".env.example") && placeholder_is_file("a/config.sample.yml"));
	assert_false(placeholder_is_file("examples/.env"));
}

static void test_entropy_is_in_bits(void **state)
{
	(void)state;
	assert_true(entropy_of("aaaa", 4) < 0.001);
	assert_true(entropy_of("abab", 4) > 0.999 && entropy_of("abab", 4) < 1.001);
	assert_true(entropy_of("abcdefgh", 8) > 2.999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule_finds_exactly_its_secret),
		cmocka_unit_test(test_every_rule_has_a_sample),
		cmocka_unit_test(test_what_only_looks_like_a_secret_is_left_out),
		cmocka_unit_test(test_at_most_four_characters_are_shown),
		cmocka_unit_test(test_a_hash_depends_on_key_and_secret_only),
		cmocka_unit_test(test_a_line_is_shown_without_its_secrets),
		cmocka_unit_test(test_every_line_of_a_secret_of_many_lines_is_masked),
		cmocka_unit_test(test_more_secrets_than_the_bound_hide_every_line),
		cmocka_unit_test(test_all_places_of_all_words_are_found_in_one_pass),
		cmocka_unit_test(test_long_lines_of_beginnings_are_survived),
		cmocka_unit_test(test_placeholders_are_told_from_values),
		cmocka_unit_test(test_entropy_is_in_bits),
	};

	return cmocka_run_group_tests(tests, scanner_open, scanner_close);
}
