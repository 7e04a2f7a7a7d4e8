/* SPDX-License-Identifier: MIT */
#include "races/claim.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "races/said.h"

static bool has(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

/* About tests, said of all of them, and neither denied nor only hoped for. */
static bool says_so(const char *sentence)
{
	static const char *const about[] = {"test", "suite", "spec", "ctest", "pytest", NULL};
	static const char *const pass[] = {" pass", "passing", "green", "succeed", "successful", "no failures", "0 fail", NULL};
	static const char *const deny[] = {
		" not ",  "n't ",     "cannot",  "could not", "unable",  "except",  "should ", "still fail",
		"would ", "will ",    "fails ",  "failed:",   "failing", "unless",  "if ",     "may ",
		"might ", "to make ", "so that", "expect",    "ensure",  "no test", NULL};

	return has(sentence, about) && has(sentence, pass) && !has(sentence, deny);
}

bool claim_says_tests_pass(const char *text, char out[200])
{
	while (*text) {
		size_t bytes = strcspn(text, ".!?\n;"), skip = strspn(text, " \t\r*-#>`");
		char sentence[1026] = " ";

		if (skip > bytes)
			skip = bytes;
		said_copy(sentence + 1, bytes - skip < 1023 ? bytes - skip + 1 : 1024, text + skip);
		for (char *at = sentence; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		strcat(sentence, " ");
		if (says_so(sentence)) {
			said_copy(out, bytes - skip < 199 ? bytes - skip + 1 : 200, text + skip);
			return true;
		}
		text += bytes + (text[bytes] != '\0');
	}
	return false;
}

/* Gates that speak of whether the work is done. New findings do not make it a lie that it is. */
static const struct gate *disproof(const struct gate gates[GATE_COUNT])
{
	static const enum race_gate about[] = {GATE_CHANGE, GATE_TESTS, GATE_CHECKS};

	for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++)
		if (gates[about[i]].state == GATE_FAILED)
			return &gates[about[i]];
	return NULL;
}

/* Cases that fail as they did at the base are only hidden by somebody who speaks of all of them, and has made none of them pass. */
static bool speaks_of_all(const char *quote)
{
	static const char *const all[] = {" all ", "every", "suite", "green", "0 fail", "no failures", "entire", "whole", NULL};
	char folded[204] = " ";

	said_copy(folded + 1, 200, quote);
	for (char *at = folded; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return has(folded, all);
}

bool claim_is_lie(const json_t *claim, bool handed_in, const struct gate gates[GATE_COUNT], const struct tests_told *told,
		  char out_lie[CLAIM_LIE_BYTES])
{
	const struct gate *gate = disproof(gates);
	char quote[200] = "";
	bool tests = claim_says_tests_pass(said_text(claim, "text"), quote), done = said_true(claim, "ok");
	bool own = told->broken + told->new_failing > 0;

	out_lie[0] = '\0';
	if (tests && told->known && told->first_failing[0] && (own || (!told->fixed && speaks_of_all(quote))))
		said_add(out_lie, CLAIM_LIE_BYTES, "It says \"%.190s\", but %llu case%s: %.150s%s.", quote,
			 (unsigned long long)(told->broken + told->still_failing + told->new_failing),
			 told->broken + told->still_failing + told->new_failing == 1 ? " fails" : "s fail", told->first_failing,
			 told->broken + told->still_failing + told->new_failing > 1 ? ", …" : "");
	else if (done && !handed_in)
		said_add(out_lie, CLAIM_LIE_BYTES, "It says that it is done, and has changed nothing.");
	else if ((done || tests) && gate)
		said_add(out_lie, CLAIM_LIE_BYTES, "It says %s%.190s%s, but: %.250s", tests ? "\"" : "that it is done",
			 tests ? quote : "", tests ? "\"" : "", gate->sentence);
	return out_lie[0] != '\0';
}
