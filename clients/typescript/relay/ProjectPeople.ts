// For Relay: a list that pages, and a mutation that takes its edges out of the lists it was in.

import { graphql } from 'relay-runtime';

export const query = graphql`
  query ProjectPeopleQuery($id: ID!) {
    project(id: $id) {
      title
      ...ProjectPeople_project
    }
  }
`;

export const people = graphql`
  fragment ProjectPeople_project on Project
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "ProjectPeoplePaginationQuery") {
    employees(first: $count, after: $cursor) @connection(key: "ProjectPeople_employees") {
      __id
      edges {
        node {
          name
          hireDate
        }
        roles
        since
        until
      }
    }
  }
`;

export const deleteEmployee = graphql`
  mutation ProjectPeopleDeleteMutation($input: DeleteEmployeeInput!, $connections: [ID!]!) {
    deleteEmployee(input: $input) {
      deletedId @deleteEdge(connections: $connections)
      deletedAssignmentIds @deleteRecord
      userErrors {
        code
        message
      }
    }
  }
`;
