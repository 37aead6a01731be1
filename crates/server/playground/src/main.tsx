// The page: GraphiQL, with the examples as tabs to begin with.

import './strict-csp';
import './workers';
import 'graphiql/style.css';
import './playground.css';

import { pick, useGraphiQL } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { fetcher } from './fetcher';
import { TokenButton } from './token-button';

/** Long lines, like the comments of the examples, are broken. */
function WordWrap() {
  const editors = useGraphiQL(pick('queryEditor', 'responseEditor'));
  useEffect(() => {
    for (const editor of Object.values(editors)) editor?.updateOptions({ wordWrap: 'on' });
  }, [editors]);
  return null;
}

const examples = import.meta.glob<string>('../examples/*.graphql', { query: '?raw', import: 'default', eager: true });

createRoot(document.getElementById('graphiql')!).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={Object.values(examples).map((query) => ({ query }))}
    defaultQuery={'# Write a query here. Ctrl-Space completes, Ctrl-Enter runs it.\n\n{\n  \n}\n'}
  >
    <GraphiQL.Logo>Roster</GraphiQL.Logo>
    <GraphiQL.Toolbar>
      {({ prettify, copy, merge }) => (
        <>
          {prettify}
          {merge}
          {copy}
          <TokenButton />
          <WordWrap />
        </>
      )}
    </GraphiQL.Toolbar>
  </GraphiQL>,
);
