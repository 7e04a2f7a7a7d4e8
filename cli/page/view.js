// SPDX-License-Identifier: MIT
// What the page shows: built from the bytes that were checked, with nothing but elements and text. Recorded text never becomes markup.
"use strict";
(() => {
	const find = (id) => document.getElementById(id);

	// el("td", {class: "seq"}, "1", other) with attributes, then children: elements, or texts.
	function el(tag, attributes, ...children) {
		const out = document.createElement(tag);
		for (const [name, value] of Object.entries(attributes || {}))
			if (value !== null && value !== false)
				out.setAttribute(name, value === true ? "" : String(value));
		out.append(...children);
		return out;
	}

	// Text that somebody recorded: what hides or reorders is written out, and marked.
	function recorded(text) {
		const out = el("bdi");
		for (const [piece, hidden] of Story.pieces(String(text)))
			out.append(hidden ? el("span", { class: "escape", title: "a character that cannot be seen" }, piece) : piece);
		return out;
	}

	const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
	const chip = (word) => el("span", { class: `chip ${word}` }, word);
	const time = (ms) => el("time", { datetime: ms <= 8.64e15 ? new Date(ms).toISOString() : false }, Story.moment(ms));

	// JSON with line breaks, its characters and their order untouched: parsing it could lose some.
	function laidOut(json) {
		let out = "", depth = 0, quoted = false;
		const broken = () => `\n${"  ".repeat(Math.max(0, depth))}`;
		for (let i = 0; i < json.length; i++) {
			const c = json[i];
			if (quoted) {
				out += c === "\\" ? c + (json[++i] || "") : c;
				quoted = c !== "\"";
			} else if (c === "\"") {
				quoted = true;
				out += c;
			} else if ((c === "{" || c === "[") && !/^\s*[}\]]/.test(json.slice(i + 1, i + 50))) {
				depth++;
				out += c + broken();
			} else if ((c === "}" || c === "]") && !/[{[]\s*$/.test(out.slice(-50))) {
				depth--;
				out += broken() + c;
			} else {
				out += c === "," ? c + broken() : c === ":" ? ": " : /\s/.test(c) ? "" : c;
			}
		}
		return out;
	}

	// ---- one record, opened ----

	const bytesShown = 64;
	function shown({ kind, shown: value }) {
		if (value instanceof Uint8Array)
			return el("span", { class: "mono" }, value.length === 0 ? "empty" :
				`${value.length} bytes: ${Proof.hex(value.subarray(0, bytesShown))}${value.length > bytesShown ? "…" : ""}`);
		if (kind === "json")
			return el("pre", {}, recorded(laidOut(value)));
		return recorded(value);
	}

	const isSet = ({ node, shown: value }) => node || value !== null && value !== "";

	// What a message does not say is named in one line.
	function part(title, fields) {
		const list = el("dl"), unset = fields.filter((field) => !isSet(field)).map((field) => field.name);
		for (const field of fields.filter(isSet))
			list.append(el("dt", {}, field.name), el("dd", {}, field.node || shown(field)));
		if (unset.length)
			list.append(el("dt", {}, "not set"), el("dd", { class: "none" }, unset.join(", ")));
		return el("div", {}, el("h4", {}, title), fields.length ? list : el("p", { class: "none" }, "nothing"));
	}

	function payloadPart(record, message, state) {
		if (record.payload !== null)
			return part("Payload", message ? message.payload : []);
		if (record.payload_seq === 0)
			return part("Payload", []);
		const by = Proof.erasedBy(record, state.erasures);
		const why = state.header.payloads === false ? "Left out of this export." :
			by ? `Erased, as record ${by.seq} says. The record still proves what was there to whoever kept it.` :
				record.payload_seq === record.seq ? "Missing, and nothing in this file says why." : `It is that of record ${record.payload_seq}.`;
		return el("div", {}, el("h4", {}, "Payload"), by ? chip("erased") : "", why);
	}

	function proofPart(record, state) {
		const fields = [["record", record.seq], ["hash", record.chain], ["boot", record.boot], ["task number", record.task_number || null],
			["commitment to the payload", record.commitment], ["machine's clock", `${record.mono_ms} ms`],
			["decided at", `${record.now_ms} ms`]];
		if (record.proof && state.checkpoints.length)
			fields.push(["proof", `${record.proof.length} hashes up to the root that checkpoint ${state.checkpoints[0].number} signs`]);
		return part("In the trail", fields.map(([name, value]) => ({ name, shown: value,
			node: value === null ? null : el("span", { class: "mono" }, String(value)) })));
	}

	function opened(row, state) {
		const { record, message } = row;
		return el("tr", { class: "more", id: `more-${record.seq}` }, el("td", { colspan: 6 }, el("div", { class: "parts" },
			payloadPart(record, message, state), part("Facts", message ? message.facts : []),
			part("Header", message ? message.header : []), proofPart(record, state))));
	}

	// ---- a task and its timeline ----

	const heads = ["Record", "Time (UTC)", "Direction", "Peer", "Message", "What it says"];

	function toggleRow(tr, row, state, open) {
		const next = tr.nextElementSibling, there = next && next.classList.contains("more");
		if (open && !there)
			tr.after(opened(row, state));
		if (!open && there)
			next.remove();
		const button = tr.querySelector("button");
		button.setAttribute("aria-expanded", String(open));
		button.firstChild.data = open ? "\u2212" : "+";
	}

	const isErased = (record, state) => record.payload === null && record.payload_seq !== 0 && state.header.payloads !== false &&
		Proof.erasedBy(record, state.erasures) !== undefined;

	function rowOf(row, state, names) {
		const { record } = row;
		const button = el("button", { type: "button", class: "more-button", "aria-expanded": "false",
			"aria-label": `Record ${record.seq} in full` }, "+");
		const tr = el("tr", { id: `record-${record.seq}`, class: state.badSeq === record.seq ? "bad-record" : false },
			el("td", { class: "seq" }, button, ` ${record.seq}`), el("td", { class: "time" }, time(record.wall_ms)),
			el("td", { class: "direction" }, Story.directions[record.direction] || "?"), el("td", { class: "peer" }, recorded(record.peer)),
			el("td", { class: "type" }, names.message(record.type)),
			el("td", { class: "line" }, ...(record.verdict ? [chip("refused")] : []),
				...(record.end_state ? [chip(names.values.state.get(record.end_state) || "ended")] : []),
				...(isErased(record, state) ? [chip("erased")] : []), recorded(row.line)));
		button.addEventListener("click", () => toggleRow(tr, row, state, button.getAttribute("aria-expanded") === "false"));
		return tr;
	}

	function factsOf(task) {
		const rows = task.rows, last = rows[rows.length - 1].record.wall_ms, first = rows[0].record.wall_ms;
		return [task.id, task.client && `from ${task.client}`, task.clones.length && `by ${task.clones.join(", ")}`,
			task.attempts > 1 && `${task.attempts} attempts`, task.priority && `${task.priority} priority`, task.error,
			`${rows.length} record${rows.length === 1 ? "" : "s"}`, Story.moment(first), last > first && `${task.key ? "took" : "over"} ${Story.span(last - first)}`]
			.filter(Boolean).join(" \u00b7 ");
	}

	function titleOf(task) {
		if (!task.key)
			return "The network itself";
		return task.type || (task.id ? `Task ${task.id}` : "A task");
	}

	// The rows are made when somebody looks, and not all at once: a page may hold tens of thousands.
	const rowsShown = 300, rowsPrintedInFull = 500;
	class Group {
		constructor(task, state, names) {
			Object.assign(this, { task, state, names, matched: task.rows, made: null });
			this.body = el("div", { class: "body" });
			this.details = el("details", { class: "task" }, el("summary", {}, task.state ? chip(task.state) : "",
				el("h3", {}, recorded(titleOf(task))), el("span", { class: "facts" }, recorded(factsOf(task)))), this.body);
			this.details.addEventListener("toggle", () => this.details.open && this.fill());
		}

		fill(limit = rowsShown) {
			if (this.made === this.matched && this.limit >= Math.min(limit, this.matched.length))
				return;
			this.made = this.matched;
			this.limit = limit;
			const rows = this.matched.slice(0, limit).map((row) => rowOf(row, this.state, this.names));
			this.body.replaceChildren(el("table", { class: "records" },
				el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows)));
			if (this.matched.length > limit)
				this.body.append(this.rest(limit));
		}

		rest(limit) {
			const button = el("button", { type: "button" }, `Show the other ${count(this.matched.length - limit, "record")}`);
			button.addEventListener("click", () => this.fill(Infinity));
			return button;
		}

		// Shows the rows that `fits` says yes to; none of them: nothing of the task.
		show(fits, open) {
			const matched = this.task.rows.filter(fits);
			const same = matched.length === this.matched.length && matched.every((row, i) => row === this.matched[i]);
			this.matched = same ? this.matched : matched;
			this.details.classList.toggle("hidden", matched.length === 0);
			if (open && matched.length)
				this.details.open = true;
			if (this.details.open)
				this.fill();
			return matched.length;
		}

		// For paper: all rows, and what each holds if there are not too many.
		spread(inFull) {
			this.details.open = true;
			this.fill(Infinity);
			this.openRows(inFull);
		}

		openRows(open) {
			this.body.querySelectorAll("tbody > tr:not(.more)").forEach((tr, i) => toggleRow(tr, this.matched[i], this.state, open));
		}
	}

	// ---- the verdict ----

	function provedLines(state) {
		const { header, records, checkpoints } = state, last = checkpoints[checkpoints.length - 1];
		const erased = records.filter((one) => one.payload_seq === one.seq && isErased(one, state)).length;
		return [
			header.whole ? `${count(records.length, "record")}, from the first on without a gap: each is hashed together with the one before it.` :
				`${count(records.length, "record")}, each proved to stand in its place among the ${last.note.size} that checkpoint ` +
				`${last.number} signs. What stands between them is not in this file.`,
			header.payloads === false ? "The payloads were left out of this export." :
				`${count(records.filter((one) => one.payload).length, "payload")}, each the one that its record commits to.` +
					(erased ? ` ${count(erased, "payload")} more erased, on record.` : ""),
			`${count(checkpoints.length, "checkpoint")}${header.whole ? ", each over exactly these records" : ""}; the last one of ` +
				`${Story.moment(last.note.timeMs)} UTC.`,
		];
	}

	function unprovedLines({ header, signed, unsealed, missing, checkpoints }) {
		const out = [];
		if (missing)
			out.push(`${count(missing, "payload")} missing, and nothing in this file says that they were erased: a receipt in a backup may, or ` +
				"somebody took them out of this file.");
		if (!header.key.length)
			out.push("No key stands in this file, so no signature was checked.");
		else if (!signed)
			out.push("This browser does not offer Ed25519 to pages: no signature was checked.");
		if (header.key.length && unsealed)
			out.push(`The seal of checkpoint ${checkpoints[0].number} was not checked: its key is announced by the checkpoint before, ` +
				"which is not in this file.");
		if (header.key.length)
			out.push("The key comes from this file. Compare it with the one that you were given.");
		out.push("What was recorded wrongly in the first place, and what happened after the last checkpoint, nobody can see here.");
		return out;
	}

	function sayMore(state) {
		const { header, checkpoints } = state, last = checkpoints[checkpoints.length - 1].note;
		const facts = [["trail", last.origin], ["root", Proof.hex(last.root)], ["records under it", String(last.size)],
			...header.keys.map((key) => ["public key", key])];
		const list = (lines) => el("ul", {}, ...lines.map((line) => el("li", {}, line)));
		find("verdict-more").replaceChildren(list(provedLines(state)), el("p", {}, "Not proved here:"), list(unprovedLines(state)),
			el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { class: "mono" }, recorded(value))])));
	}

	function say(kind, line, why) {
		find("verdict").className = `verdict ${kind}`;
		find("verdict-line").textContent = line;
		find("verdict-why").replaceChildren(recorded(why));
	}

	// [kind, line, why] of an export in which nothing is wrong.
	function verdictOf(state) {
		if (!state.signed || !state.header.key.length)
			return ["partly", "The records fit together; signatures were not checked",
				"The records fit each other and the checkpoints. Whether the checkpoints are genuine was not checked here:"];
		const why = "This page has computed it from the bytes in this file, with the public key below:";
		return state.missing ? ["partly", "Unchanged since it was signed, but payloads are missing", why] :
			["good", "Unchanged since it was signed", why];
	}

	function judge(state) {
		if (state.wrong)
			return say("bad", "Not as it was recorded", `${state.wrong[0].toUpperCase()}${state.wrong.slice(1)}. Do not rely on anything below.`);
		say(...verdictOf(state));
		return sayMore(state);
	}

	// ---- search ----

	function wanted(names) {
		const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean), type = find("type").value;
		const fits = (row) => {
			if (type && names.message(row.record.type) !== type)
				return false;
			if (words.length && row.searched === undefined)
				row.searched = Story.searched(row, names);
			return words.every((word) => row.searched.includes(word));
		};
		return { fits, state: find("state").value, narrow: words.length > 0 || type !== "" };
	}

	function apply(groups, names) {
		const { fits, state, narrow } = wanted(names);
		let records = 0, tasks = 0;
		for (const group of groups) {
			const found = group.show(state && group.task.state !== state ? () => false : fits, narrow && groups.length < 200);
			records += found;
			tasks += found && group.task.key ? 1 : 0;
		}
		find("count").textContent = `${count(tasks, "task")}, ${count(records, "record")} shown`;
	}

	function choices(select, values) {
		for (const value of [...new Set(values)].filter(Boolean).sort())
			select.append(el("option", { value }, value));
	}

	// ---- the page ----

	function wire(groups, names) {
		let waiting = 0;
		const later = () => {
			clearTimeout(waiting);
			waiting = setTimeout(() => apply(groups, names), 120);
		};
		find("tools").addEventListener("submit", (event) => event.preventDefault());
		for (const id of ["search", "state", "type"])
			find(id).addEventListener("input", later);
		const each = (open) => groups.forEach((group) => { group.details.open = open; });
		find("open").addEventListener("click", () => each(true));
		find("close").addEventListener("click", () => each(false));
		find("print").addEventListener("click", () => print());
		wirePrint(groups);
	}

	// On paper nobody can open anything.
	function wirePrint(groups) {
		let were = [];
		addEventListener("beforeprint", () => {
			const shown = groups.filter((group) => group.matched.length && !group.details.classList.contains("hidden"));
			const records = shown.reduce((sum, group) => sum + group.matched.length, 0);
			were = groups.map((group) => group.details.open);
			shown.forEach((group) => group.spread(records <= rowsPrintedInFull));
			find("print-note").textContent = records <= rowsPrintedInFull ? "" : `${count(records, "record")}: more than ${rowsPrintedInFull} ` +
				"are printed without what each holds. A search before printing leaves fewer.";
		});
		addEventListener("afterprint", () => groups.forEach((group, i) => {
			group.openRows(false);
			group.details.open = were[i];
		}));
	}

	function wireTheme() {
		const button = find("theme"), root = document.documentElement;
		const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
		const name = () => { button.textContent = dark() ? "Light" : "Dark"; };
		button.addEventListener("click", () => {
			root.dataset.theme = dark() ? "light" : "dark";
			name();
		});
		name();
	}

	// Lets the browser draw now and then.
	function breather(what, total) {
		let last = performance.now();
		return async (done) => {
			if (performance.now() - last < 100)
				return;
			find("verdict-why").textContent = `${what}${total && done ? `: ${done} of ${total}` : ""}…`;
			await new Promise((resume) => { setTimeout(resume, 0); });
			last = performance.now();
		};
	}

	// "<" stands as \u003c in a page, so that nothing in it can end the script that holds it. A backslash that is itself escaped does not count.
	const restored = (text) => text.replace(/\\(?:u003c|.)/g, (escape) => (escape === "\\u003c" ? "<" : escape));

	async function main() {
		document.documentElement.classList.add("scripted");
		wireTheme();
		say("unknown", "Checking…", "Every byte is being hashed.");
		const lines = restored(find("export").textContent).split("\n");
		const names = new Proof.Names(JSON.parse(find("names").textContent));
		const ended = lines.pop() === ""; // what stands behind the last line feed
		const state = await Proof.check(ended ? lines : [], breather("Every byte is being hashed", lines.length));
		const tasks = await Story.tasks(state.records, names, breather("The records are being read", state.records.length));
		const groups = tasks.map((task) => new Group(task, state, names));
		find("records").append(...groups.map((group) => group.details));
		choices(find("state"), tasks.map((task) => task.state));
		choices(find("type"), state.records.map((record) => names.message(record.type)));
		wire(groups, names);
		const bad = groups.find((group) => group.task.rows.some((row) => row.record.seq === state.badSeq));
		if (groups.length)
			(bad || groups[groups.length > 1 && !groups[0].task.key ? 1 : 0]).details.open = true;
		apply(groups, names);
		judge(state);
	}

	main().catch((error) => say("bad", "Not checked", `The page's script failed: ${error}`));
})();
