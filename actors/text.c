/* SPDX-License-Identifier: MIT
 *
 * What Omega's own messages say to people: sentences made from the facts of the record and the state of the core.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actors/shell.h"
#include "protocol/id.h"

static struct text written(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

static struct text print(char out[SENTENCE_TEXT_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static struct text print(char out[SENTENCE_TEXT_BYTES], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out, SENTENCE_TEXT_BYTES, format, arguments);
	va_end(arguments);
	return written(out);
}

/* ---- Refusal ---- */

static struct text refuse_type(struct shell *shell)
{
	const struct text *asked = &shell->event->message->task_request.task_type;
	const struct table *table = omega_table(shell->omega);
	char known[256] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < table->route_count && used + TASK_TYPE_BYTES + 2 < sizeof(known); i++)
		if (!table->route[i].retired)
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
						 table->route[i].task_type);
	return print(shell->sentence, "no route serves the task type \"%.*s\"; there are %s", (int)asked->bytes, asked->at,
		     used ? known : "no routes at all");
}

static struct text refuse_overload(struct shell *shell, const struct refusal *refusal)
{
	struct omega_counters counters;

	omega_count(shell->omega, &counters);
	return print(shell->sentence, "the queue is full: %llu tasks are live; try again in %u ms",
		     (unsigned long long)counters.live, refusal->retry_after_ms);
}

static struct text refuse_right(struct shell *shell, const struct refusal *refusal)
{
	const struct message *message = shell->event->message;

	if (message->type == MESSAGE_HELLO)
		return print(shell->sentence, "the key of %s does not allow the name \"%.*s\" with the role \"%.*s\"",
			     shell->event->peer, (int)message->hello.peer.bytes, message->hello.peer.at,
			     (int)message->hello.role.bytes, message->hello.role.at);
	if (strcmp(message->header.sender, shell->event->peer) != 0)
		return print(shell->sentence, "this connection belongs to %s and may not speak for %s", shell->event->peer,
			     message->header.sender[0] ? message->header.sender : "nobody");
	return print(shell->sentence, "%s may not send %s here", shell->event->peer,
		     message_name((enum message_type)refusal->refused_type));
}

static struct text refuse(struct shell *shell, const struct refusal *refusal)
{
	switch (refusal->code) {
	case ERROR_UNKNOWN_TYPE:
		return refuse_type(shell);
	case ERROR_OVERLOADED:
		return refuse_overload(shell, refusal);
	case ERROR_NOT_ALLOWED:
		return refuse_right(shell, refusal);
	case ERROR_INVALID_PARAMETERS:
		if (refusal->refused_type == MESSAGE_STATUS_QUERY)
			return written("a receipt is asked for by the id of a task, or as seq:N by the number of a record");
		return written("the parameters of a task must be a JSON object");
	case ERROR_SECRET:
		return print(shell->sentence, "%s stands in it, where it cannot be masked; nothing of it was kept",
			     shell->secret ? shell->secret : "a value that is kept secret");
	case ERROR_VERSION:
		return print(shell->sentence, "protocol version %u is spoken here", PROTOCOL_VERSION);
	case ERROR_STATE:
		if (refusal->refused_type == MESSAGE_STATUS_QUERY)
			return written("no checkpoint covers this record yet; one comes within seconds");
		return written(error_sentence((int)refusal->code));
	case ERROR_CONFLICT:
		return written("this id or idempotency key already names a task that was asked for with another type, other "
			       "parameters or limits");
	default:
		return written(error_sentence((int)refusal->code));
	}
}

/* ---- TaskFailure ---- */

static struct text times(uint32_t count, const char *noun, char out[64])
{
	snprintf(out, 64, "%u %s%s", count, noun, count == 1 ? "" : "s");
	return written(out);
}

