/* SPDX-License-Identifier: MIT
 *
 * What must be true of the core in numbers: shares, waits, attempts, memory; and that it refuses damaged snapshots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/core/twin.h"

struct bench {
	struct twin twin;
	struct table table;
	struct records records;
	uint32_t ids;
	uint32_t tables;
};

static struct text say(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

static struct id make_id(struct bench *bench)
{
	struct id id = {{1}};
	uint32_t number = ++bench->ids;
	memcpy(id.bytes + 12, &number, 4);
	return id;
}

static int step(struct bench *bench, const char *peer, struct message *message)
{
	struct event event = {.message = message};
	snprintf(event.peer, sizeof(event.peer), "%s", peer);
	message->header.message_id = make_id(bench);
	return twin_step(&bench->twin, &event, &bench->records);
}

static void install(struct bench *bench)
{
	static uint8_t bytes[TABLE_BYTES_MAX];
	size_t used;
	struct message message = {.type = MESSAGE_ROUTES_LOADED};
	assert_int_equal(table_encode(&bench->table, bytes, sizeof(bytes), &used), 0);
	message.routes_loaded = (struct routes_loaded){.version = ++bench->tables, .table = {bytes, (uint32_t)used}};
	assert_int_equal(step(bench, "", &message), 0);
	assert_int_equal(bench->records.item[0].verdict, 0);
}

static struct route *add_route(struct bench *bench, const char *task_type, const char *destination)
{
	struct route *route = &bench->table.route[bench->table.route_count++];
	*route = (struct route){.destination_count = 1,
				.priority = PRIORITY_MEDIUM,
				.start_ms = 600000,
				.timeout_ms = 60000,
				.timeout_max_ms = 60000,
				.heartbeat_ms = 10000,
				.deadline_ms = 3600000,
				.backoff = {100, 1000, 2000, 0},
				.queue_max = 1000000};
	snprintf(route->task_type, sizeof(route->task_type), "%s", task_type);
	snprintf(route->destination[0], ROLE_BYTES, "%s", destination);
	return route;
}

static struct bench *bench_new(uint32_t tasks_max)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct omega_limits limits = {.tasks_max = tasks_max, .recent_max = 64};
	struct message boot = {.type = MESSAGE_BOOT};
	assert_non_null(bench);
	twin_init(&bench->twin, &limits);
	bench->twin.compare = false;
	table_init(&bench->table);
	bench->table.tasks_max = tasks_max;
	boot.boot.seed.bytes[0] = 7;
	assert_int_equal(step(bench, "", &boot), 0);
	return bench;
}

static void bench_free(struct bench *bench)
{
	twin_compare(&bench->twin);
	twin_release(&bench->twin);
	free(bench);
}

static void join(struct bench *bench, const char *name, const char *role, uint32_t slots)
{
	struct message message = {.type = MESSAGE_HELLO};
	message.hello = (struct hello){.role = say(role), .peer = say(name), .slots = slots, .version_min = 1, .version_max = 1};
	assert_int_equal(step(bench, name, &message), 0);
}

static struct id request(struct bench *bench, const char *task_type, uint32_t priority)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	message.header.task_id = make_id(bench);
	message.task_request.task_type = say(task_type);
	message.task_request.priority = priority;
	assert_int_equal(step(bench, "client/alice/1", &message), 0);
	return message.header.task_id;
}

static const struct record *find_record(const struct bench *bench, enum message_type type)
{
	for (size_t i = 0; i < bench->records.count; i++)
		if (bench->records.item[i].message.type == type && bench->records.item[i].direction != DIRECTION_IN)
			return &bench->records.item[i];
	return NULL;
}

/* Starts and ends the attempt that `assignment` gave; the records of the end stay in bench->records. */
static void finish(struct bench *bench, const struct record *assignment, uint32_t code)
{
	struct record copy = *assignment;
	const struct task_assignment *facts = &copy.message.task_assignment;
	struct message message = {.type = MESSAGE_TASK_STARTED};
	message.header.task_id = copy.message.header.task_id;
	message.task_started = (struct task_started){facts->attempt, facts->lease};
	assert_int_equal(step(bench, copy.peer, &message), 0);
	message.type = code ? MESSAGE_TASK_FAILURE : MESSAGE_TASK_COMPLETION;
	if (code)
		message.task_failure = (struct task_failure){.attempt = facts->attempt, .lease = facts->lease, .code = code};
	else
		message.task_completion = (struct task_completion){.attempt = facts->attempt, .lease = facts->lease};
	assert_int_equal(step(bench, copy.peer, &message), 0);
}

