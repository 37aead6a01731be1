// Formats documents, token by token: comments stay, and so do line breaks between arguments.

import { check } from './check.js';
import { graphql } from './tokens.js';

/** Returns the formatted document, or null if it does not parse. */
export function format(text) {
	if (!check(text).isParsed) return null;
	/** The open brackets; `{` outside of arguments opens a selection set, written as `s`. */
	const open = [];
	let result = '';
	let before = {};
	for (const token of graphql(text).filter(({ kind }) => kind !== 'space')) {
		const gap = text.slice(before.end, token.start);
		const isSet = open.every((each) => each === 's');
		const closed = [')', ']', '}'].includes(token.text) && open.pop();
		if (result) result += separator(token, before, gap, isSet && !closed, closed, open.length);
		result += token.text.trimEnd();
		if (['(', '[', '{'].includes(token.text)) open.push(isSet && token.text === '{' ? 's' : token.text);
		before = { ...token, before: before.text };
	}
	return `${result}\n`;
}

/** Returns what belongs between two tokens: nothing, a space or a comma, a line break, an empty line. */
function separator(token, before, gap, isSelection, closed, depth) {
	const indent = `\n${'  '.repeat(depth)}`;
	const lines = gap.split('\n').length - 1;
	const lineOrTwo = lines > 1 ? `\n${indent}` : indent;
	if (closed === 's') return indent;
	if (token.kind === 'comment' ? lines : before.kind === 'comment') return lineOrTwo;
	if (isSelection && depth === 0 && before.text === '}') return '\n\n';
	if (isSelection && depth > 0) {
		if (before.text === '{') return indent;
		const isCondition = before.text === 'on' && before.before === '...';
		if (token.text === '...' || (token.kind === 'name' && ![':', '@', '...'].includes(before.text) && !isCondition)) return lineOrTwo;
	} else if (lines && !isSelection) {
		return indent;
	}
	if (['$', '@', '(', '['].includes(before.text) || ['(', ')', ']', ':', '!'].includes(token.text)) return '';
	if (before.text === '...' && token.kind === 'name' && token.text !== 'on') return '';
	if (before.text === '{' && closed) return '';
	return gap.includes(',') && !closed ? ', ' : ' ';
}