static void write_failure(struct shell *shell, struct task_failure *failure)
{
	char attempts[64];

	times(failure->attempts, "attempt", attempts);
	switch (failure->code) {
	case ERROR_CANCELLED:
		if (failure->processes_left == UINT32_MAX)
			failure->sentence = written("cancelled; the clone did not confirm that its processes are gone");
		else if (failure->attempts)
			failure->sentence = print(shell->sentence, "cancelled; %u processes were ended, %u are left",
						  failure->processes_ended, failure->processes_left);
		else
			failure->sentence = written("cancelled before any clone had begun");
		break;
	case ERROR_EXPIRED:
		failure->sentence = print(shell->sentence, "the overall deadline passed after %s", attempts);
		break;
	default:
		failure->sentence = print(shell->sentence, "given up after %s: %s", attempts, error_sentence((int)failure->code));
		break;
	}
}

/* ---- ErrorEscalation, RecoveryResult ---- */

static void write_escalation(struct shell *shell, const struct record *record, struct error_escalation *escalation)
{
	char attempts[64];
	char id[ID_TEXT_BYTES];

	id_print(&record->message.header.task_id, id);
	times(escalation->attempts, "attempt", attempts);
	escalation->tried = print(shell->sentence, "task %s: %s came to nothing; the last error: %s", id, attempts,
				  error_sentence((int)escalation->code));
	escalation->asked =
		print(shell->second,
		      "look at it with `bunshin audit show %s`, then `bunshin recover replay %s`, or leave it failed", id, id);
}

/* False if there is nothing particular to say. */
static bool write_erasure(struct shell *shell, struct recovery_result *result)
{
	if (!result->code && shell->erase_sentence[0])
		result->sentence = written(shell->erase_sentence);
	else if (result->code == ERROR_STATE)
		result->sentence = written("the task is live and needs its texts; cancel it first, then erase it");
	else if (result->code == ERROR_NOT_FOUND && result->verb == VERB_PRUNE)
		result->sentence = written("nothing that is so old is left to erase");
	else if (result->code == ERROR_INVALID_PARAMETERS)
		result->sentence = written("a prune names its moment in milliseconds since 1970 (UTC)");
	else
		return false;
	return true;
}

static void write_result(struct shell *shell, struct recovery_result *result)
{
	const char *verb = verb_name(result->verb);

	if (result->verb == VERB_RELOAD_ROUTES && shell->reload_sentence[0])
		result->sentence = written(shell->reload_sentence);
	else if ((result->verb == VERB_ERASE || result->verb == VERB_PRUNE) && write_erasure(shell, result))
		return;
	else if (!result->code)
		result->sentence = print(shell->sentence, "%s: done", verb);
	else if (result->code == ERROR_STATE && shell->event->message->recovery_action.known_erased)
		result->sentence = written("the texts of this task were erased, so nobody can take it up again; send it anew");
	else if (result->code == ERROR_STATE)
		result->sentence = print(shell->sentence, "%s does not fit the state of this task or clone", verb);
	else if (result->code == ERROR_NOT_FOUND)
		result->sentence = print(shell->sentence, "%s: there is no such task, clone or role", verb);
	else
		result->sentence = print(shell->sentence, "%s: %s", verb, error_sentence((int)result->code));
}

void text_write(struct shell *shell, struct record *record)
{
	struct message *message = &record->message;

	message->payload = (struct bytes){0};
	switch (message->type) {
	case MESSAGE_REFUSAL:
		message->refusal.sentence = refuse(shell, &message->refusal);
		break;
	case MESSAGE_TASK_FAILURE:
		write_failure(shell, &message->task_failure);
		break;
	case MESSAGE_ERROR_ESCALATION:
		write_escalation(shell, record, &message->error_escalation);
		break;
	case MESSAGE_RECOVERY_RESULT:
		write_result(shell, &message->recovery_result);
		break;
	case MESSAGE_STATUS_RESPONSE:
		status_write(shell, record);
		break;
	default:
		break;
	}
}
