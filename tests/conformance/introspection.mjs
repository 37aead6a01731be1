// Introspection, answered by graphql.js 17 and by the crate `language`: the whole schema, and random selections. The same answer, byte
// for byte.
//
// `node introspection.mjs [DOCUMENTS [SEED]]`; CHECK is the program, target/debug/examples/check unless given.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as graphql from 'graphql17';
import { choices } from './random.mjs';

const root = new URL('../../', import.meta.url).pathname;
const program = process.env.CHECK ?? `${root}target/debug/examples/check`;
const count = Number(process.argv[2] ?? 1000);
const { below, chance, pick } = choices('introspection');

// --- Schemas: ours, one with everything that introspection shows, and one with as little as possible ---

// Default values are short and have no block string: graphql.js prints those on more than one line.
const EVERYTHING = `
  """
  Everything that introspection shows.
    "Quoted", \\ and \u00e9 \u{1F600}.
  """
  schema @tagged(by: "a") { query: Root  subscription: Events }
  "The root."
  type Root {
    "Finds one."
    item("Which one." id: ID!, "" old: Int = 1 @deprecated(reason: "Has no effect."), older: [Int!] @deprecated): Item
    "" items(
      by: Sort = { key: NAME, keys: [PRICE, NAME], ratio: 1.50e3, not: null }
      then: [Sort!] = { text: "a\\n\\"b\\" \\u{1F600} \\\\", not: { key: NEW } }
      keys: [[Key!]!]! = [[NAME], []]
      none: Key = null
      all: Boolean! = true
      least: Int = -1
      ids: [ID] = [1, "two", null]
      one: Money = EUR
      empty: String = ""
    ): [[Item!]!]!
    thing: Thing @deprecated
    things: [Thing] @deprecated(reason: "Use \\"thing\\".\\nPlease.")
    node(id: ID!): Node
    named: Named
    lonely: Lonely
  }
  type Events { changed(of: [ID!]): Thing }
  interface Node { id: ID! }
  "Has a name."
  interface Named implements Node { id: ID!  name(short: Boolean = false): String  label: String @deprecated(reason: "") }
  interface Lonely { a: Int }
  type Item implements Named & Node @tagged(by: "b") @tagged(by: "c") {
    id: ID!  name(short: Boolean = false, long: Boolean): String  label: String  price: Money
  }
  type Box implements Node { id: ID!  inside: [Item]! }
  type Unused { a: Long }
  "One or the other."
  union Thing = Item | Box
  union Many = Unused
  extend union Many = | Box | Item
  enum Key { "The name." NAME  PRICE  OLD @deprecated  OLDER @deprecated(reason: """  Block
    reason.  """) }
  extend enum Key { NEW }
  "How to sort."
  input Sort { key: Key = NAME  keys: [Key!] = [NAME]  text: String  ratio: Float = 0.5  not: Sort  "Unused." old: Key = OLD @deprecated }
  input One @oneOf { "The first." a: Boolean  b: [Sort!] }
  input All { one: One!  all: [All!] = [] }
  extend input All { more: Money }
  "An amount."
  scalar Money @specifiedBy(url: "https://example.org/money?a=\\"b\\"")
  scalar Long
  extend scalar Long @specifiedBy(url: "https://example.org/long")
  scalar Any
  extend type Root { extra(all: All, long: Long): Many }
  "Tags."
  directive @tagged("Who." by: String!, old: Int = 3 @deprecated, sort: Sort = { key: PRICE }) repeatable on SCHEMA | OBJECT | FIELD
  directive @gone @deprecated(reason: "Went away.") on QUERY | VARIABLE_DEFINITION
  directive @going(old: Int @deprecated) @deprecated repeatable on FIELD
  directive @fading on FRAGMENT_SPREAD | INLINE_FRAGMENT
  extend directive @fading @deprecated(reason: "Faded.")
`;
const sources = [readFileSync(`${root}schema.graphql`, 'utf8'), EVERYTHING, 'type Query { ok: Boolean }'];

