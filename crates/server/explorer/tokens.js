// Tokens of GraphQL, JSON and SQL. Their kinds are the classes that the style sheet colours.

const pattern = ({ raw: [special] }) => new RegExp(`${special}|(?<number>-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?)|(?<space>[\\s,\\uFEFF]+)|(?<mark>\\.{3}|[^])`, 'g');
const GRAPHQL = pattern`(?<comment>#[^\n\r]*)|(?<string>"""(\\"""|[^])*?("""|$)|"(\\.|[^"\\\n\r])*"?)|(?<name>[_A-Za-z]\w*)`;
const JSON_TEXT = pattern`(?<argument>"(\\.|[^"\\\n])*"(?=\s*:))|(?<string>"(\\.|[^"\\\n])*"?)|(?<keyword>true|false|null)`;
const SQL = pattern`(?<string>'(''|[^'])*')|(?<field>"(""|[^"])*")|(?<variable>[$?]\d*)|(?<keyword>\b[A-Z][A-Z_]+\b)|(?<name>[a-z]\w*)`;

/** Splits a text into tokens that cover all of it. */
function split(text, pattern) {
	return Array.from(text.matchAll(pattern), ({ 0: text, index: start, groups }) => {
		const kind = Object.keys(groups).find((kind) => groups[kind] !== undefined);
		return { kind, text, start, end: start + text.length };
	});
}

export const json = (text) => split(text, JSON_TEXT);
export const sql = (text) => split(text, SQL);
export const graphql = (text) => split(text, GRAPHQL);
export const isSolid = ({ kind }) => kind !== 'space' && kind !== 'comment';

/** Tokens of GraphQL, in which names have the kind of what they name. */
export function colouredGraphql(text) {
	const all = graphql(text);
	let [parentheses, braces] = [0, 0];
	all.filter(isSolid).forEach((token, index, solid) => {
		const before = solid[index - 1]?.text;
		if ('()'.includes(token.text)) parentheses += token.text === '(' ? 1 : -1;
		if ('{}'.includes(token.text)) braces += token.text === '{' ? 1 : -1;
		if (token.kind === 'name') token.kind = kindOfName(token.text, before, solid[index + 1]?.text, parentheses, braces);
	});
	return all;
}

function kindOfName(name, before, after, parentheses, braces) {
	if (before === '$') return 'variable';
	if (before === '@' || before === 'on') return 'type';
	if (parentheses) return after === ':' ? 'argument' : /^(true|false|null)$/.test(name) ? 'keyword' : /[a-z]/.test(name) ? 'type' : 'enum';
	if (before === '...') return name === 'on' ? 'keyword' : 'type';
	if (braces) return 'field';
	return !before || before === '}' || name === 'on' ? 'keyword' : 'type';
}
