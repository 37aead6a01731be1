// The page `/app`: who works on what, with whom, and when too much at once.

import './app.css';

import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { App } from './app';
import { client } from './client';

createRoot(document.getElementById('app')!).render(
  <Provider value={client}>
    <App />
  </Provider>,
);
