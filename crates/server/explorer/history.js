// History and links, without tokens and headers. Browsers send the fragment of a link to no server.

import { $, h, stored } from './dom.js';

const MOST = 50;

/** `{ title, query, variables, at }`, newest first. */
const entries = stored('roster:history', []);

export function remember(entry) {
	if (entry.query.length > 20_000) return;
	const others = entries.get().filter(({ query, variables }) => query !== entry.query || variables !== entry.variables);
	entries.set([{ ...entry, at: Date.now() }, ...others].slice(0, MOST));
}

/** Opens the history. Calls `choose(entry)` with what the user takes from it. */
export function openHistory(choose) {
	const row = (entry) => {
		const facts = h('small', null, new Date(entry.at).toLocaleString());
		const text = entry.query.replace(/^#.*$/gm, '').replace(/\s+/g, ' ');
		return h('li', null, h('button', { click: () => choose(entry) }, h('b', null, entry.title), ' ', facts, h('code', null, text)));
	};
	$('history-list').replaceChildren(...entries.get().map(row));
	$('history').showModal();
}

$('history-clear').addEventListener('click', () => entries.set([]));

export const linkTo = ({ query, variables }) => `${location.href.split('#')[0]}#${new URLSearchParams({ query, variables })}`;

/** Takes the query out of the address of the page; null if it has none. */
export function takeLink() {
	const { query, variables } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
	if (!query) return null;
	history.replaceState(null, '', location.pathname);
	return { query, variables };
}
