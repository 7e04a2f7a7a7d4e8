// SPDX-License-Identifier: MIT
// Canonical JSON as ECMAScript has it, against ours, on made-up values: RFC 8785 defines its numbers and strings by this language.
//
//   node canonical.js CANONICAL_PRINT [COUNT]
"use strict";
const { spawnSync } = require("node:child_process");

let seed = 0x9e3779b9;
function random(below) { // xorshift32: the same values in every run
	seed ^= seed << 13;
	seed >>>= 0;
	seed ^= seed >>> 17;
	seed ^= seed << 5;
	seed >>>= 0;
	return seed % below;
}

const bits = new DataView(new ArrayBuffer(8));
function double(high, low) {
	bits.setUint32(0, high);
	bits.setUint32(4, low);
	const value = bits.getFloat64(0);
	return Number.isFinite(value) ? value : 0;
}
const beyond = (value) => Number.isInteger(value) && Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21;

const points = [0x00, 0x08, 0x0a, 0x1f, 0x22, 0x2f, 0x3c, 0x5c, 0x7f, 0x80, 0xff, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd,
	0xffff, 0x10000, 0x1f600, 0x10ffff];
function text(lowest) {
	let made = "";
	for (let count = random(6); count > 0; count--) {
		const point = random(3) ? points[random(points.length)] : 0x20 + random(0x5f);
		made += String.fromCodePoint(Math.max(point, lowest));
	}
	return made;
}

function value(depth) {
	switch (random(depth > 3 ? 5 : 7)) {
	case 0: return [null, true, false][random(3)];
	case 1: return random(0xffffffff) - 0x7fffffff;
	case 2: {
		const made = double(random(0xffffffff), random(0xffffffff));
		return beyond(made) ? made * 1e6 : made;
	}
	case 3: return (random(2000000) - 1000000) / 10 ** random(9);
	case 4: return text(0);
	case 5: return Array.from({ length: random(5) }, () => value(depth + 1));
	default: {
		const made = {};
		for (let count = random(6); count > 0; count--)
			made["k" + text(1)] = value(depth + 1); // a name that is a number would come first, whatever is asked
		return made;
	}
	}
}

function sorted(json) { // Array.prototype.sort compares UTF-16 code units
	if (Array.isArray(json))
		return json.map(sorted);
	if (json === null || typeof json !== "object")
		return json;
	return Object.fromEntries(Object.keys(json).sort().map((name) => [name, sorted(json[name])]));
}

const values = [];
for (let exponent = 1; exponent < 2047; exponent++) // the powers of two and their neighbours: where short numbers are hard to find
	values.push(double(exponent * 0x100000, 0), double(exponent * 0x100000, 1), double(exponent * 0x100000 - 1, 0xffffffff));
for (let bit = 0; bit < 52; bit++)
	values.push(double(bit < 32 ? 0 : 2 ** (bit - 32), bit < 32 ? 2 ** bit : 0));
for (let power = -30; power < 30; power++)
	values.push(Number("1e" + power), -Number("1e" + power), Number("123456789e" + power));
for (let count = Number(process.argv[3] || 20000); count > 0; count--)
	values.push(value(0));

// Written with digits only, these would be whole numbers to our reader, and strings to our writer.
const input = values.map((one) => JSON.stringify(one) + (beyond(one) ? ".0" : "")).join("\n") + "\n";
const ran = spawnSync(process.argv[2], { input, encoding: "utf8", maxBuffer: 1 << 28 });
const lines = ran.stdout.split("\n");
let wrong = ran.status === 0 && lines.length === values.length + 1 ? 0 : 1;
if (wrong)
	console.log(`exit ${ran.status}, ${lines.length - 1} lines for ${values.length} values`);
for (let i = 0; i < values.length && wrong < 10; i++) {
	const expected = JSON.stringify(sorted(values[i]));
	if (lines[i] !== expected && ++wrong)
		console.log(`value ${i}\n  expected ${expected}\n  printed  ${lines[i]}`);
}
console.log(`${values.length} values, ${wrong} printed otherwise`);
process.exitCode = wrong ? 1 : 0;