static void test_each_priority_gets_its_share_of_every_round(void **state)
{
	struct bench *bench = bench_new(1024);
	uint32_t served[PRIORITY_COUNT] = {0};
	(void)state;
	bench->table.age_ms = 0;
	add_route(bench, "work", "beta");
	install(bench);
	for (uint32_t i = 0; i < 160; i++)
		for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
			request(bench, "work", p);
	join(bench, "beta/1", "beta", 1);
	uint32_t round = 0;
	for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
		round += bench->table.weight[p];
	for (uint32_t i = 1; i <= 10 * round; i++) {
		const struct record *assignment = find_record(bench, MESSAGE_TASK_ASSIGNMENT);
		assert_non_null(assignment);
		served[assignment->message.task_assignment.priority]++;
		if (i % round == 0)
			for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
				assert_int_equal(served[p], bench->table.weight[p] * (i / round));
		finish(bench, assignment, 0);
	}
	bench_free(bench);
}

static void test_with_age_a_low_task_overtakes_a_flood_of_urgent_ones(void **state)
{
	struct bench *bench = bench_new(1024);
	(void)state;
	bench->table.age_ms = 1000;
	bench->table.weight[PRIORITY_LOW] = 1;
	bench->table.weight[PRIORITY_URGENT] = 1000000;
	add_route(bench, "work", "beta");
	install(bench);
	struct id low = request(bench, "work", PRIORITY_LOW);
	uint32_t served = 0;
	join(bench, "beta/1", "gone", 1);
	for (uint32_t i = 0; i < 3; i++)
		request(bench, "work", PRIORITY_URGENT);
	join(bench, "beta/1", "beta", 1);
	for (;; served++) {
		const struct record *assignment = find_record(bench, MESSAGE_TASK_ASSIGNMENT);
		assert_non_null(assignment);
		if (id_equal(&assignment->message.header.task_id, &low))
			break;
		struct record copy = *assignment;
		bench->twin.now_ms += 500;
		request(bench, "work", PRIORITY_URGENT);
		finish(bench, &copy, 0);
	}
	assert_in_range(served, 3, 8); /* it counts as urgent after three seconds, and then it is the oldest */
	bench_free(bench);
}

static void test_work_goes_where_most_slots_are_free_and_turns_are_taken(void **state)
{
	struct bench *bench = bench_new(64);
	char order[64] = "";
	(void)state;
	add_route(bench, "work", "beta");
	install(bench);
	join(bench, "beta/1", "beta", 1);
	join(bench, "beta/2", "beta", 3);
	join(bench, "beta/3", "beta", 2);
	for (uint32_t i = 0; i < 7; i++) {
		request(bench, "work", 0);
		const struct record *assignment = find_record(bench, MESSAGE_TASK_ASSIGNMENT);
		strcat(order, assignment ? strchr(assignment->peer, '/') : "/-");
	}
	assert_string_equal(order, "/2/3/2/1/3/2/-");
	bench_free(bench);
}

