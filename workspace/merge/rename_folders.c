/* SPDX-License-Identifier: MIT
 *
 * A file that goes from a/b/c/x to a/d/c/y tells that a/b/c went to a/d/c and a/b to a/d: as far up as the names stay the same.
 */
#include "workspace/merge/rename_folders.h"

#include <stdlib.h>
#include <string.h>

/* Not a path: files of which nobody knows yet. */
static const struct name unknown = {"/", 1};

int rename_folders_init(struct rename_folders *folders, const struct rename_options *options)
{
	folders->folders = options->folders;
	folders->folder_count = options->folder_count;
	folders->tallies_of = malloc((options->folder_count + 1) * sizeof(*folders->tallies_of));
	if (!folders->tallies_of)
		return ERR_MEMORY;
	for (size_t i = 0; i < options->folder_count; i++) {
		folders->tallies_of[i] = (struct folder_tallies){.first = SIZE_MAX, .last = SIZE_MAX};
		if (!name_map_put(&folders->by_path, 0, name_of(options->folders[i].path), i))
			return ERR_MEMORY;
	}
	return 0;
}

void rename_folders_release(struct rename_folders *folders)
{
	free(folders->tallies_of);
	free(folders->tallies);
	name_map_release(&folders->by_path);
	name_map_release(&folders->by_target);
}

/* ---- counting ---- */

static struct tally *tally_new(struct rename_folders *folders, size_t folder, struct name to)
{
	struct folder_tallies *of = &folders->tallies_of[folder];
	size_t number = folders->tally_count;

	if (number == folders->tally_capacity) {
		size_t capacity = number > 0 ? 2 * number : 64;
		struct tally *tallies = realloc(folders->tallies, capacity * sizeof(*tallies));
		if (!tallies)
			return NULL;
		folders->tallies = tallies;
		folders->tally_capacity = capacity;
	}
	folders->tallies[number] = (struct tally){.to = to, .next = SIZE_MAX};
	folders->tally_count++;
	if (of->last == SIZE_MAX)
		of->first = number;
	else
		folders->tallies[of->last].next = number;
	of->last = number;
	of->count++;
	return &folders->tallies[number];
}

static int tally_add(struct rename_folders *folders, size_t folder, struct name to)
{
	size_t *number = name_map_put(&folders->by_target, folder, to, SIZE_MAX);
	struct tally *tally;

	if (!number)
		return ERR_MEMORY;
	if (*number == SIZE_MAX) {
		*number = folders->tally_count;
		if (!tally_new(folders, folder, to)) {
			*number = SIZE_MAX;
			return ERR_MEMORY;
		}
	}
	tally = &folders->tallies[*number];
	tally->count++;
	return 0;
}

/* What a path loses when it becomes its folder. The last component; if that is all of it, git does not see its first character on the old side. */
static struct name lost_part(struct name path, bool is_old)
{
	struct name folder = name_folder(path);
	size_t skipped = folder.bytes > 0 || (path.bytes > 0 && path.at[0] == '/') ? folder.bytes + 1 : is_old;

	return (struct name){path.at + skipped, path.bytes - skipped};
}

int rename_folders_count(struct rename_folders *folders, const char *from, const char *to)
{
	struct name old = name_folder(name_of(from)), new = name_folder(name_of(to));
	bool is_first = true;

	while (true) {
		size_t *folder = name_map_find(&folders->by_path, 0, old);
		enum rename_folder_need need;
		int rc;
		if (!folder)
			return 0;
		need = folders->folders[*folder].need;
		rc = need == RENAME_FOLDER_FOR_SELF || is_first ? tally_add(folders, *folder, new) : 0;
		if (rc || need == RENAME_FOLDER_NOTHING || old.bytes == 0 || new.bytes == 0)
			return rc;
		is_first = false;
		if (!name_equal(lost_part(old, true), lost_part(new, false)))
			return 0;
		old = name_folder(old);
		new = name_folder(new);
	}
}

/* ---- the order in which git looks at them ---- */

