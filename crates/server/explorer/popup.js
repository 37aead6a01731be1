// The list of completions. The focus stays in the textarea.

import { $, h } from './dom.js';

export class Popup {
	#area;
	#accept;
	#found = null;
	#active = 0;

	/** Calls `accept(insert, start, end)` with what the user chooses. */
	constructor(area, accept) {
		this.#area = area;
		this.#accept = accept;
		area.setAttribute('aria-autocomplete', 'list');
		area.setAttribute('aria-controls', 'completions');
		$('popup').addEventListener('pointerdown', (event) => event.preventDefault());
	}

	get isOpen() {
		return this.#found !== null;
	}

	/** Shows the completions under a place, or above it where there is no room. */
	open(found, place) {
		this.#found = found;
		const option = ({ label, detail }, index) =>
			h('li', { role: 'option', id: `completion-${index}`, click: () => this.#take(index) }, label, h('small', null, detail));
		$('completions').replaceChildren(...found.items.map(option));
		$('popup').hidden = false;
		this.#activate(0);
		const { offsetWidth: width, offsetHeight: height, style } = $('popup');
		style.left = `${Math.max(0, Math.min(place.left - 12, innerWidth - width))}px`;
		style.top = `${place.bottom + height > innerHeight ? Math.max(0, place.top - height) : place.bottom}px`;
	}

	close() {
		this.#found = null;
		$('popup').hidden = true;
		this.#area.removeAttribute('aria-activedescendant');
	}

	/** Handles a key. Returns true if it was meant for the list. */
	press({ key, shiftKey, ctrlKey, metaKey }) {
		if (!this.isOpen || shiftKey || ctrlKey || metaKey) return false;
		const { length } = this.#found.items;
		const step = { ArrowDown: 1, ArrowUp: length - 1 }[key];
		if (step) this.#activate((this.#active + step) % length);
		else if (key === 'Escape') this.close();
		else if (key === 'Enter' || key === 'Tab') this.#take(this.#active);
		else return false;
		return true;
	}

	#take(index) {
		const { items, start, end } = this.#found;
		this.#accept(items[index].insert, start, end);
		this.close();
	}

	#activate(index) {
		const options = $('completions').children;
		options[this.#active]?.removeAttribute('aria-selected');
		options[index].setAttribute('aria-selected', true);
		options[index].scrollIntoView({ block: 'nearest' });
		this.#active = index;
		this.#area.setAttribute('aria-activedescendant', options[index].id);
		$('completion-note').textContent = this.#found.items[index].description;
	}
}
