/* SPDX-License-Identifier: MIT
 *
 * Merging, in two phases: refs/bunshin/RACE/merged (what the branch is to be) and refs/bunshin/RACE/before (what it was) are there before the branch is moved, and it is only moved
 * from where it was looked at. If it is elsewhere by then, everything begins anew with what it is now, a few times.
 *
 * A judge that was ended in the middle and started anew sees by the refs how far it was: a branch that stands at `merged` was merged.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "races/race_inner.h"

static void end(struct race *race, enum merging_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void end(struct race *race, enum merging_state state, const char *format, ...)
{
	char text[2 * WHY_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	race->merging.sentence[0] = '\0';
	said_add(race->merging.sentence, sizeof(race->merging.sentence), "%s", text);
	race->merging.state = state;
	race->merging.done = true;
}

static const json_t *ask(struct race *race, const char *what, json_t *request)
{
	char key[RACE_KEY_BYTES];

	snprintf(key, sizeof(key), "merge/%u/%s", race->merging.round, what);
	return call_workspace(race, key, request);
}

static const char *error_of(const json_t *answer)
{
	return said_text(json_object_get(answer, "error"), "code");
}

static bool failed(const json_t *answer)
{
	return !json_is_object(json_object_get(answer, "result"));
}

static const char *reason_of(const json_t *answer)
{
	const char *sentence = said_text(json_object_get(answer, "error"), "sentence");

	return sentence[0] ? sentence : "the workspace gave no answer that can be read";
}

static void ref_name(const struct race *race, const char *what, char out[128])
{
	snprintf(out, 128, "refs/bunshin/%s/%s", race->task_id, what);
}

/* The id of a ref in the answer to `refs`; "" if it is not there. */
static const char *id_of(const json_t *answer, const char *name)
{
	const json_t *ref;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(answer, "result"), "refs"), i, ref)
		if (strcmp(said_text(ref, "ref"), name) == 0 && said_is_id(said_text(ref, "id")))
			return said_text(ref, "id");
	return "";
}

/* ---- where things stand ---- */

struct standing {
	char merged_ref[128], before_ref[128];
	const char *merged, *before; /* ids; "" if not there */
	const char *tip;
};

static bool look(struct race *race, struct standing *out)
{
	char prefix[128];
	const json_t *refs, *branch = NULL;

	ref_name(race, "", prefix);
	ref_name(race, "merged", out->merged_ref);
	ref_name(race, "before", out->before_ref);
	refs = ask(race, "refs", json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", race->spec.repo, "prefix", prefix));
	if (race->spec.branch)
		branch = ask(
			race, "branch",
			json_pack("{s:s, s:s, s:s}", "verb", "refs", "repository", race->spec.repo, "prefix", race->spec.branch));
	if (!refs || (race->spec.branch && !branch))
		return false;
	out->merged = id_of(refs, out->merged_ref);
	out->before = id_of(refs, out->before_ref);
	out->tip = race->spec.branch ? id_of(branch, race->spec.branch) : race->base;
	if (failed(refs) || !out->tip[0]) {
		end(race, MERGING_REFUSED, "Where %s stands is not known: %s.",
		    race->spec.branch ? race->spec.branch : "the base",
		    failed(refs)                                     ? reason_of(refs)
		    : race->spec.branch && branch && !failed(branch) ? "there is no such branch"
								     : reason_of(branch));
		return false;
	}
	return true;
}

/* ---- combining ---- */

static json_t *message_of(const struct race *race, const struct attempt *best)
{
	char text[400] = "", title[80];

	said_copy(title, sizeof(title), race->spec.prompt);
	title[strcspn(title, "\r\n")] = '\0';
	said_add(text, sizeof(text), "Merge attempt %s of race %s\n\n%s\n", best->entry->label, race->task_id, title);
	return json_string(text);
}

static const json_t *combine(struct race *race, const struct attempt *best, const struct standing *standing)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "verb", "combine", "repository", race->spec.repo,
				    "onto", standing->tip, "from", best->commit, "to", standing->merged_ref, "favour",
				    race->spec.merge == MERGE_THEIRS ? "theirs" : "none", "message", message_of(race, best),
				    "task", race->task_id);

	if (standing->merged[0])
		json_object_set_new(request, "replaces", json_string(standing->merged));
	return ask(race, "combine", request);
}

