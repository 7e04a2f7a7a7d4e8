// SPDX-License-Identifier: MIT
// Records as people read them: what each says in a line, and what became of each task. As cli/story.c tells it.
"use strict";
const Story = (() => {
	const IN = 1, OUT = 2;
	const directions = ["?", "received", "sent", "Omega's own"];

	// Text in pieces [text, hidden]: what a person could not see, or what would reorder the text around it, is written as an escape.
	const harmful = new RegExp("[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f" +
		"\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}\\u{d800}-\\u{dfff}]", "gu");
	function pieces(text) {
		const out = [];
		let from = 0;
		for (const match of text.matchAll(harmful)) {
			if (match.index > from)
				out.push([text.slice(from, match.index), false]);
			const point = match[0].codePointAt(0);
			out.push([point < 0x80 ? `\\x${point.toString(16).padStart(2, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`, true]);
			from = match.index + match[0].length;
		}
		if (from < text.length)
			out.push([text.slice(from), false]);
		return out;
	}
	const safe = (text) => pieces(text).map(([piece]) => piece).join("");

	function span(ms) {
		if (ms < 1000)
			return `${ms} ms`;
		if (ms < 60000)
			return `${Math.floor(ms / 100) / 10} s`;
		const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60);
		if (hours === 0)
			return `${minutes} min ${Math.floor(ms / 1000) % 60} s`;
		return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
	}

	// 2026-02-03 10:11:12.345, UTC
	const moment = (ms) => (ms <= 8.64e15 ? new Date(ms).toISOString().replace("T", " ").replace("Z", "") : `${ms} ms`);

	// What a decoded message says of a field, as text; "" if nothing.
	function said(message, name) {
		const field = [...message.facts, ...message.payload].find((one) => one.name === name);
		return field && field.shown !== null && field.shown !== undefined ? String(field.shown) : "";
	}
	const number = (message, name) => Number(said(message, name));

	const lines = {
		TaskRequest: (m) => said(m, "task_type"),
		TaskAssignment: (m) => `attempt ${said(m, "attempt")} of ${said(m, "task_type")}`,
		TaskAccepted: (m) => (said(m, "duplicate") === "yes" ? "was there already" : ""),
		TaskProgress: (m) => [number(m, "permille") ? `${Math.floor(number(m, "permille") / 10)} %` : "",
			said(m, "line") || said(m, "stage")].filter(Boolean).join(" "),
		TaskCompletion: (m) => said(m, "summary"),
		TaskFailure: (m) => [said(m, "state"), said(m, "code"), said(m, "sentence")].filter(Boolean).join(": "),
		TaskCancel: (m) => said(m, "reason"),
		Refusal: (m) => [said(m, "code"), said(m, "sentence")].filter(Boolean).join(": "),
		RecoveryAction: (m) => [`${said(m, "verb")} ${said(m, "target")}`.trim(), said(m, "reason")].filter(Boolean).join(": "),
		RecoveryResult: (m) => `${said(m, "verb")}: ${said(m, "code") || "done"}`,
		ErrorEscalation: (m) => [said(m, "severity"), said(m, "code"), said(m, "asked")].filter(Boolean).join(": "),
		Presence: (m) => `${said(m, "peer")} is ${said(m, "presence")}`,
		RetryScheduled: (m) => (said(m, "role") ? `goes to ${said(m, "role")}` :
			`after ${said(m, "code")}: destination ${said(m, "destination")}, in ${span(number(m, "wait_ms"))}`),
		RoutesLoaded: (m) => `version ${said(m, "version")}${said(m, "who") ? `, by ${said(m, "who")}` : ""}`,
		Boot: (m) => said(m, "software"),
		Hello: (m) => `${said(m, "role")} ${said(m, "software")}`.trim(),
		Goodbye: (m) => said(m, "reason"),
		Counted: (m) => `${said(m, "count")} messages ${said(m, "peer") ? `of ${said(m, "peer")}` : "of unknown keys"}` +
			(said(m, "code") ? `: ${said(m, "code")}` : ""),
		Erased: (m) => `payloads ${number(m, "task_number") ? `of task ${said(m, "task_number")}` : "of ended tasks"} up to record ` +
			`${said(m, "through_seq")}, by ${said(m, "who")}`,
	};

	function line(record, message, names) {
		if (record.verdict)
			return `refused: ${names.errors.get(record.verdict) || record.verdict}`;
		if (!message)
			return "the stored bytes are no message";
		const tell = lines[names.message(record.type)];
		return tell ? tell(message) : "";
	}

	// ---- tasks ----

	const ended = (state) => ["completed", "failed", "cancelled", "expired"].includes(state);

	const received = {
		TaskRequest(task, { record }, m) {
			if (record.seq !== record.task_number)
				return;
			task.type = said(m, "task_type");
			task.client = record.peer;
			task.priority = said(m, "priority");
			task.state = "accepted";
		},
		TaskStarted(task) { task.state = "running"; },
		TaskFailure(task, _, m) { task.error = said(m, "code"); },
		TaskCancel(task) { if (["assigned", "running"].includes(task.state)) task.state = "cancelling"; },
		ErrorEscalation(task) { if (!ended(task.state)) task.state = "waiting"; },
		RecoveryAction(task, _, m) {
			if (ended(task.state) && !["resolve", "fail"].includes(said(m, "verb")))
				task.state = "accepted";
		},
	};
	const sent = {
		TaskAssignment(task, { record }, m) {
			task.state = "assigned";
			task.type = task.type || said(m, "task_type");
			task.attempts = Math.max(task.attempts, number(m, "attempt"));
			task.priority = said(m, "priority") || task.priority;
			if (!task.clones.includes(record.peer))
				task.clones.push(record.peer);
		},
		TaskCompletion(task) { task.state = "completed"; task.error = ""; },
		TaskFailure(task, _, m) {
			if (ended(said(m, "state"))) {
				task.state = said(m, "state");
				task.error = said(m, "code");
			}
		},
	};

	function take(task, row, names) {
		const { record, message } = row;
		task.rows.push(row);
		if (record.verdict && message && !task.state && names.message(record.type) === "TaskRequest")
			Object.assign(task, { state: "refused", type: said(message, "task_type"), client: record.peer });
		if (record.verdict || !message || !record.task_number)
			return;
		const name = names.message(record.type);
		const rule = record.direction === IN ? received[name] : record.direction === OUT ? sent[name] : null;
		if (rule)
			rule(task, row, message);
		else if (name === "RetryScheduled") {
			task.state = number(message, "wait_ms") ? "waiting" : "accepted";
			task.error = said(message, "code");
		}
		if (record.end_state) /* the trail's own word */
			task.state = names.values.state.get(record.end_state) || task.state;
	}

	// Refused messages and erasures name the id of a task and do not belong to it; they are shown with it.
	function keys(records) {
		const byId = new Map(records.filter((record) => record.task_number && record.task_id)
			.map((record) => [record.task_id, `n${record.task_number}`]));
		return (record) => (record.task_number ? `n${record.task_number}` :
			record.task_id ? byId.get(record.task_id) || `i${record.task_id}` : "");
	}

	// The records by task, in the order in which tasks begin; the first group, if there is any, is of what belongs to no task.
	async function tasks(records, names, breathe) {
		const groups = new Map(), keyOf = keys(records);
		for (let i = 0; i < records.length; i++) {
			if (i % 256 === 0)
				await breathe(i);
			const record = records[i], key = keyOf(record);
			if (!groups.has(key))
				groups.set(key, { key, id: "", type: "", client: "", clones: [], state: "", error: "", priority: "", attempts: 0,
					rows: [] });
			const task = groups.get(key);
			const message = names.decode(record);
			if (key && record.task_id)
				task.id = task.id || record.task_id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
			take(task, { record, message, line: line(record, message, names) }, names);
		}
		const none = groups.get("");
		groups.delete("");
		return none ? [none, ...groups.values()] : [...groups.values()];
	}

	// Everything that is said in a row, for the search, in lower case.
	function searched(row, names) {
		const fields = row.message ? [...row.message.header, ...row.message.facts, ...row.message.payload] : [];
		return [row.record.seq, row.record.peer, names.message(row.record.type), row.line, moment(row.record.wall_ms),
			...fields.map((field) => (field.shown === null || field.shown instanceof Uint8Array ? "" : field.shown))]
			.join("\n").toLowerCase();
	}

	return { directions, line, moment, pieces, safe, searched, span, tasks };
})();
