/* SPDX-License-Identifier: MIT
 *
 * The verdict: everything has to agree before a run is called good; what says otherwise first, in this order, gives the class.
 *
 *	it never started · we stopped it · a limit of ours was reached · the program said what went wrong · it ended by a signal or with a
 *	status · it never said how it ended, or claimed no success · something unreadable came last · an answer was cut · no token came back ·
 *	a tool was denied · nothing was changed
 *
 * Of a program that speaks ACP the answer to its prompt is the end; how its process ends afterwards says nothing.
 */
#include <stdio.h>
#include <string.h>

#include "clones/agents/cli.h"
#include "clones/agents/run.h"

struct judgement {
	enum agent_class class;
	unsigned status;
	struct text words; /* of the program; may be nothing */
	const char *ours;  /* or a sentence of ours, instead of the class's; may be NULL */
};

static struct text note_text(const struct agent_note *note)
{
	return (struct text){note->at, note->bytes};
}

static enum agent_class class_of_stop(enum agent_stop stop)
{
	switch (stop) {
	case AGENT_STOP_WALL:
		return AGENT_CLASS_TIMEOUT_WALL;
	case AGENT_STOP_IDLE:
		return AGENT_CLASS_TIMEOUT_IDLE;
	case AGENT_STOP_BUDGET:
		return AGENT_CLASS_LIMIT_BUDGET;
	default:
		return AGENT_CLASS_CANCELLED;
	}
}

/* Of one that ran out of time it is worth more to know what it was waiting for. An error without a reason is what it says of our stop itself. */
static struct judgement of_stop(const struct agent_run *run, enum agent_stop stop)
{
	bool in_time = stop == AGENT_STOP_CANCELLED || stop == AGENT_STOP_BUDGET;

	if (!in_time && run->error != AGENT_CLASS_NONE && run->error != AGENT_CLASS_CRASH)
		return (struct judgement){.class = run->error, .status = run->status, .words = note_text(&run->error_words)};
	if (!in_time && run->retry_class != AGENT_CLASS_NONE)
		return (struct judgement){.class = run->retry_class, .status = run->retry_status};
	return (struct judgement){.class = class_of_stop(stop)};
}

/* A bare status: the table's meaning, else HTTP's, else what stands on the standard error, else what it was retrying when it ended. */
static struct judgement of_status(const struct agent_run *run, const struct agent_ending *ending)
{
	const struct agent_cli *cli = run->cli;
	struct judgement judgement = {.words = ending->err};
	int status = ending->exit_status;

	for (size_t i = 0; i < AGENT_STATUSES_MAX && cli->statuses[i].exit_status; i++) {
		if (cli->statuses[i].exit_status == status)
			judgement.class = cli->statuses[i].class;
	}
	if (judgement.class == AGENT_CLASS_NONE && cli->status_is_http && status >= 144 && status <= 255) {
		judgement.status = (unsigned)status + 256;
		judgement.class = agent_class_of_status(judgement.status, ending->err);
	}
	if (judgement.class == AGENT_CLASS_NONE)
		judgement.class = agent_class_of_words(ending->err, &judgement.status);
	if (judgement.class == AGENT_CLASS_NONE && run->retry_class != AGENT_CLASS_NONE)
		judgement = (struct judgement){.class = run->retry_class, .status = run->retry_status};
	if (judgement.class == AGENT_CLASS_NONE)
		judgement.class = AGENT_CLASS_CRASH;
	return judgement;
}

static struct judgement of_silence(const struct agent_run *run)
{
	if (run->retry_class != AGENT_CLASS_NONE)
		return (struct judgement){.class = run->retry_class, .status = run->retry_status};
	if (run->garbage + run->unknown >= run->lines)
		return (struct judgement){.class = AGENT_CLASS_PROTOCOL, .ours = "it printed nothing that can be understood"};
	return (struct judgement){.class = AGENT_CLASS_TRUNCATED, .ours = "it ended without saying how"};
}

/* It says that all is well, and ended with 0: what speaks against that? */
static struct judgement of_claim(const struct agent_run *run, const struct agent_ending *ending)
{
	bool nothing = ending->changed == AGENT_CHANGED_NOTHING && ending->change_wanted;