/* FNV-1, as git's string maps use it (Fowler, Noll, Vo). */
static uint32_t fnv(struct name name)
{
	uint32_t hash = 0x811c9dc5u;

	for (size_t i = 0; i < name.bytes; i++)
		hash = hash * 0x01000193u ^ (uint8_t)name.at[i];
	return hash;
}

/* A chained table, as git's: new ones come first in their chain, it grows fourfold when it is filled to four fifths, and then chains are turned round. */
struct chains {
	size_t *heads;
	size_t *next;
	size_t size;
};

static void chain(struct chains *chains, size_t entry, uint32_t hash)
{
	size_t *head = &chains->heads[hash & (chains->size - 1)];

	chains->next[entry] = *head;
	*head = entry;
}

static int chains_grow(struct chains *chains, const struct tally *const *tallies)
{
	struct chains larger = {.next = chains->next, .size = chains->size > 0 ? 4 * chains->size : 64};

	larger.heads = malloc(larger.size * sizeof(*larger.heads));
	if (!larger.heads)
		return ERR_MEMORY;
	for (size_t i = 0; i < larger.size; i++)
		larger.heads[i] = SIZE_MAX;
	for (size_t i = 0; i < chains->size; i++) {
		for (size_t entry = chains->heads[i], next; entry != SIZE_MAX; entry = next) {
			next = chains->next[entry];
			chain(&larger, entry, fnv(tallies[entry]->to));
		}
	}
	free(chains->heads);
	*chains = larger;
	return 0;
}

static const struct tally *first_in_order(const struct chains *chains, const struct tally *const *tallies, unsigned count)
{
	for (size_t i = 0; i < chains->size; i++)
		for (size_t entry = chains->heads[i]; entry != SIZE_MAX; entry = chains->next[entry])
			if (tallies[entry]->count == count)
				return tallies[entry];
	return NULL;
}

/* The first with the highest count. */
static int find_winner(const struct rename_folders *folders, const struct folder_tallies *of, unsigned highest,
		       const struct tally **out_winner)
{
	const struct tally **tallies = malloc(of->count * sizeof(const struct tally *));
	struct chains chains = {.next = malloc(of->count * sizeof(*chains.next))};
	size_t count = 0;
	int rc = tallies && chains.next ? chains_grow(&chains, tallies) : ERR_MEMORY;

	for (size_t i = of->first; i != SIZE_MAX && !rc; i = folders->tallies[i].next) {
		tallies[count] = &folders->tallies[i];
		chain(&chains, count, fnv(tallies[count]->to));
		count++;
		if (count > chains.size * 80 / 100)
			rc = chains_grow(&chains, tallies);
	}
	if (!rc)
		*out_winner = first_in_order(&chains, tallies, highest);
	free(chains.heads);
	free(chains.next);
	free(tallies);
	return rc;
}

static int guess(const struct rename_folders *folders, struct folder_tallies *of)
{
	const struct tally *winner = NULL;
	bool is_tied = false;
	int rc = 0;

	for (size_t i = of->first; i != SIZE_MAX; i = folders->tallies[i].next) {
		const struct tally *tally = &folders->tallies[i];
		is_tied = winner && (tally->count == winner->count || (is_tied && tally->count < winner->count));
		if (!winner || tally->count > winner->count)
			winner = tally;
	}
	if (is_tied)
		rc = find_winner(folders, of, winner->count, &winner);
	if (!rc && winner)
		of->guess = winner->to;
	return rc;
}

int rename_folders_guess(struct rename_folders *folders)
{
	int rc = 0;

	for (size_t i = 0; i < folders->folder_count && !rc; i++)
		rc = guess(folders, &folders->tallies_of[i]);
	return rc;
}

bool rename_folders_target(const struct rename_folders *folders, const char *from, struct name *out_folder)
{
	const size_t *folder = name_map_find(&folders->by_path, 0, name_folder(name_of(from)));

	if (!folder || !folders->tallies_of[*folder].guess.at)
		return false;
	*out_folder = folders->tallies_of[*folder].guess;
	return true;
}

/* ---- enough is known ---- */

