// Messages about what went wrong: `{ title, text }`.

import { endpoint, Unreachable } from './client.js';

export function failure(error) {
	if (!(error instanceof Unreachable)) return { title: 'The request was not sent', text: error.message };
	return { title: 'The server does not answer', text: `Your text is kept. Run it again when ${endpoint.host} is back.` };
}

/** Explains an answer without data; null for others. */
export function refusal({ status, reason, json }, headers) {
	const errors = json?.errors ?? [];
	const hasCode = (code) => errors.some(({ extensions }) => extensions?.code === code);
	if (status === 401) return { title: unauthenticated(headers.get('authorization')), text: 'Put a valid one under “Headers”; your text is kept.' };
	if (!json) return { title: `No answer of GraphQL: ${status} ${reason}`, text: 'It may come from a proxy.' };
	const text = errors.map(({ message }) => message).join('\n');
	if (hasCode('FORBIDDEN')) return { title: 'You may not do this', text };
	if ('data' in json) return null;
	if (status === 503) return { title: 'The server is busy: try again in a moment', text };
	return { title: hasCode('LIMIT_EXCEEDED') ? 'The query is over a limit' : 'The query was refused; nothing ran', text };
}

function unauthenticated(authorization) {
	if (!authorization) return 'The server requires a token';
	try {
		const { exp } = JSON.parse(atob(authorization.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
		if (exp * 1000 < Date.now()) return `The token expired at ${new Date(exp * 1000).toLocaleString()}`;
	} catch {
		// Not a JSON web token.
	}
	return 'The server does not accept this token';
}

/** Returns the places in the text that errors name. */
export function located(errors, text) {
	return errors.flatMap(({ message, locations: [place] = [] }) => {
		if (!place) return [];
		const start = text.split('\n', place.line - 1).reduce((sum, line) => sum + line.length + 1, place.column - 1);
		return [{ start, end: start + 1, message }];
	});
}
