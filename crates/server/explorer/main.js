// Connects the editors, the tabs, the answer and the documentation.

import { clear, showAnswer, showBanner, showEvent, showStatus } from './answer.js';
import { check } from './check.js';
import { post, subscribe } from './client.js';
import { completions } from './complete.js';
import { showSchema } from './docs.js';
import { $, chooseTab, h, tabList } from './dom.js';
import { Editor } from './editor.js';
import { format } from './format.js';
import { linkTo, openHistory, remember, takeLink } from './history.js';
import { failure, located, refusal } from './messages.js';
import { buildSchema, introspection } from './schema.js';
import * as tabs from './tabs.js';
import { colouredGraphql, json } from './tokens.js';

let schema = null;
let checked = check('');
let running = null;

const query = new Editor('query', { label: 'Query', tokens: colouredGraphql, complete: (...at) => completions(schema, ...at), input: typed });
const variables = new Editor('variables', { label: 'Variables as JSON', tokens: json, input: typed, placeholder: '{ "first": 2 }' });
const headers = new Editor('headers', { label: 'Headers as JSON', tokens: json, input: typed });

// Secrets end with the browser's tab. `/app` and GraphiQL use the same token.
headers.value = sessionStorage.getItem('roster:headers') ?? '';
$('token').value = sessionStorage.getItem('roster:token');

function typed() {
	tabs.update(query.value, variables.value);
	sessionStorage.setItem('roster:headers', headers.value);
	checkText();
}

function opened() {
	stop();
	query.value = tabs.current.query;
	variables.value = tabs.current.variables;
	clear();
	showStatus('idle', 'Ready');
	showPane('document');
	checkText();
}

/** Checks what was typed, and shows the problems with those that the server named. */
function checkText(objections = []) {
	checked = check(query.value, schema);
	const { operations } = checked;
	const isNew = ({ start }) => !objections.some((each) => each.start === start);
	const problems = [...checked.problems.filter(isNew), ...objections];
	query.problems = problems;
	const item = ({ start, end, message }) => {
		const line = h('small', null, `Line ${query.value.slice(0, start).split('\n').length}`);
		return h('li', null, h('button', { click: () => query.select(start, end) }, line, message));
	};
	$('problems').replaceChildren(...problems.map(item));
	$('variables-tab').classList.toggle('invalid', !parsed(variables));
	$('headers-tab').classList.toggle('invalid', !parsed(headers));
	const { value } = $('operation');
	$('operation').replaceChildren(...operations.map(({ kind, name }, index) => h('option', { value: index }, `${kind} ${name}`)));
	$('operation').value = operations[value] ? value : 0;
	$('operation').hidden = operations.length < 2;
	$('discard').hidden = !tabs.isDraft();
	$('discard').textContent = tabs.current.example ? 'Reset' : 'Close';
	showRun();
}

/** Returns the object in a JSON editor; null if there is none. */
function parsed({ value }) {
	try {
		const object = JSON.parse(value || '{}');
		return typeof object === 'object' && !Array.isArray(object) ? object : null;
	} catch {
		return null;
	}
}

const operation = () => checked.operations[$('operation').value];

function showRun() {
	$('run').textContent = running ? '■ Stop' : operation()?.kind === 'subscription' ? '▶ Listen' : '▶ Run';
	$('run').classList.toggle('stop', running);
}

function stop() {
	if (running) showStatus('idle', 'Stopped');
	running?.abort();
	running = null;
	showRun();
}

function allHeaders() {
	const all = new Headers();
	if ($('token').value) all.set('authorization', `Bearer ${$('token').value.trim()}`);
	for (const [name, value] of Object.entries(parsed(headers) ?? {})) all.set(name, value);
	return all;
}

