// SPDX-License-Identifier: MIT
// As much of a document as the exported page's script uses, for running it without a browser. What could make markup of text throws.
"use strict";

class Text {
	constructor(data) { this.data = data; }
	get textContent() { return this.data; }
}

class Element {
	constructor(tag) {
		this.tag = tag;
		this.attributes = {};
		this.children = [];
		this.listeners = {};
		this.parent = null;
		this.dataset = {};
		this.value = "";
		const element = this;
		this.classList = {
			set: () => new Set((element.attributes.class || "").split(" ").filter(Boolean)),
			write: (set) => { element.attributes.class = [...set].join(" "); },
			add(name) { this.write(this.set().add(name)); },
			contains(name) { return this.set().has(name); },
			toggle(name, on) {
				const set = this.set();
				if (on) set.add(name); else set.delete(name);
				this.write(set);
			},
		};
	}

	set className(value) { this.attributes.class = value; }
	get className() { return this.attributes.class || ""; }
	set innerHTML(_) { throw new Error("innerHTML was set"); }
	set outerHTML(_) { throw new Error("outerHTML was set"); }
	insertAdjacentHTML() { throw new Error("insertAdjacentHTML was called"); }
	get open() { return "open" in this.attributes; }
	set open(on) {
		const was = this.open;
		if (on) this.attributes.open = ""; else delete this.attributes.open;
		if (was !== Boolean(on)) this.tell("toggle");
	}

	setAttribute(name, value) { this.attributes[name] = String(value); }
	getAttribute(name) { return name in this.attributes ? this.attributes[name] : null; }
	addEventListener(name, listener) { (this.listeners[name] = this.listeners[name] || []).push(listener); }
	tell(name) { (this.listeners[name] || []).forEach((listener) => listener({ preventDefault() {} })); }
	click() { this.tell("click"); }

	append(...nodes) {
		for (const node of nodes) {
			const child = node instanceof Element || node instanceof Text ? node : new Text(String(node));
			child.parent = this;
			this.children.push(child);
		}
	}
	replaceChildren(...nodes) {
		this.children = [];
		this.append(...nodes);
	}
	after(...nodes) {
		const at = this.parent.children.indexOf(this) + 1;
		nodes.forEach((node) => { node.parent = this.parent; });
		this.parent.children.splice(at, 0, ...nodes);
	}
	remove() { this.parent.children.splice(this.parent.children.indexOf(this), 1); }
	get firstChild() { return this.children[0] || null; }
	get nextElementSibling() {
		const rest = this.parent.children.slice(this.parent.children.indexOf(this) + 1);
		return rest.find((node) => node instanceof Element) || null;
	}
	get textContent() { return this.children.map((child) => child.textContent).join(""); }
	set textContent(text) { this.replaceChildren(text); }

	*walk() {
		yield this;
		for (const child of this.children)
			if (child instanceof Element)
				yield* child.walk();
	}
	querySelector(tag) { return [...this.walk()].slice(1).find((element) => element.tag === tag) || null; }
	querySelectorAll(selector) {
		if (selector !== "tbody > tr:not(.more)")
			throw new Error(`querySelectorAll("${selector}") is more than this document can do`);
		return [...this.walk()].filter((element) => element.tag === "tr" && element.parent.tag === "tbody" && !element.classList.contains("more"));
	}
}

// The globals of a page whose elements have these ids and texts.
function page(texts) {
	const byId = {}, root = new Element("html"), listeners = {};
	for (const [id, text] of Object.entries(texts)) {
		byId[id] = new Element("div");
		byId[id].append(text);
	}
	return {
		document: {
			documentElement: root,
			getElementById: (id) => byId[id] || (byId[id] = new Element("div")),
			createElement: (tag) => new Element(tag),
		},
		addEventListener: (name, listener) => { (listeners[name] = listeners[name] || []).push(listener); },
		tell: (name) => (listeners[name] || []).forEach((listener) => listener()),
		matchMedia: () => ({ matches: false }),
		print() {},
	};
}

module.exports = { Element, Text, page };
