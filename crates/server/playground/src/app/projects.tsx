// The projects, each with its people.

import { useState } from 'react';
import { graphql } from './gql';
import { useLive, useLiveQuery } from './live';
import { Failure, number, PersonLink, StintText } from './parts';

const Projects = graphql(`
  query Projects($first: Int!) {
    projects(first: $first, orderBy: [{ field: TITLE }]) {
      totalCount
      pageInfo {
        hasNextPage
      }
      nodes {
        id
        title
        budget
        employees(first: 10) {
          totalCount
          edges {
            ...Stint
            node {
              id
              name
            }
          }
        }
      }
    }
  }
`);

const PAGE = 12;

export function ProjectList() {
  const [first, setFirst] = useState(PAGE);
  const { data, error } = useLiveQuery(Projects, { first });
  const { touches } = useLive();
  const projects = data?.projects;
  return (
    <section aria-labelledby="projects">
      <h2 id="projects">
        Projects {projects && <span className="count">{number.format(projects.totalCount)}</span>}
      </h2>
      {error && <Failure error={error} />}
      {projects?.nodes.map(({ id, title, budget, employees }) => (
        <article key={id} className={touches(id) ? 'card touched' : 'card'} aria-labelledby={`title-${id}`}>
          <h3 id={`title-${id}`}>{title}</h3>
          <p className="hint">{budget == null ? 'No budget yet' : `Budget ${number.format(budget)}`}</p>
          {employees.edges.length === 0 && <p className="hint">Nobody works on it.</p>}
          <ul>
            {employees.edges.map((edge) => (
              <li key={edge.node.id}>
                <PersonLink {...edge.node} />
                <StintText of={edge} />
              </li>
            ))}
          </ul>
          {employees.totalCount > employees.edges.length && (
            <p className="hint">and {number.format(employees.totalCount - employees.edges.length)} more</p>
          )}
        </article>
      ))}
      {projects?.pageInfo.hasNextPage && first < 1000 && (
        <button type="button" className="quiet" onClick={() => setFirst(Math.min(first + PAGE, 1000))}>
          Show more projects
        </button>
      )}
    </section>
  );
}
