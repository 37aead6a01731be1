// The tabs: the examples, then those of the user. What is typed is kept in the browser; tokens and headers are not.

import { check } from './check.js';
import { $, chooseTab, h, stored, tabList } from './dom.js';

const NEW = '# Write a query here. Ctrl-Space completes, Ctrl-Enter runs it.\n\n{\n  \n}\n';

const storage = stored('roster:tabs', { open: '', drafts: {} });
const tabs = new Map();
let opened;

/** The open tab: `{ id, query, variables, example, title, item }`. */
export let current;

/** Makes the tabs. `onOpen` is called after each change of tab. */
export function start(examples, onOpen) {
	opened = onOpen;
	const { open: last, drafts } = storage.get();
	for (const { name, text } of examples) {
		const title = name.replace(/^\d+-/, '').replaceAll('-', ' ');
		add({ id: name, title, example: text, query: text, variables: '', ...drafts[name] });
	}
	for (const id in drafts) if (!tabs.has(id)) add({ id, ...drafts[id] });
	tabList($('tabs'), (item) => open(tabs.get(item.value)));
	if (tabs.size === 0) openText();
	else open(tabs.get(last) ?? [...tabs.values()][0]);
}

/** Opens a tab with this text, a new one if none has it. */
export function openText({ query = NEW, variables = '' } = {}) {
	const same = [...tabs.values()].find((tab) => tab.query === query && tab.variables === variables);
	open(same ?? add({ id: `own-${Date.now()}`, query, variables }));
	if (!same) save();
}

export function update(query, variables) {
	Object.assign(current, { query, variables });
	save();
}

/** True for a changed example, or a tab of the user. */
export const isDraft = () => current.query !== current.example || current.variables !== '';

/** Gives an example its text back, or closes a tab of the user. */
export function discard() {
	const { id, example: query, item } = current;
	if (query) {
		update(query, '');
		return open(current);
	}
	const { drafts } = storage.get();
	delete drafts[id];
	storage.set({ open: '', drafts });
	tabs.delete(id);
	item.remove();
	if (tabs.size === 0) openText();
	else open([...tabs.values()].at(-1));
}

function add(tab) {
	tab.item = h('button', { role: 'tab', id: `tab-${tab.id}`, value: tab.id, 'aria-controls': 'document' });
	tabs.set(tab.id, tab);
	$('tabs').append(tab.item);
	label(tab);
	return tab;
}

function label({ item, title, query }) {
	const [{ kind, name } = { kind: 'query' }] = check(query).operations;
	const badge = h('span', { class: `badge ${kind}`, role: 'img', 'aria-label': kind }, kind[0].toUpperCase());
	item.replaceChildren(badge, h('span', null, title ?? name ?? 'Untitled'));
}

function open(tab) {
	current = tab;
	const { drafts } = storage.get();
	// Another window may have stored a newer text.
	Object.assign(tab, drafts[tab.id]);
	storage.set({ open: tab.id, drafts });
	show();
	chooseTab(tab.item);
	tab.item.scrollIntoView({ block: 'nearest' });
	$('document').setAttribute('aria-labelledby', tab.item.id);
	opened();
}

function show() {
	label(current);
	current.item.classList.toggle('edited', Boolean(current.example) && isDraft());
}

/** Stores the open tab only: another window may have stored others. */
function save() {
	const { id, query, variables } = current;
	const { drafts } = storage.get();
	show();
	if (isDraft()) drafts[id] = { query, variables };
	else delete drafts[id];
	storage.set({ open: id, drafts });
}