/* Each policy against the formula: how often, and how long between. */
static void check_policy(uint32_t retries, struct backoff backoff, uint32_t seed)
{
	struct bench *bench = bench_new(16);
	struct route *route = add_route(bench, "work", "beta");
	route->retries = retries;
	route->backoff = backoff;
	bench->table.breaker_failures = 1000;
	bench->ids = seed;
	install(bench);
	join(bench, "beta/1", "beta", 1);
	request(bench, "work", 0);
	uint64_t wait = backoff.initial_ms;
	for (uint32_t attempt = 1; attempt <= retries; attempt++) {
		finish(bench, find_record(bench, MESSAGE_TASK_ASSIGNMENT), ERROR_TASK_FAILED);
		const struct record *retry = find_record(bench, MESSAGE_RETRY_SCHEDULED);
		uint64_t longest = wait < backoff.maximum_ms ? wait : backoff.maximum_ms;
		uint64_t shortest = longest - longest * backoff.jitter_permille / 1000;
		assert_non_null(retry);
		assert_in_range(retry->message.retry_scheduled.wait_ms, shortest ? shortest : 1, longest);
		assert_int_equal(omega_deadline(bench->twin.live), bench->twin.now_ms + retry->message.retry_scheduled.wait_ms);
		bench->twin.now_ms = omega_deadline(bench->twin.live);
		struct message timer = {.type = MESSAGE_TIMER};
		assert_int_equal(step(bench, "", &timer), 0);
		if (wait < backoff.maximum_ms)
			wait = wait * backoff.factor_permille / 1000;
	}
	finish(bench, find_record(bench, MESSAGE_TASK_ASSIGNMENT), ERROR_TASK_FAILED);
	const struct record *outcome = find_record(bench, MESSAGE_TASK_FAILURE);
	assert_non_null(outcome);
	assert_int_equal(outcome->message.task_failure.attempts, retries + 1);
	assert_int_equal(outcome->message.task_failure.state, STATE_FAILED);
	bench_free(bench);
}

static void test_retries_and_backoff_follow_the_formula(void **state)
{
	uint64_t random = 42;
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		uint32_t initial = 1 + (uint32_t)(random >> 33) % 5000;
		struct backoff backoff = {initial, initial + (uint32_t)(random >> 40) % 60000,
					  1000 + (uint32_t)(random >> 20) % 4000, (uint32_t)(random >> 50) % 1001};
		check_policy((uint32_t)(random >> 60) % 8, backoff, i * 1000);
	}
}

static void test_a_task_that_keeps_talking_is_never_timed_out_by_silence(void **state)
{
	struct bench *bench = bench_new(16);
	struct route *route = add_route(bench, "work", "beta");
	(void)state;
	route->timeout_ms = route->timeout_max_ms = route->deadline_ms = 31u * 24 * 3600 * 1000;
	install(bench);
	join(bench, "beta/1", "beta", 1);
	request(bench, "work", 0);
	struct record assignment = *find_record(bench, MESSAGE_TASK_ASSIGNMENT);
	struct message message = {.type = MESSAGE_TASK_STARTED};
	message.header.task_id = assignment.message.header.task_id;
	message.task_started = (struct task_started){1, assignment.message.task_assignment.lease};
	assert_int_equal(step(bench, "beta/1", &message), 0);
	for (uint32_t i = 0; i < 30 * 24 * 60; i += 10) { /* thirty days, a word every ten minutes of a heartbeat of eleven */
		uint32_t pace = route->heartbeat_ms - 1;
		bench->twin.now_ms += pace;
		assert_true(omega_deadline(bench->twin.live) > bench->twin.now_ms);
		message.type = MESSAGE_TASK_PROGRESS;
		message.task_progress = (struct task_progress){.attempt = 1, .lease = assignment.message.task_assignment.lease};
		assert_int_equal(step(bench, "beta/1", &message), 0);
	}
	assert_int_equal(omega_deadline(bench->twin.live), bench->twin.now_ms + route->heartbeat_ms);
	bench_free(bench);
}

