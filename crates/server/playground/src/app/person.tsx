// One person: projects, colleagues, and what coincides.

import { useEffect, useRef } from 'react';
import { AssignForm } from './assign';
import { graphql } from './gql';
import { useLive, useLiveQuery } from './live';
import { date, Failure, period, PersonLink, StintText } from './parts';

const Person = graphql(`
  query Person($id: ID!) {
    employee(id: $id) {
      id
      name
      hireDate
      projects(first: 50) {
        edges {
          ...Stint
          node {
            id
            title
          }
        }
      }
      colleagues(first: 20) {
        totalCount
        edges {
          node {
            id
            name
          }
          sharedProjects(first: 5) {
            title
          }
        }
      }
      assignmentOverlaps {
        first {
          id
          role
          project {
            title
          }
        }
        second {
          id
          role
          project {
            title
          }
        }
        from
        until
      }
    }
  }
`);

type Side = { role?: string | null; project: { title: string } };
const side = ({ role, project }: Side) => (role ? `${role}, ${project.title}` : project.title);

export function PersonPanel({ id }: { id: string }) {
  const { data, error } = useLiveQuery(Person, { id });
  const { touches } = useLive();
  const heading = useRef<HTMLHeadingElement>(null);
  const employee = data?.employee;
  // Whoever follows a link to a person is taken there; nobody is when the page opens.
  const shown = useRef(id);
  useEffect(() => {
    if (shown.current === id || employee?.id !== id) return;
    shown.current = id;
    heading.current?.focus();
  }, [id, employee?.id]);

  if (error && !data) return <Failure error={error} />;
  if (!data) return <p className="loading">Loading…</p>;
  if (!employee) return <p className="card">There is nobody with the id {id}.</p>;
  const { name, hireDate, projects, colleagues, assignmentOverlaps } = employee;
  return (
    <section className={touches(id) ? 'card touched' : 'card'} aria-labelledby="person">
      <h2 id="person" ref={heading} tabIndex={-1}>
        {name}
      </h2>
      <p className="hint">Here since {date(hireDate)}</p>

      <h3>Works on</h3>
      {projects.edges.length === 0 && <p className="hint">No project yet.</p>}
      <ul>
        {projects.edges.map((edge) => (
          <li key={edge.node.id}>
            <span>{edge.node.title}</span>
            <StintText of={edge} />
          </li>
        ))}
      </ul>

      <h3>
        Works with <span className="count">{colleagues.totalCount}</span>
      </h3>
      {colleagues.edges.length === 0 && <p className="hint">Nobody shares a project.</p>}
      <ul>
        {colleagues.edges.map(({ node, sharedProjects }) => (
          <li key={node.id}>
            <PersonLink {...node} />
            <span className="stint">on {sharedProjects.map(({ title }) => title).join(', ')}</span>
          </li>
        ))}
      </ul>

      <h3>At the same time</h3>
      {assignmentOverlaps.length === 0 && <p className="hint">Nothing overlaps.</p>}
      <ul className="overlaps">
        {assignmentOverlaps.map(({ first, second, from, until }) => (
          <li key={`${first.id} ${second.id}`}>
            <strong>{period(from, until)}</strong>
            <span>{side(first)}</span>
            <span>{side(second)}</span>
          </li>
        ))}
      </ul>

      <AssignForm key={id} employeeId={id} name={name} />
    </section>
  );
}