// What the specification leaves open is that of the crate: the order of types, and the descriptions of what every schema has.
const common = graphql.parse(readFileSync(`${root}crates/language/src/schema/introspection.graphql`, 'utf8'));

for (const definition of common.definitions) {
  const { value: name } = definition.name;
  const known = [...graphql.specifiedScalarTypes, ...graphql.introspectionTypes, ...graphql.specifiedDirectives];
  describe(known.find((one) => one.name === name), definition);
}

function describe(target, node) {
  target.description = node.description?.value;
  const named = (list, name) => list.find((one) => one.name === name);
  for (const field of node.fields ?? []) describe(target.getFields()[field.name.value], field);
  for (const argument of node.arguments ?? []) describe(named(target.args, argument.name.value), argument);
  for (const value of node.values ?? []) describe(target.getValue(value.name.value), value);
}

function build(sdl) {
  const schema = graphql.buildSchema(sdl);
  const definitions = [...graphql.parse(sdl).definitions, ...common.definitions];
  const types = schema.getTypeMap();
  const defined = definitions.filter(({ kind }) => graphql.isTypeDefinitionNode({ kind }));
  const names = defined.map(({ name }) => name.value).filter((name) => types[name]);
  const sorted = Object.fromEntries(names.map((name) => [name, types[name]]));
  if (Object.keys(sorted).length !== Object.keys(types).length) throw new Error('a type is lost');
  const possibleTypes = schema.getPossibleTypes.bind(schema);
  schema.getTypeMap = () => sorted;
  schema.getPossibleTypes = (type) => {
    const possible = possibleTypes(type);
    return graphql.isUnionType(type) ? possible : [...possible].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
  };
  return schema;
}
const schemas = sources.map(build);

// --- Documents ---

/** Random selections on the introspection types. */
class Writer {
  constructor(schema) {
    Object.assign(this, { schema, names: Object.keys(schema.getTypeMap()), fragments: [], aliases: 0 });
  }

  document() {
    const fields = Array.from({ length: 1 + below(3) }, (_, place) => this.root(`r${place}: `));
    const head = 'query ($yes: Boolean! = true, $no: Boolean, $given: Boolean!, $name: String! = "Root", $type: String!)';
    const use = '__typename @skip(if: $yes) @include(if: $given) u: __schema { directives(includeDeprecated: $no) {} } v: __type(name: $name) {} w: __type(name: $type) {}';
    return `${head} { ${fields.join(' ')} ${use} } ${this.fragments.join(' ')}`;
  }

  root(alias) {
    if (chance(0.5)) return `${alias}__schema ${this.set(graphql.__Schema, 5, 1)}`;
    const name = pick(['$name', '$type', '"Nope"', ...this.names.map((one) => `"${one}"`)]);
    return `${alias}__type(name: ${name}) ${this.set(graphql.__Type, 5, 2)}`;
  }

  /** `lists` is how many lists of types may still be inside each other. */
  set(type, depth, lists) {
    const size = chance(0.03) ? 0 : 1 + below(6);
    return `{ ${Array.from({ length: size }, () => this.selection(type, depth, lists)).join(' ')} }`;
  }

  selection(type, depth, lists) {
    const roll = below(1000) / 1000;
    if (roll < 0.06) return `...${this.condition()} ${this.set(type, depth - 1, lists)}`;
    if (roll < 0.1) return `... on ${type.name}${this.condition()} ${this.set(type, depth - 1, lists)}`;
    if (roll < 0.14) {
      const text = this.set(type, depth - 1, lists);
      const name = `F${this.fragments.length}`;
      this.fragments.push(`fragment ${name} on ${type.name} ${text}`);
      return `...${name}${this.condition()}`;
    }
    if (roll < 0.2) return `__typename`;
    return this.field(type, depth, lists);
  }

