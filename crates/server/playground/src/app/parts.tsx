// What several parts of the page show alike.

import type { CombinedError } from 'urql';
import { getFragmentData, graphql, type FragmentType } from './gql';

export const number = new Intl.NumberFormat('en-GB');
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

export const date = (text: string) => day.format(new Date(text));

/** From a start up to an end, each null when it is open. */
export function period(from: string | null | undefined, until: string | null | undefined) {
  if (from && until) return `${date(from)} – ${date(until)}`;
  if (from) return `since ${date(from)}`;
  return until ? `until ${date(until)}` : 'no dates yet';
}

export const Stint = graphql(`
  fragment Stint on AssignmentLink {
    roles
    since
    until
  }
`);

/** The data on the edge, of whichever direction. */
export function StintText({ of }: { of: FragmentType<typeof Stint> }) {
  const { roles, since, until } = getFragmentData(Stint, of);
  return (
    <span className="stint">
      {roles.join(', ') || 'role not decided'} <small>{period(since, until)}</small>
    </span>
  );
}

/** People are chosen by links, so the browser's back button works. */
export function PersonLink({ id, name, isCurrent }: { id: string; name: string; isCurrent?: boolean }) {
  return (
    <a href={`#${id}`} aria-current={isCurrent || undefined}>
      {name}
    </a>
  );
}

export function Failure({ error }: { error: CombinedError }) {
  const message = error.networkError?.message ?? error.graphQLErrors.map(({ message }) => message).join(' ');
  return (
    <p className="failure" role="alert">
      The server did not answer as hoped: {message || error.message}
    </p>
  );
}
