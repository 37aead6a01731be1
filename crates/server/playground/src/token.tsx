// One bearer token for all tabs, kept until the browser's tab is closed.

import { ToolbarButton, useGraphiQLActions } from '@graphiql/react';
import { useRef, useState } from 'react';

const KEY = 'roster:token';

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  set: (value: string) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** A button of the toolbar and the question it asks. */
export function TokenButton() {
  const { introspect } = useGraphiQLActions();
  const [value, setValue] = useState(token.get);
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <ToolbarButton label="Token for all tabs" onClick={() => dialog.current?.showModal()}>
        <svg className="graphiql-toolbar-icon" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden>
          <circle cx="6.5" cy="13.5" r="4" fill={value ? 'currentColor' : 'none'} />
          <path d="m9.5 10.5 7-7M13 7l3 3" />
        </svg>
      </ToolbarButton>
      <dialog ref={dialog} className="token" aria-label="Token for all tabs">
        <form
          method="dialog"
          onSubmit={() => {
            token.set(value.trim());
            introspect();
          }}
        >
          <label>
            Bearer token
            <input
              autoFocus
              autoComplete="off"
              spellCheck={false}
              value={value}
              onChange={(event) => setValue(event.target.value)}
              placeholder="eyJ…"
            />
          </label>
          <p>Sent with every tab, by HTTP and WebSocket, until you close the page. Empty sends none.</p>
          <button>Use it</button>
        </form>
      </dialog>
    </>
  );
}
