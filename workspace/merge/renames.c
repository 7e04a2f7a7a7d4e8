/* SPDX-License-Identifier: MIT
 *
 * The three searches. `left` holds the sources that are still looked for, in the order of the comparison; a target that has its source is
 * done.
 */
#include "workspace/merge/renames.h"

#include <stdlib.h>
#include <string.h>

#include "workspace/merge/rename_folders.h"
#include "workspace/merge/similarity.h"

#define BASE_NAME_SCORE ((RENAME_SCORE_MIN + RENAME_SCORE_MAX) / 2)
#define SAME_MAX        100u /* sources of one content that are tried for a target */
#define BEST_MAX        4u   /* sources that are kept for a target in the last search */

struct rename_search {
	const struct rename_options *options;
	struct rename_source *sources;
	size_t source_count;
	struct rename_target *targets;
	size_t target_count;
	bool *is_used; /* by source */
	size_t *left;
	size_t left_count;
	size_t *wanted; /* targets that take part */
	size_t wanted_count;
	size_t found_count;
	struct rename_folders folders;
	struct file_pieces *source_pieces, *target_pieces;
	struct piece_counter counter;
};

static bool is_file(enum file_mode mode)
{
	return mode == MODE_FILE || mode == MODE_EXECUTABLE;
}

static bool same_base_name(const struct rename_search *search, size_t source, size_t target)
{
	return name_equal(name_base(search->sources[source].path), name_base(search->targets[target].path));
}

static int match(struct rename_search *search, size_t source, size_t target, unsigned score)
{
	search->targets[target].source = source;
	search->targets[target].score = (uint16_t)score;
	search->is_used[source] = true;
	search->found_count++;
	if (!search->options->merging)
		return 0;
	return rename_folders_count(&search->folders, search->sources[source].path, search->targets[target].path);
}

/* ---- the same content ---- */

struct by_content {
	const struct oid *id;
	size_t source;
};

static int order_by_content(const void *a, const void *b)
{
	const struct by_content *x = a, *y = b;
	int order = memcmp(x->id, y->id, sizeof(*x->id));

	return order ? order : (x->source > y->source) - (x->source < y->source);
}

