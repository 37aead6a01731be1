// The documentation: walks the schema from its roots, and finds types and fields by name.

import { $, h } from './dom.js';
import { named } from './schema.js';

let schema = null;
/** Names of the types from the overview to the one that is shown. */
const trail = [];

$('docs-search').addEventListener('input', draw);
$('docs-back').addEventListener('click', () => {
	if (!$('docs-search').value) trail.pop();
	open();
});

export function showSchema(newSchema, problem) {
	schema = newSchema;
	$('docs-search').disabled = !schema;
	if (schema) return draw();
	const text = `${problem.title}. ${problem.text} Queries run, without completion.`;
	$('docs-body').replaceChildren(h('div', { class: 'error', role: 'alert' }, h('strong', null, 'The schema cannot be read'), h('p', null, text)));
}

function openType(name, field) {
	if (schema.types.has(name) && trail.at(-1) !== name) trail.push(name);
	open();
	const entry = $(`field-${field}`);
	entry?.classList.add('found');
	entry?.scrollIntoView({ block: 'center' });
}

function open() {
	$('docs-search').value = '';
	draw();
	$('docs-body').scrollTop = 0;
	$('docs-title').focus();
}

function draw() {
	const words = $('docs-search').value.trim().toLowerCase();
	const type = schema.types.get(trail.at(-1));
	$('docs-title').textContent = words ? 'Found' : (type?.name ?? 'Documentation');
	$('docs-back').hidden = !words && !type;
	const parts = words ? found(words) : type ? typePage(type) : overview();
	$('docs-body').replaceChildren(...parts.filter(Boolean));
}

const written = (kind) => kind.toLowerCase().replace('_', ' ');
const types = () => [...schema.types.values()].filter(({ name }) => !name.startsWith('__'));
const link = (name, field, text = name) => h('button', { class: 'link', click: () => openType(name, field) }, text);
const list = (title, items) => (items.length > 0 ? [title && h('h3', null, title), h('ul', null, items.map((item) => h('li', null, item)))] : []);

/** Paragraph with its `code` set apart. Line breaks stay before the items of a list. */
const prose = (text) => text && h('p', null, text.replace(/\n(?![\n*])/g, ' ').split(/`([^`]+)`/).map((part, index) => (index % 2 ? h('code', null, part) : part)));

function overview() {
	const roots = [...schema.roots].map(([kind, { name }]) => [`${kind}: `, link(name)]);
	const kinds = ['OBJECT', 'INTERFACE', 'UNION', 'INPUT_OBJECT', 'ENUM', 'SCALAR'].map((kind) => {
		const links = types().filter((type) => type.kind === kind).map(({ name }) => link(name));
		return links.length > 0 && h('details', null, h('summary', null, `${written(kind)} (${links.length})`), ...list('', links));
	});
	return [prose(schema.description), ...list('Roots', roots), ...kinds];
}

function typePage({ kind, isOneOf, description, fields, inputs, values, interfaces, possible }) {
	const members = (title, map) => (map.size > 0 ? [h('h3', null, title), h('dl', null, [...map.values()].flatMap(member))] : []);
	return [
		h('small', null, written(kind) + (isOneOf ? ', one field' : '')),
		prose(description),
		...members('Fields', fields),
		...members('Fields', inputs),
		...members('Values', values),
		...list('Related types', [...interfaces, ...possible].map((name) => link(name))),
	];
}

function member({ name, type, args, description, deprecated, preset }) {
	const [before, after] = type?.split(named(type)) ?? [];
	const kind = !type ? 't-enum' : args ? 't-field' : 't-argument';
	return [
		h('dt', { id: args && `field-${name}` }, h('span', { class: kind }, name), type && [': ', before, link(named(type)), after], preset && ` = ${preset}`),
		h('dd', null, deprecated && prose(`Deprecated: ${deprecated}`), prose(description), args?.size > 0 && h('dl', null, [...args.values()].flatMap(member))),
	];
}

function found(words) {
	const isFound = (name) => name.toLowerCase().includes(words);
	const targets = types().flatMap(({ name, fields, inputs, values }) => {
		const members = [...fields.keys(), ...inputs.keys(), ...values.keys()].filter(isFound);
		return [isFound(name) ? [name] : [], ...members.map((member) => [name, member, `${name}.${member}`])];
	});
	// Types before fields.
	const sorted = targets.filter(({ length }) => length > 0).sort((a, b) => a.length - b.length);
	return list(`${sorted.length} with this name`, sorted.slice(0, 60).map((target) => link(...target)));
}
