// SPDX-License-Identifier: MIT
// The exported page and its script, without a browser: what it proves, what it finds, and that what others wrote stays text.
//
//   node page.js BUNSHIN EXPORT_WORLD
"use strict";
const { execFileSync } = require("node:child_process");
const { createHash, randomBytes, webcrypto } = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const vm = require("node:vm");
const assert = require("node:assert/strict");
const { Element, page } = require("./page_dom.js");

const [bunshin, world] = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "bunshin-page-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
const state = path.join(folder, "state");
const hostile = "01990b1e-5c1a-7c3e-9d52-00000000beef", erased = "01990b1e-5c1a-7c3e-9d52-0000000e4a5e";

function exported(name, ...options) {
	const file = path.join(folder, name);
	execFileSync(bunshin, ["audit", "export", "--state", state, "--output", file, ...options], { stdio: ["ignore", "ignore", "ignore"] });
	return fs.readFileSync(file, "utf8");
}

// ---- parts of a page ----

function elements(html, tag) {
	return [...html.matchAll(new RegExp(`<${tag}([^>]*)>([\\s\\S]*?)</${tag}>`, "g"))].map(([, attributes, text]) => ({ attributes, text }));
}
const scripts = (html) => elements(html, "script");
const block = (html, id) => scripts(html).find(({ attributes }) => attributes.includes(`id="${id}"`)).text;
const code = (html) => scripts(html).find(({ attributes }) => attributes === "").text;
const sum = (text) => createHash("sha256").update(text).digest("base64");

// Runs the script of a page. `crypto` null: a browser without it.
async function open(html, crypto = webcrypto) {
	const globals = page({ export: block(html, "export"), names: block(html, "names") });
	const context = vm.createContext({ ...globals, TextEncoder, TextDecoder, atob, btoa, performance, setTimeout, clearTimeout,
		crypto: crypto || undefined });
	vm.runInContext(code(html), context);
	const element = globals.document.getElementById;
	for (let i = 0; i < 2000 && (element("verdict").className === "" || element("verdict").className.endsWith("unknown")); i++)
		await new Promise((resume) => { setTimeout(resume, 5); });
	return { element, tell: globals.tell, verdict: element("verdict").className.replace("verdict ", ""),
		why: element("verdict-why").textContent, Proof: vm.runInContext("Proof", context), Story: vm.runInContext("Story", context) };
}

const restored = (text) => text.replace(/\\(?:u003c|.)/g, (escape) => (escape === "\\u003c" ? "<" : escape));

// ---- tests ----

