/* SPDX-License-Identifier: MIT
 *
 * bunshin-verify: is this trail, export or receipt what was sealed? For somebody who trusts neither whoever ran the network nor the
 * program that wrote the trail.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verifier/verify.h"

static const char help[] =
	"Is this what was sealed, and is anything missing?\n"
	"\n"
	"  bunshin-verify --key log.pub trail.db\n"
	"  bunshin-verify --key log.pub trail.db --mirror checkpoints.txt\n"
	"  bunshin-verify --key log.pub export.jsonl\n"
	"  bunshin-verify --key log.pub page.html\n"
	"  bunshin-verify --key log.pub receipt.json --show\n"
	"\n"
	"FILE is a trail (also while it is written, and from read-only media), an export, the page of one, or a receipt; what it "
	"is, is seen\n"
	"from what is in it. Several can be given. Nothing is written, neither to them nor beside them.\n"
	"\n"
	"  --key FILE      the public key, keys/log.pub of the network; have it from somewhere else than the trail\n"
	"  --without-key   check everything but whose it is\n"
	"  --mirror FILE   checkpoints kept outside the trail: a mirror, a note, or a receipt; may be given again\n"
	"  --from SEQ      take records up to SEQ on trust, and begin behind them\n"
	"  --pages         also check every page and index of the database; one long read, better not beside a busy Omega\n"
	"  --show          show what a receipt proves\n"
	"  --json          the verdict for programs, one line a file\n"
	"  --help, --version\n"
	"\n"
	"Exit codes: 0 verified; 1 something is wrong, the first bad record is named; 2 usage; 3 a file cannot be read;\n"
	"4 what is there is genuine, but messages are missing that nothing explains. Of several files, the worst counts.\n";

enum {
	OPTION_KEY = 256,
	OPTION_WITHOUT,
	OPTION_MIRROR,
	OPTION_FROM,
	OPTION_PAGES,
	OPTION_SHOW,
	OPTION_JSON,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{"key", required_argument, NULL, OPTION_KEY},       {"without-key", no_argument, NULL, OPTION_WITHOUT},
	{"mirror", required_argument, NULL, OPTION_MIRROR}, {"from", required_argument, NULL, OPTION_FROM},
	{"pages", no_argument, NULL, OPTION_PAGES},         {"show", no_argument, NULL, OPTION_SHOW},
	{"json", no_argument, NULL, OPTION_JSON},           {"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},     {NULL, 0, NULL, 0}};

static _Noreturn void usage(const char *sentence)
{
	fprintf(stderr, "bunshin-verify: %s\nbunshin-verify --help says how it is used.\n", sentence);
	exit(VERDICT_USAGE);
}

/* A mapped file that somebody cuts while it is read. */
static void cut_short(int number)
{
	static const char sentence[] =
		"bunshin-verify: the file became shorter while it was read; nothing can be said about it\n";

	(void)number;
	if (write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0)
		_exit(VERDICT_UNREADABLE);
	_exit(VERDICT_UNREADABLE);
}

struct command {
	struct verify_options options;
	const char *key;
	bool without_key;
	bool json;
	const char **mirrors;
};

static void read_option(struct command *command, int option)
{
	uint64_t from;

	switch (option) {
	case OPTION_KEY:
		command->key = optarg;
		break;
	case OPTION_WITHOUT:
		command->without_key = true;
		break;
	case OPTION_MIRROR:
		command->mirrors[command->options.mirror_count++] = optarg;
		break;
	case OPTION_FROM:
		if (!span_number(span_of_text(optarg), &from) || from > INT64_MAX)
			usage("--from takes the number of a record");
		command->options.from_seq = from;
		break;
	case OPTION_PAGES:
		command->options.pages = true;
		break;
	case OPTION_SHOW:
		command->options.show = true;
		break;
	case OPTION_JSON:
		command->json = true;
		break;
	case OPTION_HELP:
		fputs(help, stdout);
		exit(VERDICT_VERIFIED);
	case OPTION_VERSION:
		puts("bunshin-verify " BUNSHIN_VERSION);
		exit(VERDICT_VERIFIED);
	default:
		fprintf(stderr, "bunshin-verify --help says how it is used.\n");
		exit(VERDICT_USAGE);
	}
}

static int badness(enum verdict_code code)
{
	static const int order[] = {
		[VERDICT_VERIFIED] = 0, [VERDICT_HOLES] = 1, [VERDICT_UNREADABLE] = 2, [VERDICT_WRONG] = 3, [VERDICT_USAGE] = 4};

	return order[code];
}

static enum verdict_code verify_all(const struct command *command, char **files)
{
	enum verdict_code worst = VERDICT_VERIFIED;

	for (bool first = true; *files; files++, first = false) {
		struct verdict verdict;
		enum verdict_code code = verify_path(*files, &command->options, &verdict);

		if (command->json)
			verdict_print_json(&verdict, *files, &command->options);
		else
			printf("%s", first ? "" : "\n"), verdict_print(&verdict, *files, &command->options);
		verdict_release(&verdict);
		if (badness(code) > badness(worst))
			worst = code;
	}
	return worst;
}

int main(int argc, char **argv)
{
	static struct public_keys keys;
	struct command command = {.mirrors = calloc((size_t)argc + 1, sizeof(*command.mirrors))};
	enum verdict_code code;
	char why[512];
	int option;

	if (!command.mirrors)
		usage("out of memory");
	command.options.mirrors = command.mirrors;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		read_option(&command, option);
	if (optind == argc)
		usage("there is no file to verify");
	if (!command.key && !command.without_key)
		usage("--key FILE is needed: a signature proves nothing without knowing whose it must be (or --without-key, for "
		      "the rest)");
	if (command.key && command.without_key)
		usage("--key and --without-key exclude each other");
	if (command.key && !keys_of_file(command.key, &keys, why)) {
		fprintf(stderr, "bunshin-verify: %s\n", why);
		free(command.mirrors);
		return VERDICT_UNREADABLE;
	}
	command.options.keys = command.key ? &keys : NULL;
	signal(SIGBUS, cut_short);
	code = verify_all(&command, argv + optind);
	free(command.mirrors);
	if (fflush(stdout) || ferror(stdout))
		return VERDICT_UNREADABLE;
	return (int)code;
}
