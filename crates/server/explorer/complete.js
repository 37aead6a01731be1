// Completions, from the context that the check of the document finds at the caret.

import { check } from './check.js';
import { isComposite } from './schema.js';
import { graphql } from './tokens.js';

/** Returns the range to replace, and items `{ label, insert, detail, description }`; null if there are none. */
export function completions(schema, text, caret) {
	const inside = graphql(text).find(({ start, end }) => start < caret && caret <= end);
	const { context } = check(text, schema, caret);
	if (!schema || !context || ['comment', 'string'].includes(inside?.kind)) return null;
	const typed = text.slice(context.start, caret);
	const rank = ({ label }) => label.toLowerCase().indexOf(typed.toLowerCase());
	const items = candidates(context, schema, text)
		.filter((item) => rank(item) >= 0)
		.sort((a, b) => Math.min(rank(a), 1) - Math.min(rank(b), 1));
	const isDone = items.some(({ label }) => label === typed);
	return isDone || items.length === 0 ? null : { ...context, items: items.slice(0, 60) };
}

const item = (label, detail = '', description = '', insert = label) => ({ label, insert, detail, description });
const member = ({ name, type, description }) => item(name, type, description);
const ofType = ({ name, kind, description }) => item(name, kind.toLowerCase(), description);

function candidates({ kind, type, definitions, given }, schema, text) {
	const types = [...schema.types.values()].filter(({ name }) => !name.startsWith('__'));
	const variables = (sigil) => [...new Set(text.match(/\$\w+(?=\s*:)/g))].map((name) => item(sigil + name.slice(1), 'variable'));
	const conditions = () => types.filter((each) => isComposite(each) && (!type?.possible.length || type.possible.includes(each.name)));
	switch (kind) {
		case 'definition':
			return [...schema.roots.keys(), 'fragment'].map((word) => item(word));
		case 'field':
			return type ? [...type.fields.values(), { name: '__typename', type: 'String!' }].map(member) : [];
		case 'argument':
			return [...(definitions?.values() ?? [])]
				.filter(({ name }) => !given.has(name))
				.map(({ name, type, description }) => item(name, type, description, `${name}: `));
		case 'value':
			if (type?.name === 'Boolean') return [item('true'), item('false'), ...variables('$')];
			return [...[...(type?.values.values() ?? [])].map(member), ...variables('$')];
		case 'variable':
			return variables('');
		case 'directive':
			return [...schema.directives.values()].map(member);
		case 'input type':
			return types.filter((each) => !isComposite(each)).map(ofType);
		case 'type':
			return conditions().map(ofType);
		case 'spread': {
			const fragments = Array.from(text.matchAll(/\bfragment\s+(\w+)\s+on\s+(\w+)/g), ([, name, on]) => item(name, `on ${on}`));
			return [...fragments, ...conditions().map(({ name, description }) => item(`on ${name}`, 'fragment', description))];
		}
	}
}