const tests = {
	"SHA-256 of the page is that of others": async ({ opened }) => {
		for (let bytes = 0; bytes < 260; bytes++) {
			const data = randomBytes(bytes);
			assert.equal(opened.Proof.hex(opened.Proof.sha256(data)), createHash("sha256").update(data).digest("hex"));
		}
	},
	"every line is canonical JSON to another implementation": ({ jsonl, opened }) => {
		for (const line of jsonl.trimEnd().split("\n"))
			assert.equal(opened.Proof.canonical(JSON.parse(line)), line);
	},
	"the lines stand in the page byte for byte": ({ jsonl, html }) => {
		assert.equal(restored(block(html, "export")), jsonl);
		assert.ok(!block(html, "export").includes("<"));
	},
	"the policy lets this script and this style in and nothing else": ({ html }) => {
		const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)[1];
		assert.ok(policy.startsWith("default-src 'none'; "));
		assert.ok(policy.includes(`script-src 'sha256-${sum(code(html))}';`));
		assert.ok(policy.includes(`style-src 'sha256-${sum(elements(html, "style")[0].text)}';`));
		assert.ok(!/unsafe|https?:|data:|\*/.test(policy));
		assert.deepEqual(scripts(html).map(({ attributes }) => attributes),
			[" type=\"application/x-ndjson\" id=\"export\"", " type=\"application/json\" id=\"names\"", ""]);
	},
	"the page asks nobody for anything": ({ html }) => {
		const outside = html.replace(block(html, "export"), "").replace(code(html), "").replace(block(html, "names"), "");
		assert.ok(!/\s(src|href|action|style|on[a-z]+)=/.test(outside.replace("href=\"#records\"", "").replace(/&[a-z]+;|&#39;/g, "")
			.replace(/<td>.*?<\/td>/gs, "")), "an attribute that loads or runs something");
		assert.ok(!/@import|url\(/.test(elements(html, "style")[0].text));
	},
	"without scripts there is a table, and recorded text in it is text": ({ html }) => {
		const table = elements(html, "noscript")[0].text;
		assert.equal(elements(table, "tr").length, 1 + 37);
		assert.deepEqual([...new Set(table.match(/<\/?[a-z0-9]+/g))].sort(), ["</code", "</div", "</h2", "</p", "</table", "</tbody", "</td",
			"</th", "</thead", "</tr", "<code", "<div", "<h2", "<p", "<table", "<tbody", "<td", "<th", "<thead", "<tr"]);
		assert.ok(table.includes("<td>&lt;/script&gt;&lt;script&gt;document.title=&#39;OWNED&#39;&lt;/script&gt;</td>"));
		assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(table));
		assert.ok(table.includes("left \\u202ethgir"));
	},
	"a whole export is proved": ({ opened }) => {
		assert.equal(opened.verdict, "good", opened.why);
		const more = opened.element("verdict-more").textContent;
		assert.ok(more.includes("37 records, from the first on without a gap"));
		assert.ok(more.includes("4 checkpoints"));
	},
	"without Ed25519 the page says what it has not checked": async ({ html }) => {
		const opened = await open(html, null);
		assert.equal(opened.verdict, "partly");
		assert.ok(opened.element("verdict-line").textContent.includes("signatures were not checked"));
	},
	"tasks, states and counts are shown": ({ opened }) => {
		const groups = [...opened.element("records").walk()].filter((element) => element.tag === "details");
		assert.deepEqual(groups.map((group) => group.querySelector("h3").textContent),
			["The network itself", "<h1>type</h1>", "documentation", "security-analysis"]);
		assert.equal(opened.element("count").textContent, "3 tasks, 37 records shown");
		assert.equal([...groups[1].walk()].find((element) => element.classList.contains("chip")).textContent, "completed");
	},
	"recorded text stays text, and what hides in it is shown": ({ opened }) => {
		opened.tell("beforeprint");
		const all = [...opened.element("records").walk()];
		const tags = new Set(all.map((element) => element.tag));
		assert.deepEqual([...tags].sort(), ["bdi", "button", "dd", "details", "div", "dl", "dt", "h3", "h4", "p", "pre", "span", "summary",
			"table", "tbody", "td", "th", "thead", "time", "tr"]);
		const names = new Set(all.flatMap((element) => Object.keys(element.attributes)));
		assert.deepEqual([...names].sort(), ["aria-expanded", "aria-label", "class", "colspan", "datetime", "id", "open", "scope", "title", "type"]);
		const text = opened.element("records").textContent;
		for (const part of ["</script><script>document.title='OWNED'</script>", "<img src=x onerror=\"document.title='OWNED'\">",
			"left \\u202ethgir\\u202c", "\\x1b[2J\\x1b]0;OWNED\\x07\\u009b31m red \\x08\\x08\\x7f", "nul \\x00 within", "&lt;b&gt; &amp;amp; \\u003c",
			"client/<img src=x onerror=alert(1)>/1", "18446744073709551615", "\"a\": 1,", "\"a\": 2,", "12345678901234567890"])
			assert.ok(text.includes(part), part);
		assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text));
		opened.tell("afterprint");
	},
	"what is shown comes from the bytes, not from the reading aid": async ({ html }) => {
		const opened = await open(html.replace(/"line":"plain, with a comma/g, "\"line\":\"something else altogether"));
		opened.tell("beforeprint");
		assert.ok(opened.element("records").textContent.includes("plain, with a comma"));
		assert.ok(!opened.element("records").textContent.includes("something else altogether"));
	},
	"the search finds words, types and states": async ({ opened }) => {
		const look = async (id, value) => {
			opened.element(id).value = value;
			opened.element(id).tell("input");
			await new Promise((resume) => { setTimeout(resume, 200); });
			return opened.element("count").textContent;
		};
		assert.equal(await look("search", "CALC"), "1 task, 1 record shown");
		assert.equal(await look("search", "no such word"), "0 tasks, 0 records shown");
		assert.equal(await look("search", ""), "3 tasks, 37 records shown");
		assert.equal(await look("type", "TaskRequest"), "3 tasks, 3 records shown");
		assert.equal(await look("state", "assigned"), "1 task, 1 record shown");
		await look("type", "");
		assert.equal(await look("state", ""), "3 tasks, 37 records shown");
	},
	"erased payloads are shown as erased, and their text is nowhere": async ({ jsonl }) => {
		assert.ok(!jsonl.includes("CANARY") && !jsonl.includes(Buffer.from("CANARY-9999").toString("base64").slice(0, 12)));
		const html = exported("erased.html", "--task", erased);
		assert.equal(html.match(/CANARY/g), null);
		const opened = await open(html);
		assert.equal(opened.verdict, "good", opened.why);
		opened.tell("beforeprint");
		assert.ok(opened.element("records").textContent.includes("Erased, as record 26 says"));
		assert.ok(opened.element("verdict-more").textContent.includes("The seal of checkpoint 4 was not checked"));
	},
	"payloads that are missing without a reason are told": async () => {
		const lines = exported("part.jsonl", "--task", erased).trimEnd().split("\n");
		assert.equal(lines.length, 1 + 3 + 2);
		lines.splice(3, 1);
		const header = JSON.parse(lines[0]);
		lines[0] = lines[0].replace("\"records\":3", "\"records\":2").replace("\"last\":26", "\"last\":25");
		lines[4] = lines[4].replace("\"lines\":5", "\"lines\":4");
		assert.equal(header.records, 3);
		const { Proof } = await open(exported("again.html"));
		const state = await Proof.check(lines);
		assert.deepEqual([state.wrong, state.missing], [null, 2]);
		const payload = /"payload":\{"body":[^}]*\}/, page = exported("taken.html", "--from", "2", "--to", "2");
		const opened = await open(page.replace(payload, "\"payload\":null"));
		assert.equal(opened.verdict, "partly");
		assert.ok(opened.element("verdict-more").textContent.includes("1 payload missing"));
	},
	"an export without payloads is proved": async () => {
		const opened = await open(exported("bare.html", "--without-payloads"));
		assert.equal(opened.verdict, "good", opened.why);
		assert.ok(opened.element("verdict-more").textContent.includes("The payloads were left out"));
		assert.ok(!exported("bare.jsonl", "--without-payloads").includes("OWNED"));
	},
	"a page with a changed record is red": async ({ html }) => {
		const opened = await open(html.replace(/"wall_ms":17701134([0-9]*)\}/, "\"wall_ms\":17701135$1}"));
		assert.equal(opened.verdict, "bad");
		assert.equal(opened.element("verdict-line").textContent, "Not as it was recorded");
		assert.match(opened.why, /^Record 1: it is not as it was recorded/);
	},
	"a page without its last lines is red": async ({ html }) => {
		const cut = html.replace(/\{"end":true[^\n]*\n/, "");
		assert.equal((await open(cut)).verdict, "bad");
	},
	"records that were changed and hashed anew are not those that were signed": async ({ jsonl, opened }) => {
		const { Proof } = opened, lines = jsonl.trimEnd().split("\n");
		let previous = new Uint8Array(32);
		for (let i = 1; i <= 37; i++) {
			const record = JSON.parse(lines[i]);
			record.wall_ms += i === 5 ? 1 : 0;
			previous = Proof.sha256(Uint8Array.of(0, ...Proof.recordBytes(record, previous)));
			record.chain = Proof.hex(previous);
			lines[i] = Proof.canonical(record);
		}
		assert.match((await Proof.check(lines)).wrong, /^record 1: checkpoint 1 signs other records|^record 23: checkpoint 2 signs other records/);
	},
	"a checkpoint that is left out is missed": async ({ jsonl, opened }) => {
		const lines = jsonl.trimEnd().split("\n");
		lines.splice(39, 1);
		lines[0] = lines[0].replace("\"checkpoints\":4", "\"checkpoints\":3");
		lines[lines.length - 1] = lines[lines.length - 1].replace("\"lines\":42", "\"lines\":41");
		assert.match((await opened.Proof.check(lines)).wrong, /checkpoint 3 does not have the number/);
	},
	"another way of writing the same is not taken": async ({ jsonl, opened }) => {
		for (const [from, to] of [["\"seq\":1,", "\"seq\": 1,"], ["\"attempt\":0,", "\"attempt\":0e1,"], ["{\"attempt\":0,", "{\"attempt\":1,\"attempt\":0,"],
			["\"peer\":\"beta", "\"peer\":\"\\u0062eta"]]) {
			assert.ok(jsonl.includes(from));
			assert.match((await opened.Proof.check(jsonl.replace(from, to).trimEnd().split("\n"))).wrong, /is not in canonical form/);
		}
	},
	"every flipped bit is found, but in the reading aid and the seal of a part": async ({ opened }) => {
		const counted = { found: 0, aid: 0, seal: 0 };
		for (const text of [exported("whole.jsonl"), exported("chosen.jsonl", "--task", erased, "--from", "2"),
			exported("range.jsonl", "--from", "20", "--to", "28")])
			await flip(opened.Proof, text, 700, counted);
		console.log(`    ${counted.found} flips found, ${counted.aid} in the reading aid, ${counted.seal} in the seal of a part`);
		assert.ok(counted.found > 1000);
	},
};