/* What an earlier run of this judge has combined of the same two, as `combine` would answer it; else NULL. `*out_wait`: it is not known yet. The dates of a commit
 * made anew would make it another, which nobody has judged. */
static json_t *combined_before(struct race *race, const struct attempt *best, const struct standing *standing, bool *out_wait)
{
	const json_t *answer, *commit, *parents;

	*out_wait = false;
	if (race->merging.round != 1 || !standing->merged[0])
		return NULL;
	answer = ask(race, "earlier",
		     json_pack("{s:s, s:s, s:s}", "verb", "show", "repository", race->spec.repo, "revision", standing->merged));
	*out_wait = !answer;
	commit = json_object_get(answer, "result");
	parents = said_list(commit, "parents");
	if (json_array_size(parents) != 2 || !json_string_value(json_array_get(parents, 0)) ||
	    !json_string_value(json_array_get(parents, 1)) ||
	    strcmp(json_string_value(json_array_get(parents, 0)), standing->tip) != 0 ||
	    strcmp(json_string_value(json_array_get(parents, 1)), best->commit) != 0)
		return NULL;
	return json_pack("{s:{s:s, s:s, s:s}}", "result", "new", standing->merged, "tree", said_text(commit, "tree"), "kind",
			 "merge");
}

static void again(struct race *race)
{
	if (race->merging.round == MERGE_ROUNDS_MAX) {
		end(race, MERGING_REFUSED, "%s was moved each time, %u times; what was made of it is kept at %s.",
		    race->spec.branch ? race->spec.branch : "What is merged to", race->merging.round, race->merging.ref);
		return;
	}
	race->merging.round++;
	for (size_t g = 0; g < GATE_COUNT; g++)
		gate_release(&race->merging.gate[g]);
	race->merging.gated = false;
}

static void say_conflicts(struct race *race, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	uint64_t count = said_number(error, "conflict_count");

	race->merging.conflicts = said_list(error, "conflicts");
	if (!count)
		count = json_array_size(race->merging.conflicts);
	end(race, MERGING_CONFLICTS, "%llu conflict%s with %s, the first in %s; nothing was merged.", (unsigned long long)count,
	    count == 1 ? "" : "s", race->spec.branch ? race->spec.branch : "the base",
	    said_text(json_array_get(race->merging.conflicts, 0), "path"));
}

/* True: there is a commit that the branch could be moved to. */
static bool combined(struct race *race, const struct attempt *best, const struct standing *standing, const json_t *answer)
{
	struct merging *merging = &race->merging;
	const json_t *result = json_object_get(answer, "result");

	if (strcmp(error_of(answer), "conflict") == 0 && json_object_get(json_object_get(answer, "error"), "conflicts"))
		say_conflicts(race, answer);
	else if (strcmp(error_of(answer), "moved") == 0)
		again(race);
	else if (failed(answer))
		end(race, MERGING_REFUSED, "It could not be combined with %s: %.250s.",
		    race->spec.branch ? race->spec.branch : "the base", reason_of(answer));
	else if (strcmp(said_text(result, "kind"), "nothing") == 0) {
		said_copy(merging->before, sizeof(merging->before), standing->before[0] ? standing->before : standing->tip);
		said_copy(merging->commit, sizeof(merging->commit), standing->tip);
		end(race, race->spec.merge == MERGE_MANUAL ? MERGING_PREPARED : MERGING_MERGED, "%s holds %s already.",
		    race->spec.branch ? race->spec.branch : "The base", best->entry->label);
	} else if (!said_is_id(said_text(result, "new"))) {
		end(race, MERGING_REFUSED, "The workspace combined it, but did not say to which commit.");
	} else {
		said_copy(merging->before, sizeof(merging->before), standing->tip);
		said_copy(merging->commit, sizeof(merging->commit), said_text(result, "new"));
		said_copy(merging->tree, sizeof(merging->tree), said_text(result, "tree"));
		said_copy(merging->ref, sizeof(merging->ref), standing->merged_ref);
		merging->favoured = said_list(result, "favoured");
		return true;
	}
	return false;
}