static int count_unknown(struct rename_folders *folders, const char *path)
{
	int rc = 0;

	for (struct name folder = name_folder(name_of(path)); folder.bytes > 0 && !rc; folder = name_folder(folder)) {
		const size_t *number = name_map_find(&folders->by_path, 0, folder);
		if (!number || folders->folders[*number].need == RENAME_FOLDER_NOTHING)
			break;
		rc = tally_add(folders, *number, unknown);
	}
	return rc;
}

/* One place has more files than any other could still get. */
static bool is_decided(const struct rename_folders *folders, const struct folder_tallies *of)
{
	unsigned first = 0, second = 0, open = 0;

	for (size_t i = of->first; i != SIZE_MAX; i = folders->tallies[i].next) {
		const struct tally *tally = &folders->tallies[i];
		if (name_equal(tally->to, unknown)) {
			open = tally->count;
		} else if (tally->count >= first) {
			second = first;
			first = tally->count;
		} else if (tally->count > second) {
			second = tally->count;
		}
	}
	return first > second + open;
}

static bool is_needed_for_folder(const struct rename_folders *folders, const char *path)
{
	struct name folder = name_of(path);

	do {
		const size_t *number;
		folder = name_folder(folder);
		number = name_map_find(&folders->by_path, 0, folder);
		if (!number || folders->folders[*number].need == RENAME_FOLDER_NOTHING)
			return false;
		if (folders->folders[*number].need == RENAME_FOLDER_FOR_SELF)
			return true;
	} while (folder.bytes > 0);
	return false;
}

int rename_folders_cull(struct rename_folders *folders, struct rename_source *sources, size_t *left, size_t *left_count)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < *left_count && !rc; i++)
		rc = count_unknown(folders, sources[left[i]].path);
	if (rc)
		return rc;
	for (size_t i = 0; i < folders->folder_count; i++)
		if (folders->folders[i].need == RENAME_FOLDER_FOR_SELF && is_decided(folders, &folders->tallies_of[i]))
			folders->folders[i].need = RENAME_FOLDER_FOR_PARENT;
	for (size_t i = 0; i < *left_count; i++) {
		struct rename_source *source = &sources[left[i]];
		if (source->need == RENAME_NEED_PLACE && !is_needed_for_folder(folders, source->path))
			source->need = RENAME_NEED_NO_MORE;
		else
			left[kept++] = left[i];
	}
	*left_count = kept;
	return 0;
}

/* ---- the result ---- */

static bool is_told(const struct rename_folders *folders, size_t folder, const struct tally *tally)
{
	return folders->folders[folder].need != RENAME_FOLDER_NOTHING && !name_equal(tally->to, unknown);
}

static size_t result_bytes(const struct rename_folders *folders)
{
	size_t bytes = 0;

	for (size_t i = 0; i < folders->folder_count; i++)
		for (size_t t = folders->tallies_of[i].first; t != SIZE_MAX; t = folders->tallies[t].next)
			bytes +=
				sizeof(struct rename_count) + strlen(folders->folders[i].path) + folders->tallies[t].to.bytes + 2;
	return bytes;
}

static char *put_text(char **at, const char *text, size_t bytes)
{
	char *put = *at;

	memcpy(put, text, bytes);
	put[bytes] = 0;
	*at += bytes + 1;
	return put;
}

int rename_folders_result(const struct rename_folders *folders, struct renames *out_renames)
{
	struct rename_count *counts = malloc(result_bytes(folders) + 1);
	char *text;

	if (!counts)
		return ERR_MEMORY;
	out_renames->memory = counts;
	out_renames->counts = counts;
	text = (char *)(counts + folders->tally_count);
	for (size_t i = 0; i < folders->folder_count; i++) {
		for (size_t t = folders->tallies_of[i].first; t != SIZE_MAX; t = folders->tallies[t].next) {
			const struct tally *tally = &folders->tallies[t];
			struct rename_count *count = &counts[out_renames->count_count];
			if (!is_told(folders, i, tally))
				continue;
			count->from = put_text(&text, folders->folders[i].path, strlen(folders->folders[i].path));
			count->to = put_text(&text, tally->to.at, tally->to.bytes);
			count->count = tally->count;
			out_renames->count_count++;
		}
	}
	return 0;
}
