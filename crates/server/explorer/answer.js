// The answer's pane: status and cost, the answer or the events, the SQL statements of each level.

import { $, chooseTab, h } from './dom.js';
import { json, sql } from './tokens.js';

const MOST_COLOURED = 300_000;
const MOST_EVENTS = 200;

const count = (amount, noun) => `${amount.toLocaleString('en')} ${noun}${amount === 1 ? '' : 's'}`;
const size = (text) => `${(new Blob([text]).size / 1024).toFixed(1)} KB`;
const span = ({ kind, text }) => h('span', { class: `t-${kind}` }, text);
const code = (text, tokens) => h('pre', null, text.length > MOST_COLOURED ? text : tokens(text).map(span));

/** Sets the status line. The state is its colour. */
export function showStatus(state, ...facts) {
	$('status').dataset.state = state;
	$('status').replaceChildren(...facts.map((fact) => h('span', null, fact)));
}

/** Shows a message over the answer, or none. */
export function showBanner(message, kind = 'error') {
	$('banner').className = kind;
	$('banner').hidden = !message;
	$('banner').replaceChildren(...(message ? [h('strong', null, message.title), h('p', null, message.text)] : []));
}

export function clear() {
	showBanner(null);
	showLevels([]);
	$('answer').replaceChildren();
}

export function showAnswer({ status, reason, milliseconds, text, json: result }) {
	const { shown, facts } = take(result);
	const state = !result?.data ? 'error' : result.errors ? 'warning' : 'good';
	showStatus(state, `${status} ${reason}`, `${Math.ceil(milliseconds)} ms`, size(text), ...facts);
	$('answer').replaceChildren(code(shown ?? text, json));
}

/** Shows an event of a subscription above those before it. */
export function showEvent(text, number) {
	const { shown, facts } = take(JSON.parse(text));
	const details = h('small', null, [new Date().toLocaleTimeString(), size(text), ...facts].join(' · '));
	$('answer').prepend(h('article', null, h('h3', null, `Event ${number} `, details), code(shown, json)));
	if (number > MOST_EVENTS) $('answer').lastChild.remove();
	return count(number, 'event');
}

/** Takes cost and SQL out of an answer: they have places of their own. */
function take(result) {
	const { cost, explain, ...others } = result?.extensions ?? {};
	showLevels(explain?.levels ?? []);
	const extensions = Object.keys(others).length > 0 ? others : undefined;
	const shown = result && JSON.stringify({ ...result, extensions }, null, 2);
	const facts = cost ? [`cost ${cost.requested.toLocaleString('en')}`, count(cost.loaded, 'object'), count(cost.statements, 'statement')] : [];
	return { shown, facts };
}

function showLevels(levels) {
	$('view-sql').hidden = levels.length === 0;
	if (levels.length === 0) chooseTab($('view-answer'));
	const statement = ({ sql: text, rows, milliseconds }) => [code(text, sql), h('small', null, `${count(rows, 'row')} in ${milliseconds.toFixed(2)} ms`)];
	const level = ({ statements }, index) => [h('h3', null, `Level ${index + 1}`), ...statements.flatMap(statement)];
	$('sql').replaceChildren(...levels.flatMap(level));
}
