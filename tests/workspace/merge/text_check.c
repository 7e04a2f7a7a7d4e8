/* SPDX-License-Identifier: MIT
 *
 * How conflicts are judged without believing any of our own code: if each is decided for ours, the file has to be what libgit2 makes
 * when it is told to favour ours; the same for theirs. Ranges of the base are seen in the text with marks.
 */
#include "tests/workspace/merge/text_check.h"

#include <git2.h>
#include <string.h>

#include "workspace/merge/text_pieces.h"

static git_merge_file_input input_of(struct bytes text)
{
	git_merge_file_input input;

	git_merge_file_input_init(&input, GIT_MERGE_FILE_INPUT_VERSION);
	input.ptr = (const char *)text.at;
	input.size = text.bytes;
	return input;
}

static int oracle(const struct text_merge *merge, git_merge_file_options *options, git_merge_file_result *out_result)
{
	git_merge_file_input base = input_of(merge->base), ours = input_of(merge->ours), theirs = input_of(merge->theirs);

	return git_merge_file(out_result, &base, &ours, &theirs, options);
}

static bool is_text(struct bytes text, const void *at, size_t bytes)
{
	return text.bytes == bytes && (bytes == 0 || memcmp(text.at, at, bytes) == 0);
}

static bool is_result(const struct buffer *out, const git_merge_file_result *result)
{
	return out->bytes == result->len && (out->bytes == 0 || memcmp(out->at, result->ptr, out->bytes) == 0);
}

/* ---- conflicts as data ---- */

static bool is_line_start(struct bytes text, size_t at)
{
	return at == 0 || text.at[at - 1] == '\n';
}

static size_t lines_in(struct bytes text, size_t from, size_t to)
{
	size_t lines = 0;

	for (size_t i = from; i < to; i++)
		lines += text.at[i] == '\n' || i + 1 == text.bytes;
	return lines;
}

/* Bytes and lines of a range are two ways to say the same, and it comes after the one before. */
static bool is_range(struct bytes text, const struct text_range *range, const struct text_range *last)
{
	size_t end = range->at + range->bytes;

	if (end > text.bytes || range->at < last->at + last->bytes || range->line < last->line + last->lines)
		return false;
	if (!is_line_start(text, range->at) && !(range->at == text.bytes && range->bytes == 0))
		return false;
	if (end < text.bytes && !is_line_start(text, end))
		return false;
	return lines_in(text, 0, range->at) == range->line && lines_in(text, range->at, end) == range->lines;
}

/* Both sides came to the same lines; where they came to none, git says so all the same. */
static bool is_settled(const struct text_merge *merge, const struct text_conflict *conflict)
{
	return conflict->ours.bytes > 0 && conflict->ours.bytes == conflict->theirs.bytes &&
	       memcmp(merge->ours.at + conflict->ours.at, merge->theirs.at + conflict->theirs.at, conflict->ours.bytes) == 0;
}

static const char *check_ranges(const struct text_merge *merge, const struct text_conflicts *conflicts)
{
	struct text_conflict last = {0};

	for (size_t i = 0; i < conflicts->count; i++) {
		const struct text_conflict *conflict = &conflicts->at[i];
		if (!is_range(merge->base, &conflict->base, &last.base) || !is_range(merge->ours, &conflict->ours, &last.ours) ||
		    !is_range(merge->theirs, &conflict->theirs, &last.theirs) || conflict->offset < last.offset)
			return "a range of a conflict is not one of whole lines, or out of order";
		if (is_settled(merge, conflict))
			return "a conflict in which both sides are the same";
		last = *conflict;
	}
	return NULL;
}

/* The file with every conflict decided for one side. */
static int decide(const struct text_merge *merge, const struct buffer *text, const struct text_conflicts *conflicts,
		  bool for_ours, struct buffer *out)
{
	size_t at = 0;
	int rc = 0;

	for (size_t i = 0; i < conflicts->count && !rc; i++) {
		const struct text_conflict *conflict = &conflicts->at[i];
		const struct text_range *range = for_ours ? &conflict->ours : &conflict->theirs;
		rc = buffer_append(out, text->at + at, conflict->offset - at);
		if (!rc && range->bytes > 0)
			rc = buffer_append(out, (for_ours ? merge->ours : merge->theirs).at + range->at, range->bytes);
		at = conflict->offset;
	}
	return rc ? rc : text->bytes > at ? buffer_append(out, text->at + at, text->bytes - at) : 0;
}

