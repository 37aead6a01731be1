// The endpoint, relative to the page: the server may stand behind a path prefix.

export const endpoint = new URL('graphql', document.baseURI).href;

export const socketEndpoint = endpoint.replace(/^http/, 'ws');