async function run() {
	stop();
	clear();
	checkText();
	showPane('result');
	const invalid = document.querySelector('.invalid');
	if (invalid) {
		chooseTab(invalid);
		return showBanner({ title: `${invalid.textContent} must be a JSON object`, text: 'Nothing was sent.' });
	}
	const controller = new AbortController();
	running = controller;
	showRun();
	showStatus('busy', 'Running');
	const { kind, name } = operation() ?? {};
	remember({ title: name ?? 'Unnamed', query: query.value, variables: variables.value });
	try {
		const request = { query: query.value, variables: parsed(variables), operationName: name };
		const answer = await (kind === 'subscription' ? listen : post)(request, allHeaders(), controller.signal);
		if (answer) showResult(answer);
		if (!schema) readSchema();
	} catch (error) {
		if (running !== controller) return;
		showStatus('error', 'No answer');
		showBanner(failure(error));
	} finally {
		if (running === controller) running = null;
		showRun();
	}
}

function showResult(answer) {
	showAnswer(answer);
	showBanner(refusal(answer, allHeaders()));
	if (!answer.json?.data) checkText(located(answer.json?.errors ?? [], query.value));
}

async function listen(request, headers, signal) {
	let number = 0;
	let events = 'no event yet';
	const answer = await subscribe(request, headers, signal, {
		open: () => showStatus('live', 'Listening', events),
		wait: (seconds) => showStatus('busy', `Connection lost, again in ${seconds} s`, events),
		event(text) {
			events = showEvent(text, ++number);
			this.open();
		},
	});
	if (!answer) showStatus('good', 'Complete', events);
	return answer;
}

async function readSchema() {
	let problem;
	try {
		const answer = await post(introspection, allHeaders());
		if (answer.json?.data) schema = buildSchema(answer.json.data);
		else problem = refusal(answer, allHeaders());
	} catch (error) {
		problem = failure(error);
	}
	if (schema && problem) return showBanner(problem);
	showSchema(schema, problem);
	checkText();
}

const prettify = () => query.type(format(query.value) ?? query.value);

async function copyLink() {
	const text = linkTo(tabs.current);
	const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
	showBanner({ title: isCopied ? 'Copied' : 'Copy this link', text }, 'info');
	showPane('result');
}

/** Shows a section on a phone, which has room for one. */
function showPane(name) {
	document.body.dataset.pane = name;
	for (const button of $('panes').children) button.setAttribute('aria-pressed', button.value === name);
}

function toggleDocs() {
	const isClosed = document.body.classList.toggle('no-docs');
	$('toggle-docs').setAttribute('aria-expanded', !isClosed);
}

function toggleTheme() {
	const { dataset } = document.documentElement;
	dataset.theme = dataset.theme === 'dark' ? 'light' : 'dark';
	localStorage.setItem('roster:theme', dataset.theme);
}

function openLink() {
	const link = takeLink();
	if (link) tabs.openText(link);
}

const clicks = {
	run: () => (running ? stop() : run()),
	prettify,
	discard: tabs.discard,
	'new-tab': () => tabs.openText(),
	'copy-link': copyLink,
	'open-history': () => openHistory(tabs.openText),
	'toggle-docs': toggleDocs,
	'toggle-theme': toggleTheme,
	'read-schema': readSchema,
};
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener('click', action);
$('panes').addEventListener('click', ({ target }) => target.value && showPane(target.value));
$('operation').addEventListener('change', showRun);
$('token').addEventListener('change', () => {
	sessionStorage.setItem('roster:token', $('token').value.trim());
	readSchema();
});
tabList($('panels'));
tabList($('views'));
addEventListener('hashchange', openLink);
addEventListener('keydown', (event) => {
	const isPrettify = event.shiftKey && event.code === 'KeyF';
	if (!(event.ctrlKey || event.metaKey) || !(isPrettify || event.key === 'Enter')) return;
	event.preventDefault();
	if (isPrettify) prettify();
	else if (!event.repeat) run();
});

if (innerWidth < 1400) toggleDocs();
tabs.start(await fetch('explorer/examples.json').then((response) => response.json()).catch(() => []), opened);
openLink();
readSchema();
