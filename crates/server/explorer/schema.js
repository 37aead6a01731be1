// The schema, by introspection.

export const introspection = {
	query: `query IntrospectionQuery {
	__schema {
		description queryType { name } mutationType { name } subscriptionType { name }
		types {
			kind name description isOneOf interfaces { name } possibleTypes { name }
			fields(includeDeprecated: true) {
				name description deprecationReason type { ...Ref } args(includeDeprecated: true) { ...Input }
			}
			inputFields(includeDeprecated: true) { ...Input }
			enumValues(includeDeprecated: true) { name description deprecationReason }
		}
		directives { name description args { ...Input } }
	}
}
fragment Input on __InputValue { name description defaultValue deprecationReason type { ...Ref } }
fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }`,
};

/** Name of the type inside of lists and `!`. */
export const named = (type) => type.replace(/[[\]!]/g, '');

/** True if a value must be given for this argument or input field. */
export const isRequired = ({ type, preset }) => type.endsWith('!') && !preset;

export const isComposite = ({ kind }) => ['OBJECT', 'INTERFACE', 'UNION'].includes(kind);

const written = ({ kind, name, ofType }) => (kind === 'NON_NULL' ? `${written(ofType)}!` : kind === 'LIST' ? `[${written(ofType)}]` : name);
const byName = (list) => new Map(list.map((each) => [each.name, each]));
const names = (list) => (list ?? []).map(({ name }) => name);

/** Fields, arguments, input fields, enum values or directives by name. */
const members = (list) =>
	byName(
		(list ?? []).map(({ name, description, defaultValue: preset, deprecationReason: deprecated, type, args }) => ({
			...{ name, description, preset, deprecated },
			type: type && written(type),
			args: args && members(args),
		})),
	);

/** Builds `{ types, directives, roots }`, three maps, from the answer. */
export function buildSchema({ __schema: raw }) {
	const types = byName(
		raw.types.map((type) => ({
			...type,
			fields: members(type.fields),
			inputs: members(type.inputFields),
			values: members(type.enumValues),
			interfaces: names(type.interfaces),
			possible: names(type.possibleTypes),
		})),
	);
	const roots = new Map();
	for (const kind of ['query', 'mutation', 'subscription']) {
		const type = types.get(raw[`${kind}Type`]?.name);
		if (type) roots.set(kind, type);
	}
	return { types, roots, directives: members(raw.directives), description: raw.description };
}
