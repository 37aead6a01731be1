// Requests to the endpoint: an answer by POST, or the events of a subscription as server-sent events.

/** Relative to the page: the server may stand behind a path prefix. */
export const endpoint = new URL('graphql', document.baseURI);

const ANSWER = 'application/graphql-response+json';

/** Error of a request that the server did not answer. */
export class Unreachable extends Error {}

async function send(request, headers, accept, signal) {
	const all = new Headers({ 'x-cost': 'true', 'x-explain': 'true', ...Object.fromEntries(headers), 'content-type': 'application/json', accept });
	return reached(fetch(endpoint, { method: 'POST', headers: all, body: JSON.stringify(request), signal }));
}

const reached = (promise) =>
	promise.catch((error) => {
		throw error.name === 'AbortError' ? error : new Unreachable(error.message);
	});

async function read(response, began) {
	const text = await reached(response.text());
	const { status, statusText: reason, headers } = response;
	// A proxy may answer with a page.
	const json = headers.get('content-type')?.includes('json') ? JSON.parse(text) : null;
	return { status, reason, milliseconds: performance.now() - began, text, json };
}

export async function post(request, headers, signal) {
	const began = performance.now();
	return read(await send(request, headers, ANSWER, signal), began);
}

/**
 * Runs a subscription until it is complete or aborted; after a cut connection it resumes behind the last event.
 * Calls `on.open()`, `on.event(text)` and `on.wait(seconds)`. Returns the answer of a server that refuses.
 */
export async function subscribe(request, headers, signal, on) {
	let cursor;
	for (let seconds = 0.5; ; seconds = Math.min(15, 2 * seconds)) {
		try {
			const began = performance.now();
			if (cursor) headers.set('last-event-id', cursor);
			const response = await send(request, headers, `text/event-stream, ${ANSWER}`, signal);
			if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
				on.open();
				for await (const { event, data, id } of events(response.body)) {
					seconds = 0.25;
					cursor = id ?? cursor;
					if (event === 'next') on.event(data);
					if (event === 'complete') return null;
				}
			} else if (response.status < 500) {
				return read(response, began);
			}
		} catch (error) {
			if (signal.aborted || !(error instanceof Unreachable)) throw error;
		}
		on.wait(seconds);
		await new Promise((resolve, reject) => {
			setTimeout(resolve, seconds * 1000);
			signal.onabort = () => reject(signal.reason);
		});
	}
}

/** Parses server-sent events. The server sends one line of data an event. */
async function* events(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = '';
	for (;;) {
		const { value, done } = await reached(reader.read());
		if (done) return;
		const blocks = (rest + value).split('\n\n');
		rest = blocks.pop();
		for (const block of blocks) yield Object.fromEntries(block.split('\n').map((line) => /^(\w*): ?([^]*)/.exec(line).slice(1)));
	}
}
