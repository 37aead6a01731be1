// A button of GraphiQL's toolbar that asks for the token.

import { ToolbarButton, useGraphiQLActions } from '@graphiql/react';
import { useRef, useState } from 'react';
import { token, TokenDialog } from './token';

export function TokenButton() {
  const { introspect } = useGraphiQLActions();
  const [isSet, setIsSet] = useState(() => token.get() !== '');
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <ToolbarButton label="Token for all tabs" onClick={() => dialog.current?.showModal()}>
        <svg className="graphiql-toolbar-icon" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden>
          <circle cx="6.5" cy="13.5" r="4" fill={isSet ? 'currentColor' : 'none'} />
          <path d="m9.5 10.5 7-7M13 7l3 3" />
        </svg>
      </ToolbarButton>
      <TokenDialog
        dialog={dialog}
        label="Token for all tabs"
        hint="Sent with every tab, by HTTP and WebSocket, until you close the page. Empty sends none."
        onUse={() => {
          setIsSet(token.get() !== '');
          introspect();
        }}
      />
    </>
  );
}
