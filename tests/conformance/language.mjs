// Random documents over our schema, judged and executed by graphql.js 17 and by the crate `language`: the same verdict, and for a
// valid document the same answer, byte for byte, as sent and as normalized.
//
// `node language.mjs [DOCUMENTS [SEED]]`; CHECK is the program, target/debug/examples/check unless given.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as graphql from 'graphql17';
import { choices } from './random.mjs';

const {
  isInputObjectType, isEnumType, isListType, isNonNullType, isAbstractType, isLeafType, isObjectType, getNamedType, getNullableType,
} = graphql;

const root = new URL('../../', import.meta.url).pathname;
const program = process.env.CHECK ?? `${root}target/debug/examples/check`;
const count = Number(process.argv[2] ?? 5000);
const { below, chance, pick } = choices('language');

// --- Schemas: ours, and one in which abstract types meet more often ---

const ZOO = `
  interface Being { name(surname: Boolean): String!  self: Being  mates(first: Int = 2): [Being!]! }
  interface Pet implements Being { name(surname: Boolean): String!  self: Being  mates(first: Int = 2): [Being!]!  owner: Human }
  type Dog implements Being & Pet { name(surname: Boolean): String!  self: Dog  mates(first: Int = 2): [Being!]!  owner: Human  size: Int!  kind: Kind  any: Any }
  type Cat implements Being & Pet { name(surname: Boolean): String!  self: Cat  mates(first: Int = 2): [Being!]!  owner: Human  size: Float  kind: Kind!  any: Any }
  type Human implements Being { name(surname: Boolean): String!  self: Human  mates(first: Int = 2): [Being!]!  pets(filter: Filter, ids: [ID!]): [Pet]  any: Any  size: Int! }
  union Any = Dog | Cat | Human
  union Owned = Dog | Cat
  enum Kind { SMALL LARGE }
  scalar Raw
  input Filter { kind: Kind = SMALL  sizes: [[Int!]]  not: Filter  by: By  raw: Raw  limit: Int! = 3  name: String }
  input By @oneOf { id: ID  name: String  filter: Filter }
  directive @note(text: String!, level: Int = 1) repeatable on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | QUERY
  type Query { being(by: By!): Being  pet(id: ID!): Pet  any(raw: Raw): [Any!]  owned: Owned  human(filter: Filter): Human  count(of: [Kind!], ratio: Float = 0.5): Int }
  type Mutation { rename(id: ID!, name: String!): Being  drop(ids: [ID!]!): Int }
  type Subscription { changed(kinds: [Kind!] = [LARGE]): Any  tick: Int! }
`;
const sources = [readFileSync(`${root}schema.graphql`, 'utf8'), ZOO];
const schemas = sources.map((sdl) => graphql.buildSchema(sdl));

// --- Documents ---

/** One document; `damage` is the share of deliberate mistakes. */
class Writer {
  constructor(schema, damage) {
    Object.assign(this, { schema, damage, variables: new Map(), fragments: [], given: new Map(), values: {}, left: 25 + below(60) });
  }

  wrong() {
    return chance(this.damage);
  }

  document() {
    const { schema } = this;
    const kinds = ['query', 'query', 'query', 'mutation', 'subscription'];
    const kind = pick(kinds);
    const type = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    const set = kind === 'subscription' && chance(0.9) ? `{ ${this.field(type, 4)} }` : this.set(type, 2 + below(4));
    const variables = [...this.variables].map(([name, variable]) => `$${name}: ${variable.text}`);
    if (this.wrong()) variables.push(`$unused: ${pick(['Int', 'Nope', '[String!]'])}`);
    const head = variables.length > 0 ? `${kind} ${chance(0.5) ? 'Q' : ''}(${variables.join(pick([', ', ' ']))})` : pick([kind, `${kind} Q`]);
    const fragments = this.fragments.map(({ name, on, text }) => `fragment ${name} on ${on} ${text}`);
    let text = [`${head}${this.wrong() ? ' @skip(if: true)' : ''} ${set}`, ...fragments].join('\n');
    if (this.wrong()) text += pick(['\nfragment Unused on Query { __typename }', '\nquery Q { __typename }', '\n{ __typename }']);
    return chance(0.08) ? this.tear(text) : text;
  }

