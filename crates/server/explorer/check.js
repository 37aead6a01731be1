// Walks a document along the schema. One pass finds the operations, the problems and what may stand at the caret.
// Types of values, fields that conflict and the like are left to the server.

import { isComposite, isRequired, named } from './schema.js';
import { graphql, isSolid } from './tokens.js';

/** Returns `{ problems, operations, context, isParsed }`. Without a schema only the syntax is checked. */
export function check(text, schema = null, caret = -1) {
	const tokens = [...graphql(text).filter(isSolid), { kind: 'end', text: '', start: text.length, end: text.length }];
	const found = { problems: [], operations: [], context: null, isParsed: false };
	const variables = new Set();
	const fragments = new Set();
	const deferred = [];
	let index = 0;

	const here = () => tokens[index];
	const is = (text) => here().text === text;
	const take = (text) => is(text) && tokens[index++];
	const expect = (text) => take(text) || fail(`"${text}"`);
	const name = () => (here().kind === 'name' ? tokens[index++] : fail('a name'));
	const problem = ({ start, end }, message) => found.problems.push({ start, end, message });
	const defer = (names, token, what) => deferred.push(() => unless(names.has(token.text), token, `Unknown ${what} "${token.text}".`));
	const unless = (holds, token, message) => holds || problem(token, message);

	function fail(expected) {
		problem(here(), `Syntax Error: Expected ${expected}, found ${is('') ? 'the end' : here().text}.`);
		throw found;
	}

	/** Notes what is expected here, if the caret is here. */
	function hint(kind, detail) {
		const before = tokens[index - 1];
		const { start, end, kind: next } = here();
		const isBehind = !before || caret > before.end || (caret === before.end && before.kind === 'mark');
		if (!isBehind || caret > (next === 'name' ? end : start)) return;
		found.context = { kind, ...detail, start: Math.min(start, caret), end: caret > start ? end : caret };
	}

	function definition() {
		hint('definition');
		if (here().kind === 'string') index++;
		if (take('fragment')) {
			fragments.add(name().text);
			expect('on');
			const type = condition();
			directives();
			return selections(type);
		}
		const first = here();
		const kind = is('{') ? 'query' : ['query', 'mutation', 'subscription'].find(take);
		if (!kind) fail('an operation or a fragment');
		found.operations.push({ kind, name: here().kind === 'name' ? name().text : undefined });
		if (take('(')) do variable(); while (!take(')'));
		directives();
		unless(!schema || schema.roots.has(kind), first, `The schema has no ${kind}.`);
		selections(schema?.roots.get(kind));
	}

	function variable() {
		expect('$');
		variables.add(name().text);
		expect(':');
		const type = typeReference();
		if (take('=')) value(type);
		directives();
	}

	function typeReference() {
		hint('input type');
		const isList = take('[');
		const inner = isList ? typeReference() : knownType((type) => !isComposite(type));
		if (isList) expect(']');
		return (isList ? `[${inner}]` : inner) + (take('!') ? '!' : '');
	}

	function knownType(fits) {
		const token = name();
		const type = schema?.types.get(token.text);
		unless(!schema || (type && fits(type)), token, `Unknown type "${token.text}", or one that cannot be here.`);
		return token.text;
	}

	function condition(type) {
		hint('type', { type });
		const name = knownType(isComposite);
		return schema?.types.get(name);
	}

	function directives() {
		while (take('@')) {
			hint('directive');
			const token = name();
			const directive = schema?.directives.get(token.text);
			unless(!schema || directive, token, `Unknown directive "@${token.text}".`);
			pairs(token, directive?.args, '(', ')');
		}
	}

	function selections(type) {
		expect('{');
		do {
			hint('field', { type });
			if (take('...')) spread(type);
			else field(type);
			hint('field', { type });
		} while (!take('}'));
	}

	function spread(type) {
		hint('spread', { type });
		if (here().kind === 'name' && !is('on')) {
			defer(fragments, name(), 'fragment');
			return directives();
		}
		const inner = take('on') ? condition(type) : type;
		directives();
		selections(inner);
	}

	function field(type) {
		let token = name();
		if (take(':')) {
			hint('field', { type });
			token = name();
		}
		const definition = type?.fields.get(token.text);
		unless(!type || definition || token.text.startsWith('__'), token, `Cannot query field "${token.text}" on type "${type?.name}".`);
		pairs(token, definition?.args, '(', ')');
		directives();
		const inner = definition && schema.types.get(named(definition.type));
		const fault = is('{') ? 'has no fields' : 'needs fields: { … }';
		unless(!inner || is('{') === isComposite(inner), token, `Field "${token.text}" of type "${definition?.type}" ${fault}.`);
		if (is('{')) selections(inner);
	}

	/** Reads arguments or an input object, if it is there. */
	function pairs(owner, definitions, open, close) {
		const given = new Set();
		const more = () => hint('argument', { definitions, given }) || !take(close);
		for (let isOpen = take(open); isOpen && more(); ) {
			const token = name();
			const known = definitions?.get(token.text);
			unless(!definitions || known, token, `Unknown argument "${token.text}".`);
			given.add(token.text);
			expect(':');
			value(known?.type);
		}
		for (const { name, type, preset } of definitions?.values() ?? []) {
			unless(!isRequired({ type, preset }) || given.has(name), owner, `Argument "${name}" of type "${type}" is missing.`);
		}
	}

	function value(type) {
		const definition = type && schema?.types.get(named(type));
		const token = here();
		hint('value', { type: definition });
		if (take('$')) {
			hint('variable');
			defer(variables, name(), 'variable');
		} else if (take('[')) {
			while (!take(']')) value(type?.replace(/^\[(.*)\]!?$/, '$1'));
		} else if (is('{')) {
			pairs(token, definition?.inputs, '{', '}');
		} else if (['name', 'number', 'string'].includes(token.kind)) {
			if (token.kind === 'string' && !/^"([^]*[^\\])?(\\\\)*"$/.test(token.text)) fail('a string that ends');
			index++;
			unless(definition?.kind !== 'ENUM' || token.text === 'null' || definition.values.has(token.text), token, `Unknown value "${token.text}" of "${type}".`);
		} else {
			fail('a value');
		}
	}

	try {
		do definition(); while (here().kind !== 'end');
		hint('definition');
		found.isParsed = true;
		for (const check of deferred) check();
	} catch (error) {
		if (error !== found) throw error;
	}
	return found;
}