static void test_a_damaged_snapshot_is_refused(void **state)
{
	struct bench *bench = bench_new(64);
	struct records records;
	(void)state;
	add_route(bench, "work", "beta");
	install(bench);
	join(bench, "beta/1", "beta", 2);
	for (uint32_t i = 0; i < 5; i++)
		request(bench, "work", 0);
	twin_snapshot(&bench->twin, &records);
	const struct kept *kept = &bench->twin.kept[bench->twin.kept_count - 1];
	size_t core_bytes = omega_bytes(&bench->twin.limits);
	for (size_t cut = 0; cut < kept->state.bytes; cut++) {
		struct omega *omega;
		void *memory = calloc(1, core_bytes);
		uint8_t *part = malloc(cut ? cut : 1);
		assert_true(memory && part);
		memcpy(part, kept->state.at, cut);
		assert_int_equal(omega_init(memory, core_bytes, &bench->twin.limits, &omega), 0);
		struct record record = twin_read(kept);
		record.message.snapshot.state = (struct bytes){part, (uint32_t)cut};
		assert_true(omega_apply(omega, &record) != 0);
		free(part);
		free(memory);
		if (cut > 64 && cut < kept->state.bytes - 4096)
			cut += 36;
	}
	bench_free(bench);
}

static void test_the_queue_is_bounded_and_a_task_costs_less_than_a_kilobyte(void **state)
{
	struct omega_limits few = {.tasks_max = 1, .recent_max = 1}, many = {.tasks_max = 100001, .recent_max = 1};
	struct bench *bench = bench_new(10);
	(void)state;
	assert_true((omega_bytes(&many) - omega_bytes(&few)) / 100000 < 1024);
	add_route(bench, "work", "beta");
	install(bench);
	for (uint32_t i = 0; i < 10; i++)
		request(bench, "work", 0);
	request(bench, "work", 0);
	const struct record *refusal = find_record(bench, MESSAGE_REFUSAL);
	assert_non_null(refusal);
	assert_int_equal(refusal->message.refusal.code, ERROR_OVERLOADED);
	assert_true(refusal->message.refusal.retry_after_ms > 0);
	bench_free(bench);
}

static void test_explain_says_who_would_get_it_and_why_the_others_do_not(void **state)
{
	struct bench *bench = bench_new(16);
	struct candidate candidate[8];
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};
	(void)state;
	struct route *route = add_route(bench, "work", "beta");
	route->destination_count = 2;
	snprintf(route->destination[1], ROLE_BYTES, "gamma");
	install(bench);
	join(bench, "beta/1", "beta", 1);
	join(bench, "beta/2", "beta", 2);
	join(bench, "beta/3", "beta", 2);
	join(bench, "gamma/1", "gamma", 2);
	request(bench, "work", 0);
	message.recovery_action.verb = VERB_DRAIN;
	message.recovery_action.target = say("beta/3");
	assert_int_equal(step(bench, "operator/olga/1", &message), 0);
	assert_int_equal(omega_explain(bench->twin.live, "work", candidate, 8), 4);
	assert_false(candidate[0].chosen && candidate[1].chosen);
	assert_true(candidate[0].chosen || candidate[1].chosen);
	assert_string_equal(candidate[2].why, "draining");
	assert_string_equal(candidate[3].clone.name, "gamma/1");
	assert_string_equal(candidate[3].why, "an earlier destination comes first");
	assert_int_equal(omega_explain(bench->twin.live, "nothing", candidate, 8), 0);
	bench_free(bench);
}

static void test_people_and_the_workspace_are_no_clones(void **state)
{
	static const char *const others[] = {"client", "operator", "auditor", "workspace"};
	struct bench *bench = bench_new(16);
	struct clone_view view;
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		join(bench, others[i], others[i], 0);
	assert_int_equal(omega_clone_count(bench->twin.live), 0);
	join(bench, "workspace/2", "workspace", 1); /* a clone of the time when the name was free */
	assert_int_equal(omega_clone_count(bench->twin.live), 1);
	assert_int_equal(omega_clone(bench->twin.live, 0, &view), 0);
	assert_string_equal(view.name, "workspace/2");
	bench_free(bench);
}

/* ---- children ---- */