  /** Takes a token away, doubles one, or puts another in its place. */
  tear(text) {
    const tokens = text.match(/"(?:[^"\\]|\\.)*"|\.\.\.|\w+|\s+|./gs) ?? [];
    const place = below(tokens.length);
    const other = pick(['{', '}', '(', ')', '!', '$', '...', 'on', '"', '0', '-1.5e3', 'null', '@include', 'x:', '#', '\u{1F600}', 'name', '"""']);
    tokens.splice(place, 1, ...pick([[], [tokens[place], tokens[place]], [other], [tokens[place], other]]));
    return tokens.join('');
  }

  set(type, depth) {
    const items = [];
    const size = depth <= 0 ? 1 : below(5) + (chance(0.05) ? 0 : 1);
    for (let n = 0; n < size; n += 1) items.push(this.selection(type, depth));
    return `{ ${items.join(' ')} }`;
  }

  selection(type, depth) {
    this.left -= 1;
    if (this.left > 0 && depth > 0 && chance(0.3)) return this.fragment(type, depth);
    return this.field(type, depth);
  }

  /** The type condition of a fragment inside of `type`. */
  condition(type) {
    if (this.wrong()) return pick(Object.values(this.schema.getTypeMap()));
    const types = [type];
    if (isAbstractType(type)) types.push(...this.schema.getPossibleTypes(type));
    if (isObjectType(type)) types.push(...type.getInterfaces());
    for (const other of Object.values(this.schema.getTypeMap())) {
      if (isAbstractType(other) && graphql.doTypesOverlap(this.schema, other, type)) types.push(other);
    }
    return pick(types);
  }

  fragment(type, depth) {
    const known = this.fragments.filter(({ type: on }) => on === type || (graphql.isCompositeType(on) && graphql.doTypesOverlap(this.schema, on, type)));
    if (known.length > 0 && chance(0.4)) return `...${pick(known).name}${this.directives()}`;
    const on = this.condition(type);
    const below = graphql.isCompositeType(on) ? on : type;
    if (chance(0.5)) {
      const text = this.set(below, depth - 1);
      return `...${on === type && chance(0.3) ? '' : ` on ${on.name}`}${this.directives()} ${text}`;
    }
    const name = this.wrong() ? 'on' : `F${this.fragments.length}`;
    const fragment = { name, on: on.name, type: on, text: '' };
    const isCyclic = this.wrong();
    if (isCyclic) this.fragments.push(fragment);
    fragment.text = this.set(below, depth - 1);
    fragment.name = this.wrong() ? 'F0' : isCyclic ? name : `F${this.fragments.length}`;
    if (!isCyclic) this.fragments.push(fragment);
    return `...${fragment.name}${this.directives()}`;
  }

  directives() {
    if (!chance(0.12)) return '';
    const name = this.wrong() ? pick(['nope', 'deprecated', 'skip', 'note(text: 1)']) : pick(['skip', 'include']);
    if (this.wrong()) return ` @${name}`;
    const condition = chance(0.5) ? pick(['true', 'false']) : `$${this.variable(new graphql.GraphQLNonNull(graphql.GraphQLBoolean), true, true)}`;
    return ` @${name}(if: ${condition})`;
  }

  field(type, depth) {
    if (this.wrong()) return pick(['nope', 'naem', '__typename { x }', 'x: y', '__schema { queryType { name } }', 'a: __typename']);
    const fields = graphql.isUnionType(type) ? [] : Object.values(type.getFields());
    if (fields.length === 0 || chance(0.1)) return `__typename${this.directives()}`;
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)));
    const isFlat = (depth <= 0 || this.left <= 0) && leaves.length > 0;
    const field = pick(isFlat || (leaves.length > 0 && chance(0.4)) ? leaves : fields);
    const alias = chance(0.12) ? `${pick(['a', 'b', 'name', 'id', field.name])}: ` : '';
    const named = getNamedType(field.type);
    let set = '';
    if (!isLeafType(named)) set = this.wrong() ? '' : depth <= -3 ? ' { __typename }' : ` ${this.set(named, depth - 1)}`;
    else if (this.wrong()) set = ' { name }';
    return `${alias}${field.name}${this.argumentsOf(field)}${this.directives()}${set}`;
  }

  /** Mostly those that the field had before: fields with other arguments cannot be merged. */
  argumentsOf(field) {
    if (!this.given.has(field.name) || chance(0.05)) this.given.set(field.name, this.arguments(field.args));
    return this.given.get(field.name);
  }

  arguments(args) {
    const given = [];
    for (const arg of args) {
      const isGiven = graphql.isRequiredArgument(arg) ? !this.wrong() : chance(0.25);
      if (isGiven) given.push(`${arg.name}: ${this.value(arg.type, { hasDefault: arg.default !== undefined || arg.defaultValue !== undefined })}`);
    }
    if (this.wrong()) given.push(pick(['nope: 1', given[0] ?? 'first: 1']));
    return given.length > 0 ? `(${given.join(', ')})` : '';
  }

  /** A literal, or a variable. */
  value(type, { hasDefault = false, isOneOf = false, depth = 0 } = {}) {
    if (!this.isConstant && chance(0.25)) return `$${this.variable(type, !isOneOf, false, isOneOf, hasDefault)}`;
    if (this.wrong()) return pick(['null', '"text"', '1', '1.5', 'NAME', '[]', '{}', 'true', '{ x: 1 }', '99999999999', '[[1]]']);
    if (!isNonNullType(type) && !isOneOf && chance(0.08)) return 'null';
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      if (depth > 4) return '[]';
      if (chance(0.2)) return this.value(nullable.ofType, { depth: depth + 1, isOneOf: true });
      return `[${Array.from({ length: below(3) }, () => this.value(nullable.ofType, { depth: depth + 1 })).join(', ')}]`;
    }
    if (isInputObjectType(nullable)) {
      const fields = Object.values(nullable.getFields());
      let given = nullable.isOneOf
        ? [pick(depth > 3 ? this.shallow(fields) : fields)]
        : fields.filter((field) => graphql.isRequiredInputField(field) || (depth < 4 && chance(0.25)));
      if (this.wrong()) given = pick([[], fields, [...given, ...given]]);
      const texts = given.map((field) => `${field.name}: ${this.value(field.type, { depth: depth + 1, isOneOf: nullable.isOneOf, hasDefault: field.default !== undefined || field.defaultValue !== undefined })}`);
      if (this.wrong()) texts.push('nope: 1');
      return `{ ${texts.join(', ')} }`;
    }
    if (isEnumType(nullable)) return pick(nullable.getValues()).name;
    return {
      Int: () => pick(['0', '1', '2', '10', '2147483647']),
      Float: () => pick(['0', '1.5', '-3e2', '7']),
      Boolean: () => pick(['true', 'false']),
      ID: () => pick(['"emp_1"', '"1"', '7', '123456789012345678901234567890']),
      String: () => pick(['"text"', '""', '"\\u{1F600}"', '"\\uD83D\\uDE00"', '"caf\u00e9 \\n"', '"""\n  block\n    text\n"""']),
    }[nullable.name]?.() ?? pick(['"2026-01-01"', '"2026-01-01T00:00:00Z"', '5']);
  }

  variable(type, mayDefault, isCondition = false, isOneOf = false, hasDefault = false) {
    const known = [...this.variables].filter(([, variable]) => variable.type === type && variable.isCondition === isCondition && (mayDefault || !variable.hasDefault));
    if (known.length > 0 && chance(0.4) && !isOneOf) return pick(known)[0];
    if (this.wrong()) return 'unknown';
    const name = `v${this.variables.size}`;
    let declared = type;
    if (isOneOf && !isNonNullType(type)) declared = new graphql.GraphQLNonNull(type);
    if (!isNonNullType(type) && chance(0.3)) declared = new graphql.GraphQLNonNull(type);
    let text = String(declared);
    const usesDefault = mayDefault && (chance(0.3) || (isNonNullType(declared) && chance(0.3)));
    if (usesDefault) {
      if (isNonNullType(declared) && chance(0.6)) text = text.slice(0, -1);
      this.isConstant = true;
      text += ` = ${this.value(declared)}`;
      this.isConstant = false;
    } else if (hasDefault && chance(0.3) && isNonNullType(declared)) {
      text = text.slice(0, -1);
    }
    // graphql.js takes a nullable variable inside a @oneOf object whose type is non-null, against section 5.8.5.
    if (!isOneOf && this.wrong()) text = pick(['Int', 'String!', 'Nope', '[ID]', text.endsWith('!') ? text.slice(0, -1) : `${text}!`, 'Query']);
    this.variables.set(name, { type, text, isCondition, hasDefault: usesDefault });
    if (!usesDefault || chance(0.5)) {
      const value = this.json(declared, 0, isCondition);
      if (!this.wrong()) this.values[name] = value;
    }
    return name;
  }

  /** Fields of an input object that end the nesting, or all if none does. */
  shallow(fields) {
    const ends = fields.filter(({ type }) => isListType(getNullableType(type)) || isLeafType(getNamedType(type)));
    return ends.length > 0 ? ends : fields;
  }

  json(type, depth, isCondition = false) {
    if (isCondition) return chance(0.5);
    if (this.wrong()) return pick([null, 'text', 1, 1.5, -0.0, 3.0, [], {}, true, 1e30, { nope: 1 }, [null]]);
    if (!isNonNullType(type) && chance(0.15)) return null;
    const nullable = getNullableType(type);
    if (isListType(nullable)) {
      if (depth > 4) return [];
      if (chance(0.2)) return this.json(new graphql.GraphQLNonNull(getNullableType(nullable.ofType)), depth + 1);
      return Array.from({ length: below(3) }, () => this.json(nullable.ofType, depth + 1));
    }
    if (isInputObjectType(nullable)) {
      const fields = Object.values(nullable.getFields());
      const given = nullable.isOneOf
        ? [pick(depth > 3 ? this.shallow(fields) : fields)]
        : fields.filter((field) => graphql.isRequiredInputField(field) || (depth < 4 && chance(0.25)));
      return Object.fromEntries(given.map((field) => [field.name, this.json(nullable.isOneOf ? new graphql.GraphQLNonNull(getNullableType(field.type)) : field.type, depth + 1)]));
    }
    if (isEnumType(nullable)) return pick(nullable.getValues()).name;
    return { Int: pick([0, 1, 3, 2147483647]), Float: pick([1.5, 2, -1]), Boolean: chance(0.5), ID: pick(['emp_1', 7, '8']) }[nullable.name] ?? 'text';
  }
}