	if (run->no_memory)
		return (struct judgement){.class = AGENT_CLASS_CRASH,
					  .ours = "some of what it printed was lost here, for want of memory"};
	if (run->damaged)
		return (struct judgement){.class = AGENT_CLASS_PROTOCOL, .ours = "what it printed last cannot be read"};
	if (run->rejected.bytes)
		return (struct judgement){.class = AGENT_CLASS_TRUNCATED, .words = note_text(&run->rejected)};
	if (run->cli->needs_usage && run->usage.out == 0) {
		if (run->turns == 0 && run->reported_turns == 0)
			return (struct judgement){.class = AGENT_CLASS_CONFIG, .ours = "it never asked the model"};
		return (struct judgement){.class = AGENT_CLASS_TRUNCATED, .ours = "not a token came back from the model"};
	}
	if (run->denied.bytes)
		return (struct judgement){.class = nothing ? AGENT_CLASS_BLOCKED : AGENT_CLASS_DENIED,
					  .words = note_text(&run->denied)};
	return (struct judgement){.class = nothing ? AGENT_CLASS_NO_CHANGE : AGENT_CLASS_NONE};
}

static struct judgement judge(const struct agent_run *run, const struct agent_ending *ending)
{
	if (ending->not_installed)
		return (struct judgement){.class = AGENT_CLASS_NOT_INSTALLED};
	if (ending->stop != AGENT_STOP_NONE && !agent_run_over(run))
		return of_stop(run, ending->stop);
	if (agent_run_over(run))
		return (struct judgement){.class = run->limit};
	if (run->error != AGENT_CLASS_NONE && run->error != AGENT_CLASS_CRASH)
		return (struct judgement){.class = run->error, .status = run->status, .words = note_text(&run->error_words)};
	if (run->denied.bytes && !run->final)
		return (struct judgement){.class = ending->changed == AGENT_CHANGED_NOTHING ? AGENT_CLASS_BLOCKED
											    : AGENT_CLASS_DENIED,
					  .words = note_text(&run->denied)};
	if (run->cli->speaks_acp && run->final) /* what ends it then is the end of its input, or we */
		return run->error != AGENT_CLASS_NONE ? (struct judgement){.class = run->error,
									   .status = run->status,
									   .words = note_text(&run->error_words)}
						      : of_claim(run, ending);
	if (ending->exit_status < 0)
		return (struct judgement){.class = AGENT_CLASS_CRASH, .ours = "a signal that was not ours ended it"};
	if (ending->exit_status > 0)
		return of_status(run, ending);
	if (run->error != AGENT_CLASS_NONE)
		return (struct judgement){.class = run->error, .status = run->status, .words = note_text(&run->error_words)};
	if (!run->final)
		return of_silence(run);
	return of_claim(run, ending);
}

/* Words of a program in one line: no control characters, no half of a UTF-8 sequence at the cut. */
static void append_words(char *why, size_t capacity, struct text words)
{
	size_t used = strlen(why), most = capacity - 1, i;

	for (i = 0; i < words.bytes && used < most; i++) {
		unsigned char byte = (unsigned char)words.at[i];
		why[used++] = byte < 0x20 || byte == 0x7F ? ' ' : (char)byte;
	}
	if (i < words.bytes && ((unsigned char)words.at[i] & 0xC0) == 0x80) { /* the cut is inside a character */
		while (used > 0 && ((unsigned char)why[used - 1] & 0xC0) == 0x80)
			used--;
		used -= used > 0;
	}
	why[used] = '\0';
}

void agent_run_verdict(const struct agent_run *run, const struct agent_ending *ending, struct agent_verdict *out_verdict)
{
	struct judgement judgement = judge(run, ending);

	*out_verdict = (struct agent_verdict){.ok = judgement.class == AGENT_CLASS_NONE,
					      .class = judgement.class,
					      .retry = agent_class_retryable(judgement.class),
					      .status = judgement.status};
	if (out_verdict->ok)
		return;
	snprintf(out_verdict->why, sizeof(out_verdict->why), "%s%s",
		 judgement.ours ? judgement.ours : agent_class_sentence(judgement.class), judgement.words.bytes ? ": " : "");
	append_words(out_verdict->why, sizeof(out_verdict->why), judgement.words);
}