/* ---- gates on what is to be merged ---- */

static const char *tree_of(const struct attempt *attempt)
{
	return said_text(json_object_get(attempt->measure, "result"), "tree");
}

/* True: it may be merged. A tree that was judged already is not judged again. */
static bool gates_pass(struct race *race, const struct attempt *best)
{
	struct merging *merging = &race->merging;
	struct reference tip = race->reference;
	char prefix[RACE_KEY_BYTES];

	if (race->spec.merge != MERGE_AUTO || (merging->tree[0] && strcmp(merging->tree, tree_of(best)) == 0))
		return true;
	/* Keys name the commits: after a restart the branch may be elsewhere, and what was said of another tree must not be taken for this one's. */
	if (strcmp(merging->before, race->base) != 0) {
		snprintf(prefix, sizeof(prefix), "tip/%.16s", merging->before);
		tip = (struct reference){0};
		judge_reference(race, prefix, merging->before, &tip);
	}
	snprintf(prefix, sizeof(prefix), "merged/%.16s", merging->commit);
	if (!merging->gated && !judge_gates(race, prefix, merging->commit, &tip, NULL, merging->gate, NULL))
		return false;
	merging->gated = true;
	for (size_t g = 0; g < GATE_COUNT; g++) {
		const struct gate *gate = &merging->gate[g];

		if (gate->state == GATE_PENDING || gate->state == GATE_PASSED)
			continue;
		end(race, MERGING_REFUSED, "On the merged tree the gate %s %s: %.250s", race_gate_name((enum race_gate)g),
		    gate->state == GATE_FAILED ? "does not pass" : "is not known to pass", gate->sentence);
		return false;
	}
	return true;
}

/* Who approved protected files has seen one tree, and this may be another. */
static bool approval_holds(struct race *race, const struct attempt *best)
{
	const struct merging *merging = &race->merging;

	if (race->spec.merge == MERGE_MANUAL || said_number(best->gate[GATE_PROTECTED].details, "count") == 0 ||
	    strcmp(merging->tree, tree_of(best)) == 0 || tree_is_approved(&race->spec, merging->tree))
		return true;
	end(race, MERGING_REFUSED, "It touches protected files, which were approved in another tree than the merged one, %.12s.",
	    merging->tree);
	return false;
}

/* ---- moving ---- */

/* True: refs/bunshin/RACE/before stands at what the branch was. */
static bool keep_before(struct race *race, const struct standing *standing)
{
	const json_t *answer;
	json_t *request;

	if (strcmp(standing->before, standing->tip) == 0)
		return true;
	request = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "verb", "advance", "repository", race->spec.repo, "ref",
			    standing->before_ref, "new", standing->tip, "task", race->task_id, "back", 1);
	if (standing->before[0])
		json_object_set_new(request, "old", json_string(standing->before));
	answer = ask(race, "before", request);
	if (answer && failed(answer))
		end(race, MERGING_REFUSED, "What the branch was could not be kept at %s, so it was not moved: %.200s.",
		    standing->before_ref, reason_of(answer));
	return answer && !failed(answer);
}

