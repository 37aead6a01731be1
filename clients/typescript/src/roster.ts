// What a frontend asks and does. `npm run generate` gives every document its types.

import type { ApolloClient } from '@apollo/client';
import { graphql } from './generated/index.js';

/** Everybody, a page at a time: `fetchMore({ variables: { after: endCursor } })` brings the next. */
export const EMPLOYEES = graphql(/* GraphQL */ `
  query Employees($first: Int! = 20, $after: String, $where: EmployeeFilter) {
    employees(first: $first, after: $after, where: $where, orderBy: [{ field: NAME }]) {
      edges {
        node {
          id
          name
          hireDate
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Who works on a project, as what, from when to when. */
export const PROJECT = graphql(/* GraphQL */ `
  query Project($id: ID!, $first: Int! = 20, $after: String) {
    project(id: $id) {
      id
      title
      budget
      employees(first: $first, after: $after) {
        edges {
          node {
            id
            name
          }
          assignments {
            ...Stint
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }

  fragment Stint on Assignment {
    id
    role
    startDate
    endDate
  }
`);

const ASSIGN = graphql(/* GraphQL */ `
  mutation Assign($input: AssignEmployeeInput!) {
    assignEmployee(input: $input) {
      created
      assignment {
        ...Stint
      }
      userErrors {
        code
        message
        path
        ... on OverlapError {
          conflicting {
            ...Stint
          }
        }
      }
    }
  }
`);

const DELETE_EMPLOYEE = graphql(/* GraphQL */ `
  mutation DeleteEmployee($input: DeleteEmployeeInput!) {
    deleteEmployee(input: $input) {
      deletedId
      deletedAssignmentIds
      userErrors {
        code
        message
        path
      }
    }
  }
`);

/** Where the feed of changes stands: what was read with or after this, CHANGES goes on from. */
export const LATEST = graphql(/* GraphQL */ `
  query Latest {
    changes(first: 1) {
      latestCursor
    }
  }
`);

/** What changes, as it happens, and what has changed since `after`: nothing in between is lost. */
export const CHANGES = graphql(/* GraphQL */ `
  subscription Changes($after: String, $where: ChangeFilter) {
    changes(after: $after, where: $where) {
      cursor
      type
      kind
      touchedIds
      node {
        id
        ... on Assignment {
          ...Stint
        }
      }
    }
  }
`);

/** Assigns someone to a project and brings the lists that are on show up to date. */
export async function assign(
  client: ApolloClient,
  input: { employeeId: string; projectId: string; role?: string; startDate?: string },
) {
  const { data } = await client.mutate({
    mutation: ASSIGN,
    variables: { input: { ...input, onOverlap: 'REJECT' } },
    // Where somebody new stands in a list is the server's to say.
    refetchQueries: ['Project'],
    awaitRefetchQueries: true,
  });
  return data!.assignEmployee;
}

/** Deletes someone; every list in the cache loses them by the ids that the server reports. */
export async function deleteEmployee(client: ApolloClient, id: string) {
  const { data } = await client.mutate({
    mutation: DELETE_EMPLOYEE,
    variables: { input: { id } },
    update(cache, { data }) {
      const { deletedId, deletedAssignmentIds } = data!.deleteEmployee;
      if (!deletedId) return;
      cache.evict({ id: cache.identify({ __typename: 'Employee', id: deletedId }) });
      for (const id of deletedAssignmentIds) {
        cache.evict({ id: cache.identify({ __typename: 'Assignment', id }) });
      }
      cache.gc();
    },
  });
  return data!.deleteEmployee;
}