static const char *check_decided(const struct text_merge *merge, const struct buffer *text,
				 const struct text_conflicts *conflicts, bool for_ours)
{
	git_merge_file_options options;
	git_merge_file_result result;
	struct text_marks favour = {.favour_theirs = true};
	struct buffer out = {0};
	const char *wrong = "no memory";
	size_t count = 0;

	git_merge_file_options_init(&options, GIT_MERGE_FILE_OPTIONS_VERSION);
	options.favor = for_ours ? GIT_MERGE_FILE_FAVOR_OURS : GIT_MERGE_FILE_FAVOR_THEIRS;
	if (oracle(merge, &options, &result) < 0)
		return wrong;
	if (!decide(merge, text, conflicts, for_ours, &out))
		wrong = is_result(&out, &result) ? NULL : "conflicts decided for one side are not what git makes of them";
	out.bytes = 0;
	if (!wrong && !for_ours)
		wrong = text_merge_marked(merge, &favour, &out, &count) ? "no memory"
			: is_result(&out, &result) && count > 0         ? NULL
									: "what is favoured is not what git favours";
	git_merge_file_result_free(&result);
	buffer_release(&out);
	return wrong;
}

static const char *check_conflicts(const struct text_merge *merge, const struct buffer *text,
				   const struct text_conflicts *conflicts)
{
	const char *wrong = conflicts->count == 0 ? "a conflict without a place" : check_ranges(merge, conflicts);

	if (!wrong)
		wrong = check_decided(merge, text, conflicts, true);
	if (!wrong)
		wrong = check_decided(merge, text, conflicts, false);
	return wrong;
}

/* ---- the result ---- */

static const char *check_outcome(const struct text_merge *merge, enum text_outcome outcome, const struct buffer *text,
				 const struct text_conflicts *conflicts, const git_merge_file_result *result)
{
	bool taken = outcome == TEXT_OURS || outcome == TEXT_THEIRS;
	struct bytes side = outcome == TEXT_OURS ? merge->ours : merge->theirs;

	if (outcome != TEXT_CONFLICTS && conflicts->count > 0)
		return "conflicts without a conflict";
	if ((taken || outcome == TEXT_BINARY) && text->bytes > 0)
		return "something was written where nothing is";
	if (taken && !result->ptr) /* libgit2 declines to look at binary files at all */
		return NULL;
	if (outcome == TEXT_BINARY)
		return result->ptr || result->automergeable ? "git sees text" : NULL;
	if (!result->ptr && result->len == 0 && !result->automergeable)
		return "git sees no text";
	if ((outcome == TEXT_CONFLICTS) == (result->automergeable != 0))
		return outcome == TEXT_CONFLICTS ? "a conflict where git sees none" : "no conflict where git sees one";
	if (taken)
		return is_text(side, result->ptr, result->len) ? NULL : "git takes another side";
	if (outcome == TEXT_CONFLICTS)
		return check_conflicts(merge, text, conflicts);
	return is_result(text, result)   ? NULL
	       : outcome == TEXT_SPLICED ? "spliced otherwise than git"
					 : "merged otherwise than git";
}

static const char *check_merge(const struct text_merge *merge, enum text_outcome *out_outcome)
{
	struct buffer text = {0};
	struct text_conflicts conflicts = {0};
	git_merge_file_result result;
	const char *wrong = "no memory";

	if (oracle(merge, NULL, &result) < 0)
		return wrong;
	if (!text_merge(merge, out_outcome, &text, &conflicts))
		wrong = check_outcome(merge, *out_outcome, &text, &conflicts, &result);
	git_merge_file_result_free(&result);
	buffer_release(&text);
	text_conflicts_release(&conflicts);
	return wrong;
}

/* ---- marks ---- */

static const struct {
	enum text_style style;
	uint32_t flag;
} styles[] = {{TEXT_STYLE_MERGE, GIT_MERGE_FILE_STYLE_MERGE},
	      {TEXT_STYLE_DIFF3, GIT_MERGE_FILE_STYLE_DIFF3},
	      {TEXT_STYLE_ZDIFF3, GIT_MERGE_FILE_STYLE_ZDIFF3}};

static void choose(unsigned choice, struct text_marks *marks, git_merge_file_options *options)
{
	static const unsigned short sizes[] = {0, 7, 11, 1};

	git_merge_file_options_init(options, GIT_MERGE_FILE_OPTIONS_VERSION);
	*marks = (struct text_marks){
		.style = styles[choice % 3].style,
		.join_punctuation = choice / 3 % 2,
		.size = sizes[choice / 6 % 4],
		.base_label = "before",
		.ours_label = "our side",
		.theirs_label = "theirs",
	};
	options->flags = styles[choice % 3].flag | (marks->join_punctuation ? GIT_MERGE_FILE_SIMPLIFY_ALNUM : 0);
	options->marker_size = (unsigned short)marks->size;
	options->ancestor_label = "before";
	options->our_label = "our side";
	options->their_label = "theirs";
}

static const char *check_marked(const struct text_merge *merge, unsigned choice, enum text_outcome outcome)
{
	git_merge_file_options options;
	git_merge_file_result result;
	struct text_marks marks;
	struct buffer out = {0};
	size_t count = 0;
	const char *wrong = NULL;
	int rc;

	choose(choice, &marks, &options);
	if (oracle(merge, &options, &result) < 0)
		return "no memory";
	rc = text_merge_marked(merge, &marks, &out, &count);
	if (outcome == TEXT_BINARY)
		wrong = rc == ERR_STATE && out.bytes == 0 ? NULL : "bytes that are not text were marked";
	else if (rc)
		wrong = "marks failed";
	else if (outcome > TEXT_THEIRS && (!is_result(&out, &result) || (count == 0) != (result.automergeable != 0)))
		wrong = "marked otherwise than git";
	git_merge_file_result_free(&result);
	buffer_release(&out);
	return wrong;
}

