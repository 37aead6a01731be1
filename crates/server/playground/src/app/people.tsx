// Finding a person.

import { useDeferredValue, useState } from 'react';
import { graphql } from './gql';
import { useLiveQuery } from './live';
import { Failure, number, PersonLink } from './parts';

const People = graphql(`
  query People($name: String!) {
    employees(first: 12, where: { name: { contains: $name } }, orderBy: [{ field: NAME }]) {
      totalCount
      nodes {
        id
        name
      }
    }
  }
`);

export function PeopleList({ current }: { current?: string }) {
  const [name, setName] = useState('');
  const { data, error } = useLiveQuery(People, { name: useDeferredValue(name) });
  const people = data?.employees;
  return (
    <section aria-labelledby="people">
      <h2 id="people">
        People {people && <span className="count">{number.format(people.totalCount)}</span>}
      </h2>
      <label className="field">
        Find by name
        <input type="search" value={name} onChange={(event) => setName(event.target.value)} />
      </label>
      {error && <Failure error={error} />}
      <ul className="names">
        {people?.nodes.map((person) => (
          <li key={person.id}>
            <PersonLink {...person} isCurrent={person.id === current} />
          </li>
        ))}
      </ul>
      {people?.nodes.length === 0 && <p className="hint">Nobody is called so.</p>}
      {people && people.totalCount > people.nodes.length && <p className="hint">Only the first are shown.</p>}
    </section>
  );
}