static size_t first_of(const struct by_content *at, size_t count, const struct oid *id)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;
		if (memcmp(at[middle].id, id, sizeof(*id)) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/* Best one that has the same base name; else the first. */
static size_t same_content(const struct rename_search *search, const struct by_content *at, size_t target)
{
	const struct rename_target *wanted = &search->targets[target];
	size_t found = RENAME_NONE, tried = 0;

	for (size_t i = first_of(at, search->left_count, &wanted->id); i < search->left_count && tried < SAME_MAX; i++) {
		const struct rename_source *source = &search->sources[at[i].source];
		if (memcmp(at[i].id, &wanted->id, sizeof(wanted->id)) != 0)
			break;
		if (search->is_used[at[i].source])
			continue;
		if (source->mode != wanted->mode && !(is_file(source->mode) && is_file(wanted->mode)))
			continue;
		if (same_base_name(search, at[i].source, target))
			return at[i].source;
		if (found == RENAME_NONE)
			found = at[i].source;
		tried++;
	}
	return found;
}

static int find_same_content(struct rename_search *search)
{
	struct by_content *at = malloc((search->left_count + 1) * sizeof(*at));
	int rc = at ? 0 : ERR_MEMORY;

	for (size_t i = 0; i < search->left_count && !rc; i++)
		at[i] = (struct by_content){&search->sources[search->left[i]].id, search->left[i]};
	if (!rc)
		qsort(at, search->left_count, sizeof(*at), order_by_content);
	for (size_t i = 0; i < search->wanted_count && !rc; i++) {
		size_t source = same_content(search, at, search->wanted[i]);
		if (source != RENAME_NONE)
			rc = match(search, source, search->wanted[i], RENAME_SCORE_MAX);
	}
	free(at);
	return rc;
}

static void forget_used(struct rename_search *search, bool irrelevant_too)
{
	size_t kept = 0;

	for (size_t i = 0; i < search->left_count; i++) {
		size_t source = search->left[i];
		bool stays = !search->is_used[source] && !(irrelevant_too && search->sources[source].need == RENAME_NEED_NOTHING);
		if (stays)
			search->left[kept++] = source;
	}
	search->left_count = kept;
}

/* ---- similarity ---- */

/* Whether sizes alone rule it out. */
static bool is_too_different(uint64_t a, uint64_t b, unsigned score_min)
{
	uint64_t larger = a > b ? a : b, difference = a > b ? a - b : b - a;

	return larger * (RENAME_SCORE_MAX - score_min) < difference * RENAME_SCORE_MAX;
}

static int count_pieces(struct rename_search *search, struct bytes data, struct file_pieces *pieces)
{
	return pieces->at ? 0 : file_pieces_count(&search->counter, data, pieces);
}

/* 0 also if it is less than `score_min` for certain. */
static int score_of(struct rename_search *search, size_t source, size_t target, unsigned score_min, unsigned *out_score)
{
	const struct rename_source *old = &search->sources[source];
	const struct rename_target *new = &search->targets[target];
	uint32_t larger = old->data.bytes > new->data.bytes ? old->data.bytes : new->data.bytes;
	int rc;

	*out_score = 0;
	if (!is_file(old->mode) || !is_file(new->mode) || new->data.bytes == 0 ||
	    is_too_different(old->data.bytes, new->data.bytes, score_min))
		return 0;
	rc = count_pieces(search, old->data, &search->source_pieces[source]);
	if (!rc)
		rc = count_pieces(search, new->data, &search->target_pieces[target]);
	if (!rc)
		*out_score =
			(unsigned)((double)file_pieces_common(&search->source_pieces[source], &search->target_pieces[target]) *
				   RENAME_SCORE_MAX / larger);
	return rc;
}

/* ---- the same base name ---- */

/* Numbers of what has a name, RENAME_NONE where there are several. */
static int note_name(struct name_map *map, struct name name, size_t number)
{
	size_t before = map->count, *noted = name_map_put(map, 0, name, number);

	if (!noted)
		return ERR_MEMORY;
	if (map->count == before)
		*noted = RENAME_NONE;
	return 0;
}

struct base_names {
	struct name_map sources;
	struct name_map targets;
	struct name_map target_paths;
};

static int note_names(const struct rename_search *search, struct base_names *names)
{
	int rc = 0;

	for (size_t i = 0; i < search->left_count && !rc; i++)
		rc = note_name(&names->sources, name_base(search->sources[search->left[i]].path), search->left[i]);
	for (size_t i = 0; i < search->wanted_count && !rc; i++) {
		const struct rename_target *target = &search->targets[search->wanted[i]];
		if (target->source != RENAME_NONE)
			continue;
		rc = note_name(&names->targets, name_base(target->path), search->wanted[i]);
		if (!rc && search->options->merging)
			rc = note_name(&names->target_paths, name_of(target->path), search->wanted[i]);
	}
	return rc;
}

/* The target that a source would be if it went with its folder. */
static int target_in_folder(const struct rename_search *search, const struct base_names *names, size_t source, size_t *out_target)
{
	struct name folder, base = name_base(search->sources[source].path);
	const size_t *target;
	char *path;

	*out_target = RENAME_NONE;
	if (!search->options->merging || !rename_folders_target(&search->folders, search->sources[source].path, &folder))
		return 0;
	path = malloc(folder.bytes + 1 + base.bytes);
	if (!path)
		return ERR_MEMORY;
	memcpy(path, folder.at, folder.bytes);
	path[folder.bytes] = '/';
	memcpy(path + folder.bytes + 1, base.at, base.bytes);
	target = name_map_find(&names->target_paths, 0, (struct name){path, folder.bytes + 1 + base.bytes});
	if (target)
		*out_target = *target;
	free(path);
	return 0;
}

static int try_base_name(struct rename_search *search, const struct base_names *names, size_t source)
{
	struct name base = name_base(search->sources[source].path);
	const size_t *only_source = name_map_find(&names->sources, 0, base),
		     *only_target = name_map_find(&names->targets, 0, base);
	size_t target;
	unsigned score;
	int rc = 0;

	if (!only_target)
		return 0;
	target = *only_target;
	if (!only_source || *only_source == RENAME_NONE || target == RENAME_NONE)
		rc = target_in_folder(search, names, source, &target);
	if (rc || target == RENAME_NONE || search->targets[target].source != RENAME_NONE)
		return rc;
	rc = score_of(search, source, target, BASE_NAME_SCORE, &score);
	return rc || score < BASE_NAME_SCORE ? rc : match(search, source, target, score);
}

static int find_same_base_name(struct rename_search *search)
{
	struct base_names names = {0};
	bool merging = search->options->merging;
	int rc = note_names(search, &names);

	for (size_t i = 0; i < search->left_count && !rc; i++)
		if (!merging || search->sources[search->left[i]].need != RENAME_NEED_NOTHING)
			rc = try_base_name(search, &names, search->left[i]);
	name_map_release(&names.sources);
	name_map_release(&names.targets);
	name_map_release(&names.target_paths);
	return rc;
}

/* ---- the most similar ---- */

struct candidate {
	size_t source;
	size_t target; /* RENAME_NONE: none */
	unsigned score;
	bool has_base_name;
	size_t order; /* in which they were found */
};

/* Less than 0: a is better. */
static int compare_candidates(const struct candidate *a, const struct candidate *b)
{
	bool has_a = a->target != RENAME_NONE, has_b = b->target != RENAME_NONE;

	if (has_a != has_b)
		return has_a ? -1 : 1;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (int)b->has_base_name - (int)a->has_base_name;
}

static int order_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = compare_candidates(x, y);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void keep_if_better(struct candidate best[BEST_MAX], const struct candidate *candidate)
{
	size_t worst = 0;

	for (size_t i = 1; i < BEST_MAX; i++)
		if (compare_candidates(&best[i], &best[worst]) > 0)
			worst = i;
	if (compare_candidates(&best[worst], candidate) > 0)
		best[worst] = *candidate;
}

static int find_candidates(struct rename_search *search, size_t target, struct candidate best[BEST_MAX])
{
	int rc = 0;

	for (size_t i = 0; i < BEST_MAX; i++)
		best[i] = (struct candidate){.target = RENAME_NONE};
	for (size_t i = 0; i < search->left_count && !rc; i++) {
		struct candidate candidate = {.source = search->left[i], .target = target};
		rc = score_of(search, candidate.source, target, RENAME_SCORE_MIN, &candidate.score);
		candidate.has_base_name = same_base_name(search, candidate.source, target);
		keep_if_better(best, &candidate);
	}
	return rc;
}

static int match_best(struct rename_search *search, struct candidate *candidates, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		candidates[i].order = i;
	qsort(candidates, count, sizeof(*candidates), order_candidates);
	for (size_t i = 0; i < count && !rc; i++) {
		const struct candidate *candidate = &candidates[i];
		if (candidate->target == RENAME_NONE || candidate->score < RENAME_SCORE_MIN)
			break;
		if (search->targets[candidate->target].source == RENAME_NONE && !search->is_used[candidate->source])
			rc = match(search, candidate->source, candidate->target, candidate->score);
	}
	return rc;
}

static int find_most_similar(struct rename_search *search)
{
	struct candidate *candidates = malloc(BEST_MAX * (search->wanted_count + 1) * sizeof(*candidates));
	size_t count = 0;
	int rc = candidates ? 0 : ERR_MEMORY;

	for (size_t i = 0; i < search->wanted_count && !rc; i++) {
		if (search->targets[search->wanted[i]].source != RENAME_NONE)
			continue;
		rc = find_candidates(search, search->wanted[i], candidates + count);
		count += BEST_MAX;
	}
	if (!rc)
		rc = match_best(search, candidates, count);
	free(candidates);
	return rc;
}

/* ---- all of it ---- */

/* The name of the blob without bytes. */
static const struct oid empty_id = {
	{0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c, 0x53, 0x91}};

static bool takes_part(const struct rename_search *search, const struct oid *id)
{
	return !search->options->skip_empty || memcmp(id, &empty_id, sizeof(*id)) != 0;
}

static int search_init(struct rename_search *search)
{
	size_t sources = search->source_count + 1, targets = search->target_count + 1;

	search->is_used = calloc(sources, sizeof(*search->is_used));
	search->left = malloc(sources * sizeof(*search->left));
	search->wanted = malloc(targets * sizeof(*search->wanted));
	search->source_pieces = calloc(sources, sizeof(*search->source_pieces));
	search->target_pieces = calloc(targets, sizeof(*search->target_pieces));
	if (!search->is_used || !search->left || !search->wanted || !search->source_pieces || !search->target_pieces)
		return ERR_MEMORY;
	for (size_t i = 0; i < search->source_count; i++)
		if (takes_part(search, &search->sources[i].id))
			search->left[search->left_count++] = i;
	for (size_t i = 0; i < search->target_count; i++)
		if (takes_part(search, &search->targets[i].id))
			search->wanted[search->wanted_count++] = i;
	return search->options->merging ? rename_folders_init(&search->folders, search->options) : 0;
}

static void search_release(struct rename_search *search)
{
	for (size_t i = 0; i < search->source_count && search->source_pieces; i++)
		free(search->source_pieces[i].at);
	for (size_t i = 0; i < search->target_count && search->target_pieces; i++)
		free(search->target_pieces[i].at);
	free(search->is_used);
	free(search->left);
	free(search->wanted);
	free(search->source_pieces);
	free(search->target_pieces);
	piece_counter_release(&search->counter);
	rename_folders_release(&search->folders);
}

/* What exact renames and those known before tell about folders. */
static int learn_folders(struct rename_search *search)
{
	const struct rename_options *options = search->options;
	int rc = 0;

	for (size_t i = 0; i < options->known_count && !rc; i++)
		if (options->known[i].to)
			rc = rename_folders_count(&search->folders, options->known[i].from, options->known[i].to);
	return rc ? rc : rename_folders_guess(&search->folders);
}

static bool is_over_limit(const struct rename_search *search, size_t targets)
{
	uint64_t limit = search->options->limit;

	return limit > 0 && (uint64_t)targets * search->left_count > limit * limit;
}

static int search_by_similarity(struct rename_search *search, struct renames *renames)
{
	bool merging = search->options->merging;
	size_t targets;
	int rc = find_same_base_name(search);

	forget_used(search, merging);
	if (!rc && merging)
		rc = rename_folders_cull(&search->folders, search->sources, search->left, &search->left_count);
	targets = search->wanted_count - search->found_count;
	if (rc || targets == 0 || search->left_count == 0)
		return rc;
	if (is_over_limit(search, targets)) {
		renames->limit_needed = (unsigned)(targets > search->left_count ? targets : search->left_count);
		return 0;
	}
	return find_most_similar(search);
}

static int search_all(struct rename_search *search, struct renames *renames)
{
	bool merging = search->options->merging;
	int rc;

	if (search->left_count == 0 || search->wanted_count == 0)
		return 0;
	rc = find_same_content(search);
	forget_used(search, false);
	if (!rc && merging)
		rc = learn_folders(search);
	if (!rc)
		rc = search_by_similarity(search, renames);
	return !rc && merging ? rename_folders_result(&search->folders, renames) : rc;
}

int renames_find(const struct rename_options *options, struct rename_source *sources, size_t source_count,
		 struct rename_target *targets, size_t target_count, struct renames *out_renames)
{
	struct rename_search search = {.options = options,
				       .sources = sources,
				       .source_count = source_count,
				       .targets = targets,
				       .target_count = target_count};
	int rc;

	*out_renames = (struct renames){0};
	for (size_t i = 0; i < target_count; i++) {
		targets[i].source = RENAME_NONE;
		targets[i].score = 0;
	}
	rc = search_init(&search);
	if (!rc)
		rc = search_all(&search, out_renames);
	search_release(&search);
	return rc;
}

void renames_release(struct renames *renames)
{
	free(renames->memory);
	*renames = (struct renames){0};
}