/* ---- the fast path ---- */

static int compare_lines(const struct text_merge *merge, struct text_pieces *pieces, struct buffer *out, bool *out_is_clean)
{
	size_t line = 0;
	int rc = text_pieces_find(merge, pieces);

	*out_is_clean = true;
	for (size_t i = 0; i < pieces->count && !rc; i++) {
		const struct text_piece *piece = &pieces->at[i];
		struct bytes before = text_lines_of(&pieces->ours, (struct text_span){line, piece->ours.first});
		struct bytes taken = piece->kind == PIECE_THEIRS ? text_lines_of(&pieces->theirs, piece->theirs)
								 : text_lines_of(&pieces->ours, piece->ours);
		*out_is_clean = *out_is_clean && (piece->kind == PIECE_OURS || piece->kind == PIECE_THEIRS);
		rc = buffer_append(out, before.at, before.bytes);
		if (!rc)
			rc = buffer_append(out, taken.at, taken.bytes);
		line = piece->ours.end;
	}
	if (!rc) {
		struct bytes rest = text_lines_of(&pieces->ours, (struct text_span){line, pieces->ours.count});
		rc = buffer_append(out, rest.at, rest.bytes);
	}
	return rc;
}

const char *text_check_splice(const struct text_merge *merge, enum text_outcome *out_outcome)
{
	struct text_splice splice;
	struct text_pieces pieces = {0};
	struct buffer fast = {0}, slow = {0};
	const char *wrong = NULL;
	bool is_clean;

	*out_outcome = text_splice(merge, &splice);
	if (*out_outcome != TEXT_SPLICED)
		return NULL;
	if (text_splice_append(&splice, &fast) || compare_lines(merge, &pieces, &slow, &is_clean))
		wrong = "no memory";
	else if (!is_clean)
		wrong = "spliced where lines compared are in conflict";
	else if (fast.bytes != slow.bytes || (fast.bytes > 0 && memcmp(fast.at, slow.at, fast.bytes) != 0))
		wrong = "spliced otherwise than by comparing lines";
	buffer_release(&fast);
	buffer_release(&slow);
	text_pieces_release(&pieces);
	return wrong;
}

/* ---- scripts ---- */

/* Between two changes both texts have the same lines, and the changes are in order and apart. */
static bool leads_over(const struct text_lines *old, const struct text_lines *new, const struct text_script *script)
{
	struct text_change end = {{old->count, old->count}, {new->count, new->count}};
	size_t i = 0, j = 0;

	for (size_t n = 0; n <= script->count; n++) {
		const struct text_change *change = n < script->count ? &script->at[n] : &end;
		if (change->old.first < i || change->old.first - i != change->new.first - j ||
		    (n > 0 && n < script->count && change->old.first == i) ||
		    (n < script->count && change->old.first == change->old.end && change->new.first == change->new.end))
			return false;
		for (; i < change->old.first; i++, j++)
			if (old->number[i] != new->number[j])
				return false;
		i = change->old.end;
		j = change->new.end;
	}
	return true;
}

static const char *check_scripts(const struct text_merge *merge)
{
	const struct bytes texts[] = {merge->ours, merge->theirs};
	struct text_script script = {0};
	struct text_differ *differ = NULL;
	struct text_lines lines[2];
	uint32_t numbers;
	const char *wrong = NULL;

	if (text_lines_read(texts, 2, lines, &numbers))
		return "no memory";
	if (text_differ_new(numbers, &differ))
		wrong = "no memory";
	for (unsigned way = 0; way < 4 && !wrong; way++) {
		struct text_part old = {&lines[0], {0, lines[0].count}}, new = {&lines[1], {0, lines[1].count}};
		if (text_diff(differ, old, new, (enum text_algorithm)(way % 2), way / 2, &script))
			wrong = "no memory";
		else if (!leads_over(&lines[0], &lines[1], &script))
			wrong = "a script that does not make one text of the other";
	}
	text_script_release(&script);
	text_differ_free(differ);
	text_lines_release(&lines[0]);
	text_lines_release(&lines[1]);
	return wrong;
}

const char *text_check(const struct text_merge *merge, unsigned choice, enum text_outcome *out_outcome)
{
	struct text_merge other = *merge;
	const char *wrong = text_check_splice(merge, out_outcome);

	other.algorithm = TEXT_HISTOGRAM;
	if (!wrong)
		wrong = text_check_splice(&other, out_outcome);
	if (!wrong)
		wrong = check_scripts(merge);
	if (!wrong)
		wrong = check_merge(merge, out_outcome);
	return wrong ? wrong : check_marked(merge, choice, *out_outcome);
}