let seed = 1;
function random(below) {
	seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
	return Math.floor(seed / 65536) % below;
}

// Is byte `at` in the member `message` of its line?
function inAid(bytes, at) {
	const from = bytes.lastIndexOf(10, at - 1) + 1, end = bytes.indexOf(10, at);
	const line = bytes.subarray(from, end < 0 ? bytes.length : end).toString("latin1");
	const begin = line.indexOf("\"message\":") + 10, stop = line.lastIndexOf(",\"message_id\":");
	return stop > 0 && at - from >= begin && at - from < stop;
}

// Is it in the seal of a part's checkpoint? Its key is announced by the checkpoint before, which a part does not hold.
function inSeal(bytes, at) {
	const text = bytes.toString("latin1"), seal = text.lastIndexOf("/seal/"), from = text.indexOf(" ", seal) + 1;
	return text.includes("\"whole\":false") && at >= from && at < text.indexOf("\\n", from);
}

async function flip(Proof, text, times, counted) {
	const bytes = Buffer.from(text);
	for (let i = 0; i < times; i++) {
		const at = random(65536) * 65536 % bytes.length + random(bytes.length) >>> 0, bit = 1 << random(8);
		const where = at % bytes.length;
		const changed = Buffer.from(bytes);
		changed[where] ^= bit;
		if (inAid(bytes, where) || inSeal(bytes, where)) {
			counted[inAid(bytes, where) ? "aid" : "seal"]++;
			continue;
		}
		const lines = changed.toString("utf8").split("\n");
		const state = await Proof.check(lines.pop() === "" ? lines : []);
		assert.ok(state.wrong, `bit ${bit} of byte ${where} of ${bytes.length} was flipped, and nobody noticed: ` +
			changed.toString("latin1", Math.max(0, where - 40), where + 20));
		counted.found++;
	}
}

async function main() {
	execFileSync(world, [state, "5", "3"], { stdio: "ignore" });
	const html = exported("all.html");
	const fixture = { jsonl: exported("all.jsonl"), html, opened: await open(html) };
	let failed = 0;
	for (const [name, test] of Object.entries(tests)) {
		try {
			await test(fixture);
			console.log(`ok      ${name}`);
		} catch (error) {
			failed++;
			console.log(`FAILED  ${name}\n${error.stack}`);
		}
	}
	console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
	process.exitCode = failed ? 1 : 0;
}
main();