// --- Verdicts and answers of graphql.js ---

// Rules of directives that our schemas do not have, and one that is no rule of the specification.
const skipped = /^(Defer|Stream|MaxIntrospectionDepth)/;
const rules = graphql.specifiedRules.filter((rule) => !skipped.test(rule.name));

function judge(schema, { document, variables, operationName }) {
  let parsed;
  try {
    parsed = graphql.parse(document);
  } catch (error) {
    return { errors: [error] };
  }
  const errors = graphql.validate(schema, parsed, rules);
  if (errors.length > 0) return { errors };
  const operation = graphql.getOperationAST(parsed, operationName);
  if (!operation) return { errors: [new Error('which operation')] };
  const { errors: coercion } = graphql.getVariableValues(schema, operation.variableDefinitions ?? [], variables, { maxErrors: 1 });
  return coercion ? { errors: coercion } : { errors: [], parsed };
}

/** A mocked value that shows where it stands, of which field it is and with which arguments. */
function mock(type, args, info, path) {
  const hash = [...path].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10007, 7);
  if (isNonNullType(type)) return mock(type.ofType, args, info, path);
  if (isListType(type)) return [0, 1].map((place) => mock(type.ofType, args, info, `${path}.${place}`));
  if (isAbstractType(type)) {
    const types = info.schema.getPossibleTypes(type);
    return { __typename: types[hash % types.length].name };
  }
  if (isObjectType(type)) return { __typename: type.name };
  if (isEnumType(type)) return type.getValues()[hash % type.getValues().length].value;
  if (type.name === 'Boolean') return hash % 2 === 0;
  if (type.name === 'Int' || type.name === 'Float') return hash;
  return `${info.fieldName} ${JSON.stringify(args)}`;
}

