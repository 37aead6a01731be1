"""Runs gql and sgqlc against `roster demo`. ROSTER names the program."""

import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError
from sgqlc.endpoint.http import HTTPEndpoint
from sgqlc.operation import Operation

ROSTER = os.environ.get("ROSTER", "../../target/debug/roster")

PROJECT = """
query Project($id: ID!, $first: Int!) {
  project(id: $id) {
    title
    budget
    employees(first: $first) { edges { node { id name } assignments { role } } }
  }
}
"""
ASSIGN = """
mutation Assign($input: AssignEmployeeInput!) {
  assignEmployee(input: $input) { assignment { id } userErrors { code path } }
}
"""
CHANGES = "subscription Changes($after: String) { changes(after: $after) { type kind } }"
LATEST = "{ changes(first: 0) { latestCursor } }"


def start():
    """Starts a server on the lesson's data and returns it with its address."""
    server = subprocess.Popen(
        [ROSTER, "demo", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    for line in server.stdout:
        if found := re.search(r"http://\S+/graphql$", line.strip()):
            return server, found.group()
    raise SystemExit(f"{ROSTER} printed no address")


async def with_gql(url):
    """Queries, mutates and subscribes with gql, which checks documents against the schema."""
    transport = AIOHTTPTransport(url=url)
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        query = gql(PROJECT)
        query.variable_values = {"id": "prj_1", "first": 10}
        project = (await session.execute(query))["project"]
        people = {edge["node"]["id"]: edge for edge in project["employees"]["edges"]}
        assert project["budget"] == 50_000, project
        assert people["emp_2"]["assignments"][0]["role"] == "Flask programmer", people

        after = (await session.execute(gql(LATEST)))["changes"]["latestCursor"]
        assign = gql(ASSIGN)
        given = {"employeeId": "emp_1", "projectId": "prj_1", "role": "Reviewer"}
        assign.variable_values = {"input": given}
        assert (await session.execute(assign))["assignEmployee"]["userErrors"] == []

        socket = WebsocketsTransport(url=url.replace("http", "ws", 1))
        async with Client(transport=socket) as events:
            changes = gql(CHANGES)
            changes.variable_values = {"after": after}
            async for event in events.subscribe(changes):
                assert event["changes"] == {"type": "ASSIGNMENT", "kind": "CREATED"}, event
                break

        # gql refuses what the schema does not have before it sends anything.
        try:
            await session.execute(gql("{ projekt }"))
        except GraphQLError as error:
            assert "projekt" in error.message, error
        else:
            raise SystemExit("an unknown field was sent")

        # Data with errors, and a request that is refused: the same exception with the server's code.
        for text, code in [
            ('{ projects(after: "x") { nodes { id } } }', "BAD_USER_INPUT"),
            ("{" + " ".join(f"a{n}: __typename" for n in range(60)) + "}", "LIMIT_EXCEEDED"),
        ]:
            try:
                await session.execute(gql(text))
            except TransportQueryError as error:
                assert error.errors[0]["extensions"]["code"] == code, error.errors
            else:
                raise SystemExit(f"{text} has no error")


def with_sgqlc(url):
    """Queries with sgqlc, whose classes are generated from the running server."""
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        schema, module = directory / "schema.json", directory / "roster.py"
        for arguments in [
            ["sgqlc.introspection", "--exclude-deprecated", url, str(schema)],
            ["sgqlc.codegen", "schema", str(schema), str(module)],
        ]:
            subprocess.run([sys.executable, "-m", *arguments], check=True)
        spec = importlib.util.spec_from_file_location("roster", module)
        roster = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(roster)
    endpoint = HTTPEndpoint(url)
    operation = Operation(roster.Query)
    edges = operation.project(id="prj_1").employees(first=10).edges
    edges.node.name()
    edges.assignments.role()
    project = (operation + endpoint(operation)).project
    names = [edge.node.name for edge in project.employees.edges]
    assert "Tristan Tal" in names, names
    # A refused request is 422. sgqlc parses the body of `application/json` only, and hands out the text.
    [refused] = endpoint("{ projekt }")["errors"]
    assert refused["status"] == 422, refused
    assert "projekt" in json.loads(refused["body"])["errors"][0]["message"], refused


def main():
    server, url = start()
    try:
        asyncio.run(with_gql(url))
        with_sgqlc(url)
    finally:
        server.kill()
    print("gql and sgqlc: the answers are right")


main()
