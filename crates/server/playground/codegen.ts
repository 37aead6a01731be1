import type { CodegenConfig } from '@graphql-codegen/cli';

export default {
  schema: '../../../schema.graphql',
  documents: 'src/app/*.tsx',
  generates: {
    'src/app/gql/': {
      preset: 'client',
      // Not `useFragment`: it is no hook.
      presetConfig: { fragmentMasking: { unmaskFunctionName: 'getFragmentData' } },
      config: {
        // A scalar that is not named here fails the build.
        strictScalars: true,
        scalars: { Date: 'string', DateTime: 'string', Long: 'number' },
        useTypeImports: true,
        enumsAsTypes: true,
      },
    },
  },
} satisfies CodegenConfig;