function execute(schema, document, variableValues, operationName) {
  const { operation } = graphql.getOperationAST(document, operationName);
  if (operation === 'subscription') return graphql.print(document).length > 0 ? 'subscription' : '';
  const fieldResolver = (_source, args, _context, info) =>
    mock(info.returnType, args, info, graphql.responsePathAsArray(info.path).join('.'));
  const typeResolver = (value) => value.__typename;
  const { data, errors } = graphql.execute({ schema, document, variableValues, operationName, fieldResolver, typeResolver });
  return JSON.stringify({ data, errors: errors?.map(({ message, path }) => [message.replace(/^Argument "[^"]*"/, ''), path]) });
}

// --- The comparison ---

const cases = Array.from({ length: count }, (_, id) => {
  const place = id < count * 0.6 ? 0 : 1;
  const writer = new Writer(schemas[place], pick([0, 0, 0.01, 0.03]));
  const document = writer.document();
  return { id, place, document, variables: writer.values };
});
// A line without a schema has that of the line before.
const lines = cases.map(({ id, place, document, variables }) => {
  const sdl = cases[id - 1]?.place === place ? undefined : sources[place];
  return JSON.stringify({ id, sdl, document, variables, normalize: true });
});
const { stdout, status } = spawnSync(program, { input: `${lines.join('\n')}\n`, maxBuffer: 2 ** 30, stdio: ['pipe', 'pipe', 'inherit'] });
const answers = stdout.toString().trim().split('\n').map((line) => JSON.parse(line));

let wrong = status === 0 && answers.length === count ? 0 : 1;
let valid = 0;
let syntax = 0;
cases.forEach(({ place, document, variables }, id) => {
  const fail = (what, ...details) => {
    wrong += 1;
    if (wrong <= 10) console.error(`${what}\n${document}\n${JSON.stringify(variables)}\n${details.join('\n')}\n`);
  };
  const schema = schemas[place];
  const { errors, parsed } = judge(schema, { document, variables });
  const answer = answers[id] ?? {};
  const ours = answer.errors?.map(({ message }) => message) ?? [];
  if (answer.valid !== (errors.length === 0)) {
    fail(answer.valid ? 'taken' : 'refused', ...ours, ...errors.map(({ message }) => message));
  } else if (/^Syntax Error/.test(errors[0]?.message)) {
    syntax += 1;
    const [{ message, locations: [{ line, column }] }] = errors;
    const [{ message: said, locations: [at] }] = answer.errors;
    if (said !== message || at[0] !== line || at[1] !== column) fail('another message', said, at, message, [line, column]);
  } else if (errors.length === 0) {
    valid += 1;
    const sent = execute(schema, parsed, variables);
    const normalized = execute(schema, graphql.parse(answer.normalized), answer.variables);
    if (sent !== normalized) fail('another answer', answer.normalized, sent, normalized);
  }
});
console.log(`language: ${wrong} wrong of ${count} (${valid} valid, ${syntax} syntax errors)`);
process.exit(wrong === 0 ? 0 : 1);
