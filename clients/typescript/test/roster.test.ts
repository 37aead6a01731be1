// Runs the client against `roster demo`, once by text and once by the ids of trusted documents.

import assert from 'node:assert/strict';
import { spawnSync, type ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import type { ApolloClient, ObservableQuery } from '@apollo/client';
import { filter, firstValueFrom } from 'rxjs';
import WebSocket from 'ws';
import { connect } from '../src/client.js';
import { assign, CHANGES, deleteEmployee, EMPLOYEES, LATEST, PROJECT } from '../src/roster.js';
import { demo, ROSTER } from './demo.js';

const MANIFEST = 'src/generated/persisted-documents.json';

/** Waits until the answer is whole, and as it should be. */
const shows = <Data>(query: ObservableQuery<Data, any>, wanted = () => true) =>
  firstValueFrom(query.pipe(filter(({ dataState }) => dataState === 'complete' && wanted())));

test('the server runs every document of this build', () => {
  const { status, stdout } = spawnSync(ROSTER, ['check-documents', MANIFEST], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

for (const trusted of [false, true]) {
  describe(trusted ? 'by the ids of trusted documents' : 'by text', { timeout: 60_000 }, () => {
    let server: ChildProcess;
    let client: ApolloClient;
    let close: () => Promise<void>;

    before(async () => {
      const started = await demo(trusted ? ['--trusted-documents', MANIFEST] : []);
      server = started.server;
      ({ client, close } = connect({ url: started.url, trusted, webSocket: WebSocket }));
    });

    after(async () => {
      await close?.();
      server?.kill();
    });

    test('pages become one list', async () => {
      const people = client.watchQuery({ query: EMPLOYEES, variables: { first: 3 } });
      const shown = people.subscribe(() => {});
      const names = () =>
        people.getCurrentResult().data?.employees?.edges?.map((edge) => edge?.node?.name);
      await shows(people);
      assert.deepEqual(names(), ['Sasha Hao', 'Taylor Jai', 'Tristan Tal']);
      const page = people.getCurrentResult().data?.employees?.pageInfo;
      assert(page?.hasNextPage);
      await people.fetchMore({ variables: { after: page.endCursor } });
      await shows(people, () => names()?.length === 4);
      assert.deepEqual(names(), ['Sasha Hao', 'Taylor Jai', 'Tristan Tal', 'Uri Lee']);
      shown.unsubscribe();
    });

    test('a link between two things carries its own data', async () => {
      const { data } = await client.query({ query: PROJECT, variables: { id: 'prj_1' } });
      const [tristan] = data!.project!.employees.edges.filter(({ node }) => node.id === 'emp_2');
      assert.equal(tristan?.node.name, 'Tristan Tal');
      assert.equal(tristan?.assignments[0]?.role, 'Flask programmer');
      const budget: number | null | undefined = data!.project!.budget;
      assert.equal(budget, 50_000);
    });

    test('what somebody else assigns is heard of, and what overlaps is refused', async () => {
      // What happens before the subscription has begun is heard of too.
      const latest = await client.query({ query: LATEST, fetchPolicy: 'network-only' });
      const variables = {
        after: latest.data!.changes.latestCursor,
        where: { types: ['ASSIGNMENT' as const] },
      };
      const heard = new Promise<string[]>((resolve, reject) => {
        const subscription = client
          .subscribe({ query: CHANGES, variables })
          .subscribe({
            next: ({ data, error }) => {
              subscription.unsubscribe();
              if (data) resolve(data.changes.touchedIds);
              else reject(error);
            },
            error: reject,
          });
      });
      const input = { employeeId: 'emp_3', projectId: 'prj_1', startDate: '2024-01-01T00:00:00Z' };
      const first = await assign(client, { ...input, role: 'Reviewer' });
      assert(first.created);
      const touched = await heard;
      assert(touched.includes('emp_3') && touched.includes('prj_1'), `${touched}`);

      const second = await assign(client, { ...input, role: 'Tester' });
      const [refusal] = second.userErrors;
      assert.equal(refusal?.code, 'OVERLAP');
      assert(refusal.__typename === 'OverlapError');
      assert.deepEqual(refusal.conflicting.map(({ id }) => id), [first.assignment?.id]);
    });

    test('who is deleted leaves every list without another request', async () => {
      const cached = { fetchPolicy: 'cache-only' } as const;
      const people = client.watchQuery({ query: EMPLOYEES, variables: { first: 3 }, ...cached });
      const project = client.watchQuery({ query: PROJECT, variables: { id: 'prj_1' } });
      const shown = [people.subscribe(() => {}), project.subscribe(() => {})];
      await shows(project);
      const ids = () => [
        people.getCurrentResult().data?.employees?.edges?.map((edge) => edge?.node?.id),
        project.getCurrentResult().data?.project?.employees?.edges?.map((edge) => edge?.node?.id),
      ];
      for (const list of ids()) assert(list?.includes('emp_2'), `${list}`);

      const { deletedId, deletedAssignmentIds } = await deleteEmployee(client, 'emp_2');
      assert.equal(deletedId, 'emp_2');
      assert.deepEqual([...deletedAssignmentIds].sort(), ['asg_2', 'asg_3']);
      for (const list of ids()) assert(list && list.length > 0 && !list.includes('emp_2'), `${list}`);
      const kept = client.cache.extract() as Record<string, unknown>;
      assert(!kept['Employee:emp_2'] && !kept['Assignment:asg_2']);
      for (const subscription of shown) subscription.unsubscribe();
    });
  });
}
