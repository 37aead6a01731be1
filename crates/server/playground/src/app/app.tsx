// The page's frame: who is shown, whether it is live, and what happened meanwhile.

import { useRef, useSyncExternalStore } from 'react';
import { TokenDialog } from '../token';
import { useConnection } from './client';
import { graphql } from './gql';
import { LiveProvider, useLive, useLiveQuery, type Change } from './live';
import { PeopleList } from './people';
import { PersonPanel } from './person';
import { ProjectList } from './projects';

export function App() {
  return (
    <>
      <Header />
      <main>
        <LiveProvider>
          <ProjectList />
          <People />
        </LiveProvider>
      </main>
    </>
  );
}

const First = graphql(`
  query First {
    employees(first: 1) {
      nodes {
        id
      }
    }
  }
`);

/** The id behind the `#` of the address. */
const useHash = () =>
  useSyncExternalStore(
    (tell) => {
      addEventListener('hashchange', tell);
      return () => removeEventListener('hashchange', tell);
    },
    () => location.hash.slice(1),
  );

/** The person of the address is shown, else the first one there is. */
function People() {
  const first = useLiveQuery(First, {}).data?.employees.nodes[0]?.id;
  const current = useHash() || first;
  return (
    <div>
      <PeopleList current={current} />
      {current && <PersonPanel id={current} />}
      <Happened />
    </div>
  );
}

const STATES = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'Connection lost, trying again…',
  ended: 'Not live',
};

function Header() {
  const connection = useConnection();
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <header>
      <h1>Roster</h1>
      <p className={`connection ${connection}`} role="status">
        {STATES[connection]}
      </p>
      <nav aria-label="Elsewhere">
        <a href="./">Playground</a>
        <button type="button" className="quiet" onClick={() => dialog.current?.showModal()}>
          Token
        </button>
      </nav>
      <TokenDialog
        dialog={dialog}
        label="Token"
        hint="Sent with everything, in the playground too, until you close the page. Empty sends none."
        onUse={() => location.reload()}
      />
    </header>
  );
}

const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

function sentence({ type, kind, employee, project }: Change) {
  const what = [employee?.name, project?.title].filter(Boolean).join(' on ');
  return `${type.toLowerCase()} ${kind.toLowerCase()}${what && `: ${what}`}`;
}

function Happened() {
  const { changes } = useLive();
  return (
    <section aria-labelledby="happened">
      <h2 id="happened">What happened meanwhile</h2>
      {changes.length === 0 && <p className="hint">Nothing yet. Open this page twice and assign someone in one.</p>}
      <ul aria-live="polite" className="happened">
        {changes.map((change) => (
          <li key={change.cursor}>
            <time dateTime={change.occurredAt}>{time.format(new Date(change.occurredAt))}</time> {sentence(change)}
          </li>
        ))}
      </ul>
    </section>
  );
}