static void move(struct race *race, const struct attempt *best, const struct standing *standing)
{
	const struct merging *merging = &race->merging;
	const json_t *answer =
		ask(race, "advance",
		    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "verb", "advance", "repository", race->spec.repo, "ref",
			      race->spec.branch, "old", standing->tip, "new", merging->commit, "task", race->task_id));

	if (!answer)
		return;
	if (strcmp(error_of(answer), "moved") == 0)
		again(race);
	else if (failed(answer))
		end(race, MERGING_REFUSED, "%s could not be moved: %.250s.", race->spec.branch, reason_of(answer));
	else
		end(race, MERGING_MERGED, "%s was merged: %s is at %.12s now, and was at %.12s.%s", best->entry->label,
		    race->spec.branch, merging->commit, standing->tip,
		    json_array_size(merging->favoured) ? " Where both had changed the same lines, the attempt's stand." : "");
}

/* Whose change a commit holds: it is the commit itself, or was merged by it. */
static const struct attempt *attempt_in(const struct race *race, const char *commit, const json_t *parents)
{
	for (size_t i = 0; i < race->attempt_count; i++) {
		const char *merged = json_string_value(json_array_get(parents, 1)), *own = race->attempt[i].commit;

		if (own[0] && (strcmp(own, commit) == 0 || (merged && strcmp(own, merged) == 0)))
			return &race->attempt[i];
	}
	return NULL;
}

/* The branch stands at what an earlier run of this judge has made. What it chose then stands, whoever would be first now. */
static void merged_before(struct race *race, const struct standing *standing)
{
	struct merging *merging = &race->merging;
	const json_t *answer =
		ask(race, "earlier",
		    json_pack("{s:s, s:s, s:s}", "verb", "show", "repository", race->spec.repo, "revision", standing->merged));
	const struct attempt *merged;

	if (!answer)
		return;
	merged = attempt_in(race, standing->merged, said_list(json_object_get(answer, "result"), "parents"));
	if (merged && race->spec.first)
		race->winner = merged;
	said_copy(merging->before, sizeof(merging->before), standing->before);
	said_copy(merging->commit, sizeof(merging->commit), standing->merged);
	said_copy(merging->tree, sizeof(merging->tree), said_text(json_object_get(answer, "result"), "tree"));
	said_copy(merging->ref, sizeof(merging->ref), standing->merged_ref);
	end(race, MERGING_MERGED, "%s was merged by an earlier run of this judge, which was ended then.",
	    merged ? merged->entry->label : standing->merged);
}

static void one_round(struct race *race, const struct attempt *best)
{
	struct merging *merging = &race->merging;
	struct standing standing;
	json_t *earlier;
	const json_t *answer;
	bool wait, goes_on;

	if (!look(race, &standing))
		return;
	if (merging->round == 1 && standing.merged[0] && strcmp(standing.merged, standing.tip) == 0 && race->spec.branch) {
		merged_before(race, &standing);
		return;
	}
	earlier = combined_before(race, best, &standing, &wait);
	answer = wait ? NULL : earlier ? earlier : combine(race, best, &standing);
	goes_on = answer && combined(race, best, &standing, answer);
	json_decref(earlier);
	if (!goes_on || !approval_holds(race, best) || !gates_pass(race, best) || !keep_before(race, &standing))
		return;
	if (race->spec.merge == MERGE_MANUAL)
		end(race, MERGING_PREPARED, "%s is prepared at %s; nothing was moved.", best->entry->label, merging->ref);
	else
		move(race, best, &standing);
}

void merging_advance(struct race *race, const struct attempt *best)
{
	struct merging *merging = &race->merging;
	unsigned round;

	if (merging->done)
		return;
	if (!best) {
		end(race, MERGING_NOTHING, "Nothing was handed in that may be merged.");
		return;
	}
	if (race->out_of_time) {
		end(race, MERGING_REFUSED, "The time of the race was over before %s could be merged.", best->entry->label);
		return;
	}
	if (race->spec.merge == MERGE_AUTO && best->verdict != VERIFIED) {
		end(race, MERGING_REFUSED, "%s %s; what is merged without anybody looking must be verified.", best->entry->label,
		    verdict_word(best->verdict));
		return;
	}
	do {
		merging->round = merging->round ? merging->round : 1;
		round = merging->round;
		one_round(race, best);
	} while (!merging->done && merging->round != round);
}
