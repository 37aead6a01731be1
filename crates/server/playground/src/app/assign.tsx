// The form that assigns a person to a project, and says what the server objects to where it was typed.

import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { useMutation } from 'urql';
import { graphql } from './gql';
import type { AssignMutation, OverlapPolicy } from './gql/graphql';
import { useLiveQuery } from './live';
import { Failure } from './parts';

const Options = graphql(`
  query Options {
    projects(first: 1000, orderBy: [{ field: TITLE }]) {
      nodes {
        id
        title
      }
    }
  }
`);

const Assign = graphql(`
  mutation Assign($input: AssignEmployeeInput!) {
    assignEmployee(input: $input) {
      created
      assignment {
        id
        project {
          id
          title
        }
        employee {
          id
        }
      }
      userErrors {
        message
        path
        ... on OverlapError {
          conflicting {
            id
            project {
              title
            }
          }
        }
      }
    }
  }
`);

type UserError = AssignMutation['assignEmployee']['userErrors'][number];
const FIELDS = ['projectId', 'role', 'startDate', 'endDate'];
/** The input that an error is about, if it is one of the form. */
const fieldOf = ({ path }: UserError) => path.find((step) => FIELDS.includes(step));

export function AssignForm({ employeeId, name }: { employeeId: string; name: string }) {
  const projects = useLiveQuery(Options, {}).data?.projects.nodes ?? [];
  const [{ fetching, data, error }, assign] = useMutation(Assign);
  const [isChanged, setIsChanged] = useState(false);
  const outcome = isChanged ? undefined : data?.assignEmployee;
  const errors = outcome?.userErrors ?? [];
  const errorsOf = (field?: string) => errors.filter((error) => fieldOf(error) === field);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const said = (field: string) => String(new FormData(form).get(field) ?? '').trim() || undefined;
    const day = (field: string) => said(field) && `${said(field)}T00:00:00Z`;
    setIsChanged(false);
    const answer = await assign({
      input: {
        employeeId,
        projectId: said('projectId')!,
        role: said('role'),
        startDate: day('startDate'),
        endDate: day('endDate'),
        onOverlap: said('onOverlap') as OverlapPolicy,
      },
    });
    const userErrors = answer.data?.assignEmployee.userErrors;
    if (userErrors?.length === 0) form.reset();
    const field = userErrors?.map(fieldOf).find((field) => field);
    if (field) (form.elements.namedItem(field) as HTMLElement).focus();
  }

  return (
    <form onSubmit={submit} onInput={() => setIsChanged(true)} aria-labelledby="assign">
      <h3 id="assign">Assign {name} to a project</h3>
      <Field label="Project" errors={errorsOf('projectId')}>
        {(props) => (
          <select name="projectId" required defaultValue="" {...props}>
            <option value="" disabled>
              Choose one
            </option>
            {projects.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Role" errors={errorsOf('role')}>
        {(props) => <input name="role" autoComplete="off" placeholder="not decided" {...props} />}
      </Field>
      <div className="pair">
        <Field label="From" errors={errorsOf('startDate')}>
          {(props) => <input name="startDate" type="date" {...props} />}
        </Field>
        <Field label="Until, not included" errors={errorsOf('endDate')}>
          {(props) => <input name="endDate" type="date" {...props} />}
        </Field>
      </div>
      <Field label="If it overlaps another assignment" errors={[]}>
        {(props) => (
          <select name="onOverlap" {...props}>
            <option value="ALLOW">Do it anyway</option>
            <option value="REJECT_SAME_PROJECT">Refuse on the same project</option>
            <option value="REJECT">Refuse</option>
          </select>
        )}
      </Field>
      <button disabled={fetching}>Assign</button>
      {error && <Failure error={error} />}
      {errorsOf().map((error, index) => (
        <p key={index} className="failure" role="alert">
          {error.message}
          {'conflicting' in error && ` In the way: ${error.conflicting.map(({ project }) => project.title).join(', ')}.`}
        </p>
      ))}
      <p className="done" role="status">
        {outcome?.assignment &&
          (outcome.created
            ? `Assigned to ${outcome.assignment.project.title}.`
            : `That assignment to ${outcome.assignment.project.title} was there already.`)}
      </p>
    </form>
  );
}

type Control = { id: string; 'aria-invalid'?: true; 'aria-describedby'?: string };
type FieldProps = { label: string; errors: UserError[]; children: (props: Control) => ReactNode };

function Field({ label, errors, children }: FieldProps) {
  const id = useId();
  const isWrong = errors.length > 0;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(isWrong ? { id, 'aria-invalid': true, 'aria-describedby': `${id}-why` } : { id })}
      {isWrong && (
        <p id={`${id}-why`} className="failure" role="alert">
          {errors.map(({ message }) => message).join(' ')}
        </p>
      )}
    </div>
  );
}
