/* SPDX-License-Identifier: MIT
 *
 * What `bunshin` is to an attempt, and no more: `tool …` and `attempt`. Besides the real specialists it has some that tests
 * need: one that works for ever, one that finds more than a message carries, one whose program is missing.
 */
#include <stdio.h>
#include <string.h>

#include "actors/attempt.h"
#include "clones/result.h"
#include "tools/tool.h"

static void plan_one(struct plan *plan, const char *name, const char *const *argv)
{
	struct step *step = &plan->step[plan->count++];
	*step = (struct step){.name = name};
	for (size_t i = 0; argv[i]; i++)
		step->argv[i] = argv[i];
}

#define PLAN_ONE(plan, name, ...) plan_one(plan, name, (const char *const[]){__VA_ARGS__, NULL})

static json_t *conclude_runs(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result = result_begin(target, "fake", "fake");
	for (size_t i = 0; i < plan->count; i++)
		result_add_run(result, &plan->step[i], &outputs[i], NULL);
	return result_end(result);
}

static int plan_endless(const struct target *target, struct arena *arena, struct plan *plan, char why[256])
{
	(void)target;
	(void)arena;
	(void)why;
	PLAN_ONE(plan, "quick", "echo", "done");
	PLAN_ONE(plan, "endless", "sh", "-c", "(setsid sleep 1000 &); echo started; sleep 1000");
	PLAN_ONE(plan, "never", "true");
	return 0;
}

static int plan_missing(const struct target *target, struct arena *arena, struct plan *plan, char why[256])
{
	(void)target;
	(void)arena;
	(void)why;
	PLAN_ONE(plan, "absent", "no-such-program-anywhere");
	PLAN_ONE(plan, "own", "bunshin", "tool", "inventory");
	return 0;
}

/* Prints what it sees, so that a test can compare. */
static int plan_look(const struct target *target, struct arena *arena, struct plan *plan, char why[256])
{
	(void)target;
	(void)arena;
	(void)why;
	PLAN_ONE(plan, "read-only", "sh", "-c",
		 "pwd; cat file; git log --format=%s -1 2>&1 || true; echo x > made 2>/dev/null || echo refused");
	PLAN_ONE(plan, "writable", "sh", "-c", "pwd; cat file; cat ignored 2>/dev/null; echo x > made && echo written");
	plan->step[1].writes = true;
	PLAN_ONE(plan, "again", "sh", "-c", "cat made; exit 3");
	plan->step[2].writes = true;
	PLAN_ONE(plan, "dependent", "true");
	plan->step[3].after_success = true;
	return 0;
}

static json_t *conclude_look(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	json_t *result = conclude_runs(target, plan, outputs);
	for (size_t i = 0; i < plan->count; i++)
		json_object_set_new(result, plan->step[i].name,
				    outputs[i].ran ? text_json((const char *)outputs[i].out.at, outputs[i].out.bytes, 1000)
						   : json_string(outputs[i].why));
	return result;
}

static int plan_large(const struct target *target, struct arena *arena, struct plan *plan, char why[256])
{
	(void)target;
	(void)arena;
	(void)why;
	PLAN_ONE(plan, "numbers", "seq", "1", "20000");
	PLAN_ONE(plan, "secret", "seq", "1", "20000");
	plan->step[1].confidential = true;
	return 0;
}

static json_t *conclude_large(const struct target *target, const struct plan *plan, const struct output *outputs)
{
	struct result *result = result_begin(target, "fake", "fake");
	for (size_t i = 0; i < plan->count; i++)
		result_add_run(result, &plan->step[i], &outputs[i], NULL);
	for (int i = 0; i < 1500; i++) {
		char title[64];
		snprintf(title, sizeof(title), "finding %d of a great many, each with some words", i);
		result_add_finding(result,
				   &(struct finding){.rule = "fake", .title = title, .path = "file", .line = (uint32_t)i + 1});
	}
	return result_end(result);
}

static int plan_refused(const struct target *target, struct arena *arena, struct plan *plan, char why[256])
{
	(void)target;
	(void)arena;
	(void)plan;
	snprintf(why, 256, "parameters.colour must be a colour");
	return ERR_INVALID_PARAMETERS;
}

static const struct specialist specialists[] = {
	{.role = "fake", .task_type = "endless", .plan = plan_endless, .conclude = conclude_runs},
	{.role = "fake", .task_type = "missing", .plan = plan_missing, .conclude = conclude_runs},
	{.role = "fake", .task_type = "look", .plan = plan_look, .conclude = conclude_look},
	{.role = "fake", .task_type = "large", .plan = plan_large, .conclude = conclude_large},
	{.role = "fake", .task_type = "refused", .plan = plan_refused, .conclude = conclude_runs},
};

static const struct specialist *find(const char *task_type)
{
	for (size_t i = 0; i < sizeof(specialists) / sizeof(specialists[0]); i++)
		if (strcmp(specialists[i].task_type, task_type) == 0)
			return &specialists[i];
	return specialist_for_type(task_type);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "tool") == 0)
		return tool_main(argc - 1, argv + 1);
	return attempt_run(find);
}
