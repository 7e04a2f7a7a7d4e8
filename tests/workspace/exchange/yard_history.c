/* SPDX-License-Identifier: MIT
 *
 * A history by chance, told to git fast-import.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"

#define BRANCHES 4u

struct story {
	FILE *out;
	uint64_t state;
	unsigned tips[BRANCHES]; /* marks; 0: not begun */
	unsigned mark;
};

/* xorshift64* (Vigna, 2016). */
static unsigned chance(struct story *story, unsigned of)
{
	story->state ^= story->state >> 12;
	story->state ^= story->state << 25;
	story->state ^= story->state >> 27;
	return (unsigned)((story->state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % of;
}

/* As fast-import quotes them. Beside each folder stand names that sort around it. */
static const char *const names[] = {
	"README",
	"\"with space\"",
	"\"tab\\there\"",
	"\"line\\nbreak\"",
	"\"quo\\\"te\"",
	"\"\\303\\274ber\"",
	"\"\\200\\377\"",
	"-dash",
	"a..b",
	"lib",
	"lib.c",
	"lib-c",
	"lib0",
	"\"back\\\\slash\"",
	".gitfoo",
	"...",
	"\"~\"",
	"\"*?[\"",
	"COM1",
	"\"x\\001y\"",
	"zz",
	".gitattribute",
	"gitmodules.text",
	"@",
	"HEAD",
};

static void put_path(struct story *story)
{
	static const char *const folders[] = {"", "src/", "src/deep/er/", "lib.d/", "src.d/", "lib-d/x/", "q/w/e/r/t/y/"};
	const char *folder = folders[chance(story, 7)], *name = names[chance(story, sizeof(names) / sizeof(*names))];
	if (*name == '"')
		fprintf(story->out, "\"%s%s", folder, name + 1);
	else
		fprintf(story->out, "%s%s", folder, name);
}

static void put_data(struct story *story, unsigned bytes)
{
	fprintf(story->out, "data %u\n", bytes);
	for (unsigned i = 0; i < bytes; i++)
		fputc(chance(story, 12) ? 'a' + (int)chance(story, 26) : '\n', story->out);
	fputc('\n', story->out);
}

static void put_change(struct story *story)
{
	static const char *const modes[] = {"100644", "100644", "100644", "100755", "120000"};
	unsigned kind = chance(story, 20);
	if (kind == 0) {
		fprintf(story->out, "M 160000 %08x%08x%08x%08x%08x sub/module%u\n", chance(story, 1u << 31) + 1, 1, 2, 3, 4,
			chance(story, 3));
	} else if (kind == 1) {
		fputs("D ", story->out);
		put_path(story);
		fputc('\n', story->out);
	} else {
		const char *mode = modes[chance(story, 5)];
		unsigned bytes = kind == 2 ? 0 : kind == 3 ? chance(story, 20000) : 1 + chance(story, 600);
		fprintf(story->out, "M %s inline ", mode);
		put_path(story);
		fputc('\n', story->out);
		put_data(story, strcmp(mode, "120000") ? bytes : 1 + bytes % 100); /* where a link leads to has its limits */
	}
}

static void put_commit(struct story *story)
{
	unsigned branch = chance(story, BRANCHES), other = chance(story, BRANCHES), from = story->tips[branch];
	unsigned times = 1 + chance(story, 4);
	story->mark++;
	if (!from)
		from = chance(story, 3) ? story->tips[0] : 0; /* now and then a root of its own */
	fprintf(story->out, "commit refs/heads/branch%u\nmark :%u\n", branch, story->mark);
	fprintf(story->out, "author A U Thor <a@example.org> %u +0530\n", 1500000000 + story->mark * 60);
	fprintf(story->out, "committer \303\234ber <c@example.org> %u -1130\n", 1500000000 + story->mark * 61);
	if (!chance(story, 10))
		fputs("encoding iso8859-1\n", story->out);
	put_data(story, 1 + chance(story, 100));
	if (from)
		fprintf(story->out, "from :%u\n", from);
	if (from && other != branch && story->tips[other] && story->tips[other] != from && !chance(story, 4))
		fprintf(story->out, "merge :%u\n", story->tips[other]);
	while (times--)
		put_change(story);
	fputc('\n', story->out);
	story->tips[branch] = story->mark;
}

static void put_tag(struct story *story, unsigned number)
{
	fprintf(story->out, "tag tag%u\nfrom :%u\ntagger T <t@example.org> 1600000000 +0000\n", number,
		1 + chance(story, story->mark));
	put_data(story, 20);
}

void yard_history(const struct yard *yard, const char *name, unsigned seed, unsigned commits)
{
	struct story story = {.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
	char file[64];
	snprintf(file, sizeof(file), "%s.story", name);
	story.out = fopen(yard_path(yard, file), "we");
	assert_non_null(story.out);
	for (unsigned i = 0; i < commits; i++) {
		put_commit(&story);
		if (i % 20 == 10)
			put_tag(&story, i);
	}
	assert_int_equal(fclose(story.out), 0);
	free(yard_run(yard,
		      "git init -q --bare -b branch0 %s && cd %s && git fast-import --quiet <../%s && rm ../%s &&"
		      "git tag light branch0~1 && git -c advice.nestedTag=false tag -a -m outer outer tag10 && git tag blob "
		      "$(echo loose | git hash-object "
		      "-w --stdin) &&"
		      "git tag -a -m tree tree branch0^{tree} && git branch folder/inner branch0 && git pack-refs --all",
		      name, name, file, file));
}
