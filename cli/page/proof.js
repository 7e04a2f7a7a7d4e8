// SPDX-License-Identifier: MIT
// What an export proves, computed here from its bytes: nothing is taken from what the page says elsewhere. docs/trail-format.md has the
// rules. No document is touched in this file, so that it also runs where there is none.
"use strict";
const Proof = (() => {
	class Wrong extends Error {}
	const wrong = (sentence) => { throw new Wrong(sentence); };
	const utf8 = new TextEncoder();
	const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

	// ---- SHA-256 (FIPS 180-4): WebCrypto's is not there on every page ----

	// Fractional parts of the cube and square roots of the first primes.
	const primes = [2];
	for (let n = 3; primes.length < 64; n += 2)
		if (primes.every((prime) => n % prime))
			primes.push(n);
	const fraction = (x) => Math.floor((x - Math.floor(x)) * 0x100000000);
	const rounds = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
	const begin = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
	const words = new Int32Array(64);

	function block(state, view, at) {
		for (let i = 0; i < 16; i++)
			words[i] = view.getInt32(at + 4 * i);
		for (let i = 16; i < 64; i++) {
			const x = words[i - 15], y = words[i - 2];
			words[i] = words[i - 16] + words[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
				((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
		}
		let [a, b, c, d, e, f, g, h] = state;
		for (let i = 0; i < 64; i++) {
			const one = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) +
				rounds[i] + words[i] | 0;
			const two = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
			h = g, g = f, f = e, e = d + one | 0, d = c, c = b, b = a, a = one + two | 0;
		}
		[a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = state[i] + word | 0; });
	}

	function sha256(bytes) {
		const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
		const view = new DataView(padded.buffer);
		const state = Int32Array.from(begin);
		padded.set(bytes);
		padded[bytes.length] = 0x80;
		view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
		view.setUint32(padded.length - 4, bytes.length * 8 >>> 0);
		for (let at = 0; at < padded.length; at += 64)
			block(state, view, at);
		const out = new DataView(new ArrayBuffer(32));
		state.forEach((word, i) => out.setInt32(4 * i, word));
		return new Uint8Array(out.buffer);
	}

	// ---- bytes and text ----

	const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

	function unhex(digits, bytes, what) {
		if (typeof digits !== "string" || digits.length !== 2 * bytes || !/^[0-9a-f]*$/.test(digits))
			wrong(`${what} is not ${2 * bytes} hexadecimal digits`);
		return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
	}

	function base64(bytes) {
		let binary = "";
		for (let i = 0; i < bytes.length; i += 0x8000)
			binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
		return btoa(binary);
	}

	function unbase64(digits, what) {
		let bytes = null;
		try {
			bytes = Uint8Array.from(atob(digits), (c) => c.charCodeAt(0));
		} catch {
			wrong(`${what} is no base64`);
		}
		if (base64(bytes) !== digits) // other digits can mean the same bytes
			wrong(`${what} is no base64 in its only form`);
		return bytes;
	}

	const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

	function join(...parts) {
		const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
		let at = 0;
		for (const part of parts) {
			out.set(part, at);
			at += part.length;
		}
		return out;
	}

	// Canonical JSON (RFC 8785) is defined by what this language prints.
	function canonical(json) {
		if (Array.isArray(json))
			return `[${json.map(canonical).join(",")}]`;
		if (json === null || typeof json !== "object")
			return JSON.stringify(json);
		return `{${Object.keys(json).sort().map((name) => `${JSON.stringify(name)}:${canonical(json[name])}`).join(",")}}`;
	}

	function parse(line, what) {
		let json;
		try {
			json = JSON.parse(line);
		} catch {
			wrong(`${what} is no JSON`);
		}
		if (canonical(json) !== line)
			wrong(`${what} is not in canonical form`);
		return json;
	}

	// ---- MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) ----

	function unpack(bytes) {
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		let at = 0;
		const take = (count) => {
			if (count > bytes.length - at)
				wrong("MessagePack ends too early");
			at += count;
			return at - count;
		};
		const whole = (big) => (big > Number.MAX_SAFE_INTEGER || big < -Number.MAX_SAFE_INTEGER ? big : Number(big));
		const number = (width) => [view.getUint8, view.getUint16, view.getUint32][width].call(view, take(1 << width));
		const string = (count) => {
			const from = take(count);
			return text.decode(bytes.subarray(from, from + count));
		};
		const binary = (count) => {
			const from = take(count);
			return bytes.slice(from, from + count);
		};
		const array = (count, depth) => {
			const out = [];
			for (let i = 0; i < count; i++)
				out.push(value(depth + 1));
			return out;
		};
		const map = (count, depth) => {
			const out = new Map();
			for (let i = 0; i < count; i++)
				out.set(value(depth + 1), value(depth + 1));
			return out;
		};
		function value(depth) {
			if (depth > 32)
				wrong("MessagePack is nested too deeply");
			const head = view.getUint8(take(1));
			if (head < 0x80)
				return head;
			if (head < 0x90)
				return map(head & 15, depth);
			if (head < 0xa0)
				return array(head & 15, depth);
			if (head < 0xc0)
				return string(head & 31);
			if (head >= 0xe0)
				return head - 0x100;
			switch (head) {
			case 0xc0: return null;
			case 0xc2: return false;
			case 0xc3: return true;
			case 0xc4: case 0xc5: case 0xc6: return binary(number(head - 0xc4));
			case 0xca: return view.getFloat32(take(4));
			case 0xcb: return view.getFloat64(take(8));
			case 0xcc: case 0xcd: case 0xce: return number(head - 0xcc);
			case 0xcf: return whole(view.getBigUint64(take(8)));
			case 0xd0: return view.getInt8(take(1));
			case 0xd1: return view.getInt16(take(2));
			case 0xd2: return view.getInt32(take(4));
			case 0xd3: return whole(view.getBigInt64(take(8)));
			case 0xd9: case 0xda: case 0xdb: return string(number(head - 0xd9));
			case 0xdc: case 0xdd: return array(number(head - 0xdb), depth);
			case 0xde: case 0xdf: return map(number(head - 0xdd), depth);
			default: return wrong("MessagePack of a kind that messages do not have");
			}
		}
		const out = value(0);
		if (at !== bytes.length)
			wrong("MessagePack with bytes behind it");
		return out;
	}

	// ---- the bytes of a record that are hashed ----

	const columns = [["seq", "number"], ["boot", 16], ["now_ms", "number"], ["wall_ms", "number"], ["mono_ms", "number"],
		["direction", "number"], ["type", "number"], ["verdict", "number"], ["peer", "text"], ["message_id", 16], ["task_id", 16],
		["task_number", "number"], ["attempt", "number"], ["sender_seq", "decimal"], ["end_state", "number"],
		["revives", "number"], ["key_hash", 16], ["body_hash", 16], ["header", "base64"], ["facts", "base64"],
		["payload_seq", "number"], ["commitment", 32]];
	const others = ["chain", "message", "payload"];

	function eight(value) {
		const view = new DataView(new ArrayBuffer(8));
		view.setBigUint64(0, value);
		return new Uint8Array(view.buffer);
	}

	function columnBytes(kind, value, name) {
		if (kind === "number") {
			if (!Number.isSafeInteger(value) || value < 0)
				wrong(`${name} is no whole number`);
			return eight(BigInt(value));
		}
		if (kind === "decimal") {
			if (typeof value !== "string" || !/^(0|[1-9][0-9]{0,19})$/.test(value) || BigInt(value) >= 1n << 64n)
				wrong(`${name} is no number of 64 bits`);
			return eight(BigInt(value));
		}
		if (kind === "text")
			return typeof value === "string" ? utf8.encode(value) : wrong(`${name} is no text`);
		if (kind === "base64")
			return unbase64(value, name);
		if (value === null)
			return new Uint8Array(0);
		const bytes = unhex(value, kind, name);
		return bytes.some((byte) => byte) ? bytes : wrong(`${name} is all zeros, which would be null`);
	}

	function recordBytes(record, previous) {
		const parts = [Uint8Array.of(1)];
		const put = (bytes) => {
			const length = new DataView(new ArrayBuffer(4));
			length.setUint32(0, bytes.length);
			parts.push(new Uint8Array(length.buffer), bytes);
		};
		for (const [name, kind] of columns)
			put(columnBytes(kind, record[name], name));
		put(previous);
		return join(...parts);
	}

	// ---- the tree (RFC 9162, section 2.1) ----

	const leafHash = (bytes) => sha256(join(Uint8Array.of(0), bytes));
	const nodeHash = (left, right) => sha256(join(Uint8Array.of(1), left, right));

	function rootOfInclusion(leaf, index, size, proof) {
		let at = index, last = size - 1, root = leaf;
		for (const hash of proof) {
			if (last === 0)
				wrong("its proof is too long");
			if (at % 2 === 1 || at === last) {
				root = nodeHash(hash, root);
				while (at % 2 === 0 && at !== 0) {
					at /= 2;
					last = Math.floor(last / 2);
				}
			} else {
				root = nodeHash(root, hash);
			}
			at = Math.floor(at / 2);
			last = Math.floor(last / 2);
		}
		return last === 0 ? root : wrong("its proof is too short");
	}

	// A tree that only grows: the roots of its full subtrees, largest first.
	class Tree {
		constructor() {
			this.size = 0;
			this.full = [];
		}

		add(leaf) {
			let root = leaf;
			for (let size = this.size++; size % 2 === 1; size = (size - 1) / 2)
				root = nodeHash(this.full.pop(), root);
			this.full.push(root);
		}

		root() {
			return this.full.length ? this.full.reduceRight((right, left) => nodeHash(left, right)) : sha256(new Uint8Array(0));
		}
	}

	// ---- checkpoints: signed notes (C2SP signed-note, tlog-checkpoint) ----

	function keyLine(line) {
		const match = /^([^+\s]+)\+([0-9a-f]{8})\+(.+)$/.exec(line);
		const bytes = match ? unbase64(match[3], "a key") : wrong("a line of keys is no key");
		if (bytes.length !== 33 || bytes[0] !== 1)
			wrong("a key is not of Ed25519");
		if (hex(sha256(join(utf8.encode(`${match[1]}\n`), bytes)).slice(0, 4)) !== match[2])
			wrong("the name of a key does not belong to it");
		return { name: match[1], id: match[2], key: bytes.slice(1) };
	}

	function whole(digits, what) {
		return /^(0|[1-9][0-9]{0,15})$/.test(digits) ? Number(digits) : wrong(`${what} is no number`);
	}

	function readNote(note) {
		const [body, signatures] = typeof note === "string" ? note.split("\n\n") : wrong("a note is no text");
		const match = /^(bunshin\/[0-9a-f]{16})\n([0-9]+)\n(.+)\ntime ([0-9]+)\nseal ([0-9]+) (.+)$/.exec(body);
		if (!match || !signatures || !signatures.endsWith("\n") || note !== `${body}\n\n${signatures}`)
			wrong("a note does not have its lines");
		const next = unbase64(match[6], "the next seal key of a note");
		if (next.length !== 33 || next[0] !== 1)
			wrong("the next seal key of a note is not of Ed25519");
		return {
			origin: match[1],
			size: whole(match[2], "the size in a note"),
			root: unbase64(match[3], "the root in a note"),
			timeMs: whole(match[4], "the time in a note"),
			number: whole(match[5], "the number in a note") - 1,
			nextSeal: next.slice(1),
			signed: utf8.encode(`${body}\n`),
			signatures: readSignatures(signatures.slice(0, -1).split("\n")),
		};
	}

	function readSignatures(lines) {
		return lines.length === 2 ? lines.map(readSignature) : wrong("a note does not have its two signatures");
	}

	function readSignature(line) {
		const match = /^\u2014 (\S+) (\S+)$/.exec(line);
		const bytes = match ? unbase64(match[2], "a signature") : wrong("a signature of a note does not have its form");
		if (bytes.length !== 68)
			wrong("a signature of a note does not have its length");
		return { name: match[1], id: hex(bytes.slice(0, 4)), signature: bytes.slice(4) };
	}

	const keyId = (name, key) => hex(sha256(join(utf8.encode(`${name}\n`), Uint8Array.of(1), key)).slice(0, 4));

	// The engine's Ed25519, or null. The key is that of test 1 in RFC 8032.
	const someKey = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", 32, "a key");
	async function ed25519() {
		const subtle = globalThis.crypto && globalThis.crypto.subtle;
		try {
			await subtle.importKey("raw", someKey, { name: "Ed25519" }, false, ["verify"]);
			return async (key, signature, bytes) => {
				const imported = await subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
				return subtle.verify({ name: "Ed25519" }, imported, signature, bytes);
			};
		} catch {
			return null;
		}
	}

	async function checkSignature(verify, note, name, key, what) {
		const found = note.signatures.filter((one) => one.name === name);
		if (found.length !== 1 || found[0].id !== keyId(name, key))
			wrong(`checkpoint ${note.number} is not signed by the ${what}`);
		if (verify && !await verify(key, found[0].signature, note.signed))
			wrong(`checkpoint ${note.number}: the signature of the ${what} is false`);
	}

	// ---- an export ----

	const sentenceOf = (error) => (error instanceof Wrong ? error.message : `the page's script failed: ${error}`);

	function members(json, names, what) {
		const found = Object.keys(json).sort().join(" ");
		if (found !== [...names].sort().join(" "))
			wrong(`${what} has other members than it should: ${found}`);
	}

	function readHeader(line) {
		const header = parse(line, "line 1");
		const names = ["checkpoints", "first", "format", "keys", "last", "records", "whole"];
		if (header.format !== "bunshin-export/1")
			wrong("line 1 does not say that this is an export");
		members(header, "payloads" in header ? [...names, "payloads"] : names, "line 1");
		if ("payloads" in header && header.payloads !== false)
			wrong("line 1: payloads can only be false");
		return { ...header, key: header.keys.map(keyLine) };
	}

	// The lines after the first, each parsed and of one of three kinds.
	function readLines(lines, state) {
		for (let i = 1; i < lines.length; i++) {
			const json = parse(lines[i], `line ${i + 1}`);
			if ("end" in json) {
				members(json, ["end", "lines"], `line ${i + 1}`);
				if (json.end !== true || json.lines !== i || i !== lines.length - 1)
					wrong(`line ${i + 1} says that the export ends, and it does not`);
				state.ended = true;
			} else if ("checkpoint" in json) {
				members(json, ["checkpoint", "number"], `line ${i + 1}`);
				state.checkpoints.push({ number: json.number, note: readNote(json.checkpoint) });
			} else {
				if (state.checkpoints.length)
					wrong(`line ${i + 1}: a record stands behind the checkpoints`);
				state.records.push(json);
			}
		}
		if (!state.ended)
			wrong("the export does not have its end");
	}

	function checkCounts({ header, records, checkpoints }) {
		if (records.length !== header.records || checkpoints.length !== header.checkpoints)
			wrong(`line 1 announces ${header.records} records and ${header.checkpoints} checkpoints; there are ` +
				`${records.length} and ${checkpoints.length}`);
		if (!records.length || records[0].seq !== header.first || records[records.length - 1].seq !== header.last)
			wrong("the first or the last record is not the one that line 1 announces");
		if (header.whole ? header.first !== 1 || header.last !== records.length : checkpoints.length !== 1)
			wrong(header.whole ? "line 1 says that the trail is whole, and it is not" : "a part must have one checkpoint");
	}

	function checkCheckpoints({ header, checkpoints }) {
		let before = 0;
		checkpoints.forEach(({ number, note }, i) => {
			if (number !== note.number || header.whole && number !== i + 1)
				wrong(`checkpoint ${number} does not have the number that it should`);
			if (note.origin !== (header.key.length ? header.key[0].name : checkpoints[0].note.origin) || note.size <= before)
				wrong(`checkpoint ${number} is of another trail, or covers no more than the one before`);
			before = note.size;
		});
		if (before < header.last)
			wrong(`the last checkpoint covers ${before} records only`);
	}

	// Is the missing payload of `record` covered by a record of an erasure in this export?
	function erasedBy(record, erasures) {
		return erasures.find((one) => record.payload_seq <= one.through && record.payload_seq < one.seq &&
			(one.task === 0 || one.task === record.task_number ||
				record.task_number === 0 && record.task_id !== null && record.task_id === one.taskId));
	}

	function checkPayload(record, state) {
		const owns = record.payload_seq === record.seq;
		if (record.payload === null) {
			if (owns && state.header.payloads !== false && !erasedBy(record, state.erasures))
				state.missing++;
			return;
		}
		members(record.payload, ["body", "salt"], "its payload");
		if (!owns)
			wrong("it has a payload that it does not own");
		const salt = unbase64(record.payload.salt, "its salt"), body = unbase64(record.payload.body, "its payload");
		if (salt.length !== 32 || record.commitment === null || hex(sha256(join(salt, body))) !== record.commitment)
			wrong("its payload is not the one that was recorded");
	}

	function checkRecord(record, state) {
		const names = [...columns.map(([name]) => name), ...others];
		members(record, state.header.whole ? names : [...names, "previous", "proof"], "it");
		const zeros = new Uint8Array(32);
		const previous = state.header.whole ? state.head || zeros : unhex(record.previous, 32, "previous");
		const leaf = leafHash(recordBytes(record, previous));
		if (hex(leaf) !== record.chain)
			wrong("it is not as it was recorded: its bytes do not give its hash");
		if (state.header.whole) {
			if (record.seq !== state.tree.size + 1)
				wrong("it does not stand in its place");
			state.tree.add(leaf);
			state.head = leaf;
			checkRoot(state);
		} else {
			const { note } = state.checkpoints[0];
			if (record.seq <= state.seq || record.seq > note.size)
				wrong("it does not stand in its place");
			const proof = record.proof.map((one) => unbase64(one, "its proof"));
			if (!equal(rootOfInclusion(leaf, record.seq - 1, note.size, proof), note.root))
				wrong("it is not in the tree that the checkpoint signs");
			state.seq = record.seq;
		}
		checkPayload(record, state);
	}

	function checkRoot(state) {
		const next = state.checkpoints[state.rooted];
		if (!next || next.note.size !== state.tree.size)
			return;
		if (!equal(state.tree.root(), next.note.root))
			wrong(`checkpoint ${next.number} signs other records than those up to this one`);
		state.rooted++;
	}

	async function checkSignatures(state, breathe) {
		const verify = await ed25519();
		if (!state.header.key.length)
			return;
		const seals = new Map(state.header.key.slice(1).map((one) => [one.name, one.key]));
		let announced = null;
		for (const { number, note } of state.checkpoints) {
			await breathe();
			await checkSignature(verify, note, state.header.key[0].name, state.header.key[0].key, "log key");
			const name = `${note.origin}/seal/${number}`;
			const seal = seals.get(name) || announced;
			if (seal)
				await checkSignature(verify, note, name, seal, "seal key");
			else if (note.signatures.some((one) => one.name === name))
				state.unsealed++;
			else
				wrong(`checkpoint ${number} has no seal`);
			announced = note.nextSeal;
		}
		state.signed = verify !== null;
	}

	const erasedType = 0x68;
	function readErasures(records) {
		return records.filter((record) => record.type === erasedType).map((record) => {
			const [task, through] = unpack(unbase64(record.facts, "facts"));
			return { seq: record.seq, task, through, taskId: record.task_id };
		});
	}

	// Checks the lines of an export. Never throws: `state.wrong` is null or a sentence, `state.badSeq` the record it speaks of, if it is
	// one. `breathe` is awaited now and then with the number of records done.
	async function check(lines, breathe = async () => {}) {
		const state = { header: null, records: [], checkpoints: [], ended: false, tree: new Tree(), head: null, rooted: 0, seq: 0,
			erasures: [], missing: 0, signed: false, unsealed: 0, wrong: null, badSeq: 0 };
		try {
			state.header = readHeader(lines[0]);
			readLines(lines, state);
			checkCounts(state);
			checkCheckpoints(state);
			state.erasures = readErasures(state.records);
			for (let i = 0; i < state.records.length; i++) {
				if (i % 64 === 0)
					await breathe(i);
				state.badSeq = state.records[i].seq;
				checkRecord(state.records[i], state);
			}
			state.badSeq = 0;
			if (state.header.whole && state.rooted !== state.checkpoints.length)
				wrong("a checkpoint covers records that are not in this export");
			await checkSignatures(state, breathe);
		} catch (error) {
			state.wrong = (state.badSeq ? `record ${state.badSeq}: ` : "") + sentenceOf(error);
		}
		return state;
	}

	// ---- what a record says, by the names of messages.def ----

	const ids = (bytes) => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

	class Names {
		constructor(protocol) {
			this.messages = new Map(protocol.messages.map((message) => [message.code, message]));
			this.errors = new Map(protocol.errors.map((error) => [error.code, error.name]));
			this.values = {};
			for (const [kind, values] of Object.entries(protocol.enumerations))
				this.values[kind] = new Map(Object.entries(values).map(([name, code]) => [code, name]));
			this.values.error = this.errors;
			this.header = protocol.header;
		}

		message(code) {
			const message = this.messages.get(code);
			return message ? message.name : `type ${code}`;
		}

		// One value as a person reads it; `kind` as in messages.def. Bytes stay bytes.
		shown(kind, value) {
			if (value === null || value === undefined)
				return null;
			if (kind === "id" && value instanceof Uint8Array)
				return value.length === 16 && value.some((byte) => byte) ? ids(value) : null;
			if (kind === "hash" && value instanceof Uint8Array)
				return value.some((byte) => byte) ? hex(value) : null;
			if (kind === "flag")
				return value ? "yes" : "no";
			if (kind in this.values)
				return value === 0 ? null : this.values[kind].get(value) || String(value);
			return value;
		}

		fields(list, value) {
			return list.map(({ name, kind }, i) => {
				const raw = value instanceof Map ? value.get(name) : value[i];
				return { name, kind, raw, shown: this.shown(kind, raw) };
			});
		}

		// {header, facts, payload}, each a list of {name, kind, raw, shown}; null where the bytes are no message.
		decode(record) {
			try {
				const schema = this.messages.get(record.type);
				const body = record.payload === null ? null : unpack(unbase64(record.payload.body, "payload"));
				return {
					header: this.fields(this.header, unpack(unbase64(record.header, "header"))),
					facts: this.fields(schema ? schema.facts : [], unpack(unbase64(record.facts, "facts"))),
					payload: body instanceof Map && schema ?
						this.fields(schema.payload, body).filter((one) => one.raw !== undefined && one.raw !== null) : [],
				};
			} catch {
				return null;
			}
		}
	}

	return { Names, Tree, canonical, check, erasedBy, hex, ids, keyLine, readNote, recordBytes, rootOfInclusion, sha256, unbase64, unpack };
})();