static struct record assigned(struct bench *bench)
{
	const struct record *assignment = find_record(bench, MESSAGE_TASK_ASSIGNMENT);
	assert_non_null(assignment);
	return *assignment;
}

static void start(struct bench *bench, const struct record *assignment, bool waiting)
{
	const struct task_assignment *facts = &assignment->message.task_assignment;
	struct message message = {.type = MESSAGE_TASK_STARTED};
	message.header.task_id = assignment->message.header.task_id;
	message.task_started = (struct task_started){facts->attempt, facts->lease};
	assert_int_equal(step(bench, assignment->peer, &message), 0);
	message.type = MESSAGE_TASK_PROGRESS;
	message.task_progress = (struct task_progress){.attempt = facts->attempt, .lease = facts->lease, .waiting = waiting};
	assert_int_equal(step(bench, assignment->peer, &message), 0);
}

static uint32_t ask_child(struct bench *bench, const struct record *parent)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	message.header.task_id = make_id(bench);
	message.task_request.task_type = say("change");
	message.task_request.parent = parent->message.header.task_id;
	message.task_request.parent_lease = parent->message.task_assignment.lease;
	assert_int_equal(step(bench, parent->peer, &message), 0);
	return bench->records.item[0].verdict;
}

static void test_an_attempt_has_so_many_children_and_no_more(void **state)
{
	struct bench *bench = bench_new(1024);
	(void)state;
	add_route(bench, "race", "judge");
	add_route(bench, "change", "shadow");
	install(bench);
	join(bench, "judge/1", "judge", 1);
	request(bench, "race", 0);
	struct record parent = assigned(bench);
	start(bench, &parent, true);
	for (uint32_t i = 0; i < CHILDREN_MAX; i++)
		assert_int_equal(ask_child(bench, &parent), 0);
	assert_int_equal(ask_child(bench, &parent), ERROR_OVERLOADED);
	bench_free(bench);
}

/* They give their slots back, but each is a process. */
static void test_a_clone_gets_so_many_attempts_that_wait_and_no_more(void **state)
{
	struct bench *bench = bench_new(1024);
	struct record first;
	(void)state;
	add_route(bench, "race", "judge");
	install(bench);
	join(bench, "judge/1", "judge", 2);
	for (uint32_t i = 0; i < WAITING_MAX + 2; i++) {
		request(bench, "race", 0);
		struct record assignment = assigned(bench);
		if (i == 0)
			first = assignment;
		start(bench, &assignment, true);
	}
	request(bench, "race", 0);
	assert_null(find_record(bench, MESSAGE_TASK_ASSIGNMENT));
	struct message completion = {.type = MESSAGE_TASK_COMPLETION};
	completion.header.task_id = first.message.header.task_id;
	completion.task_completion.attempt = 1;
	completion.task_completion.lease = first.message.task_assignment.lease;
	assert_int_equal(step(bench, "judge/1", &completion), 0);
	assert_non_null(find_record(bench, MESSAGE_TASK_ASSIGNMENT));
	bench_free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_attempt_has_so_many_children_and_no_more),
		cmocka_unit_test(test_a_clone_gets_so_many_attempts_that_wait_and_no_more),
		cmocka_unit_test(test_people_and_the_workspace_are_no_clones),
		cmocka_unit_test(test_each_priority_gets_its_share_of_every_round),
		cmocka_unit_test(test_with_age_a_low_task_overtakes_a_flood_of_urgent_ones),
		cmocka_unit_test(test_work_goes_where_most_slots_are_free_and_turns_are_taken),
		cmocka_unit_test(test_retries_and_backoff_follow_the_formula),
		cmocka_unit_test(test_a_task_that_keeps_talking_is_never_timed_out_by_silence),
		cmocka_unit_test(test_a_damaged_snapshot_is_refused),
		cmocka_unit_test(test_the_queue_is_bounded_and_a_task_costs_less_than_a_kilobyte),
		cmocka_unit_test(test_explain_says_who_would_get_it_and_why_the_others_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
