// One bearer token for everything both pages ask, kept until the browser's tab is closed.

import { useState, type RefObject } from 'react';

const KEY = 'roster:token';

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  set: (value: string) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

type Props = {
  dialog: RefObject<HTMLDialogElement | null>;
  label: string;
  /** What it is sent with, and until when. */
  hint: string;
  onUse: () => void;
};

/** The question for it. */
export function TokenDialog({ dialog, label, hint, onUse }: Props) {
  const [value, setValue] = useState(token.get);
  return (
    <dialog ref={dialog} className="token" aria-label={label}>
      <form
        method="dialog"
        onSubmit={() => {
          token.set(value.trim());
          onUse();
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
        <p>{hint}</p>
        <button>Use it</button>
      </form>
    </dialog>
  );
}
