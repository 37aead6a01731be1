// The editor: a transparent textarea, with all that browsers do for one, over a coloured copy of its text.

import { $, h } from './dom.js';
import { Popup } from './popup.js';

export class Editor {
	#copy = h('pre', { 'aria-hidden': true });
	#area;
	#popup;
	#options;
	#problems = [];

	/** `tokens(text)` colours, `complete(text, caret)` completes, `input()` is called after each change. */
	constructor(id, options) {
		const { label, placeholder, complete } = options;
		this.#options = options;
		this.#area = h('textarea', { 'aria-label': label, placeholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
		$(id).append(h('div', null, this.#copy, this.#area));
		if (complete) this.#popup = new Popup(this.#area, (...change) => this.type(...change));
		this.#area.addEventListener('input', (event) => this.#changed(event));
		this.#area.addEventListener('keydown', (event) => !event.isComposing && this.#pressed(event) && event.preventDefault());
		this.#area.addEventListener('blur', () => this.#popup?.close());
	}

	get value() {
		return this.#area.value;
	}

	/** Shows another document, which cannot be undone. */
	set value(text) {
		this.#area.value = text;
		this.problems = [];
	}

	get caret() {
		return this.#area.selectionStart;
	}

	/** Marks `{ start, end }` of each problem. */
	set problems(problems) {
		this.#problems = problems;
		this.#area.setAttribute('aria-invalid', problems.length > 0);
		this.#paint();
	}

	/** Replaces a range as if it were typed, so that it can be undone. */
	type(text, start = 0, end = this.value.length) {
		this.select(start, end);
		// Deprecated, but nothing else keeps the undo history.
		document.execCommand(text ? 'insertText' : 'delete', false, text);
	}

	select(start, end) {
		this.#area.focus();
		this.#area.setSelectionRange(start, end);
		this.#copy.children[this.value.slice(0, start).split('\n').length - 1].scrollIntoView({ block: 'nearest' });
	}

	#changed({ inputType }) {
		this.#paint();
		this.#options.input();
		const isOpen = inputType === 'insertText' ? /[\w$@.]/.test(this.value[this.caret - 1]) : this.#popup?.isOpen;
		if (isOpen) this.#complete();
		else this.#popup?.close();
	}

	/** Handles a key. Returns true if nothing is left to the browser. */
	#pressed(event) {
		const { key, ctrlKey, metaKey } = event;
		const before = this.value.slice(0, this.caret);
		if (this.#popup?.press(event)) return true;
		const isCompletion = key === ' ' && ctrlKey;
		const isBreak = key === 'Enter' && !ctrlKey && !metaKey;
		if (isCompletion) this.#complete();
		if (isBreak) this.#breakLine(before);
		if (!metaKey && this.caret === this.#area.selectionEnd && [')', ']', '}'].includes(key) && /\n *  $/.test(before)) this.type('', this.caret - 2, this.caret);
		return isCompletion || isBreak;
	}

	/** Indents the next line as this one, and a level deeper behind an opening bracket. */
	#breakLine(before) {
		const indent = /^ */.exec(before.split('\n').at(-1));
		this.type(`\n${indent}${/[({[]$/.test(before) ? '  ' : ''}`, this.caret, this.#area.selectionEnd);
	}

	#complete() {
		const found = this.#options.complete?.(this.value, this.caret);
		if (found) this.#popup.open(found, this.#place(found.start));
		else this.#popup?.close();
	}

	/** Returns the rectangle of the character at an offset. */
	#place(offset) {
		const walker = document.createTreeWalker(this.#copy, NodeFilter.SHOW_TEXT);
		const range = document.createRange();
		while (walker.nextNode() && offset >= walker.currentNode.length) offset -= walker.currentNode.length;
		range.setStart(walker.currentNode, offset);
		return range.getBoundingClientRect();
	}

	#paint() {
		const lines = [h('span', { class: 'line' })];
		const tokens = this.#options.tokens(this.value);
		const last = tokens.findLast(({ kind }) => kind !== 'space');
		for (const token of tokens) {
			const isIn = ({ start, end }) => start < token.end && (end > token.start || start === end) && start >= token.start;
			const isMarked = this.#problems.some((problem) => isIn(problem) || (token === last && problem.start >= token.end));
			token.text.split('\n').forEach((part, index) => {
				if (index > 0) lines.at(-1).append('\n');
				if (index > 0) lines.push(h('span', { class: 'line' }));
				lines.at(-1).append(h('span', { class: `t-${token.kind}${isMarked ? ' problem' : ''}` }, part));
			});
		}
		lines.at(-1).append('\n');
		this.#copy.replaceChildren(...lines);
	}
}