  condition() {
    if (!chance(0.3)) return '';
    return ` ${pick(['@skip', '@include'])}(if: ${pick(['true', 'false', '$yes', '$given'])})`;
  }

  field(type, depth, lists) {
    const fields = Object.values(type.getFields()).filter((field) => {
      if (graphql.isLeafType(graphql.getNamedType(field.type))) return true;
      const isList = graphql.isListType(graphql.getNullableType(field.type));
      return depth > 0 && (!isList || lists > 0);
    });
    const field = pick(fields);
    // Fields with an argument or a set are renamed: they could not be merged with others of the same name.
    const named = graphql.getNamedType(field.type);
    const isLeaf = graphql.isLeafType(named);
    const isPlain = isLeaf && field.args.length === 0;
    this.aliases += 1;
    const alias = isPlain && chance(0.8) ? '' : `a${this.aliases}: `;
    const argument = pick(['true', 'false', '$yes', '$no', '$given']);
    const argumentList = field.args.length > 0 && chance(0.7) ? `(includeDeprecated: ${argument})` : '';
    if (isLeaf) return `${alias}${field.name}${argumentList}${this.condition()}`;
    const isList = graphql.isListType(graphql.getNullableType(field.type));
    return `${alias}${field.name}${argumentList}${this.condition()} ${this.set(named, depth - 1, isList ? lists - 1 : lists)}`;
  }
}

const full = graphql.getIntrospectionQuery({
  descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true,
  experimentalDirectiveDeprecation: true, oneOf: true,
});
const places = [...sources.keys()];
const cases = [
  ...places.map((place) => ({ place, document: full, variables: {} })),
  ...places.map((place) => ({ place, document: full.replaceAll('(includeDeprecated: true)', ''), variables: {} })),
  ...Array.from({ length: count }, (_, number) => {
    // Ours is large: few documents.
    const place = number % 10 === 0 ? 0 : number % 10 === 1 ? 2 : 1;
    const writer = new Writer(schemas[place]);
    const variables = { given: chance(0.5), type: pick(['Nope', ...writer.names]) };
    if (chance(0.5)) variables.no = chance(0.5);
    if (chance(0.3)) variables.name = pick(writer.names);
    if (chance(0.3)) variables.yes = chance(0.5);
    return { place, document: writer.document(), variables };
  }),
];

// --- The comparison ---

const lines = cases.map(({ place, document, variables }, id) => {
  const sdl = cases[id - 1]?.place === place ? undefined : sources[place];
  return JSON.stringify({ id, sdl, document, variables, introspect: true });
});
const { stdout, status } = spawnSync(program, { input: `${lines.join('\n')}\n`, maxBuffer: 2 ** 30, stdio: ['pipe', 'pipe', 'inherit'] });
const answers = stdout.toString().trim().split('\n').map((line) => JSON.parse(line));

let wrong = status === 0 && answers.length === cases.length ? 0 : 1;
let bytes = 0;
cases.forEach(({ place, document, variables }, id) => {
  const fail = (...details) => {
    wrong += 1;
    if (wrong <= 5) console.error(`${document}\n${JSON.stringify(variables)}\n${details.join('\n')}\n`);
  };
  const { data, errors } = graphql.graphqlSync({ schema: schemas[place], source: document, variableValues: variables });
  if (errors) return fail('an error of graphql.js', errors[0]);
  const answer = answers[id] ?? {};
  if (!answer.valid) return fail('refused', ...(answer.errors ?? []).map(({ message }) => message));
  const [ours, theirs] = [answer.introspection, JSON.stringify(data)];
  bytes += theirs.length;
  if (ours === theirs) return;
  let at = 0;
  while (ours?.[at] === theirs[at]) at += 1;
  const around = (text) => text?.slice(Math.max(0, at - 200), at + 100);
  fail('another answer', around(ours), around(theirs));
});
console.log(`introspection: ${wrong} wrong of ${cases.length} (${Math.round(bytes / 1000)} kB)`);
process.exit(wrong === 0 ? 0 : 1);
