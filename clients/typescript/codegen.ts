import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

const config: CodegenConfig = {
  // Also the address of a running server: http://127.0.0.1:8000/graphql/schema.graphql
  schema: process.env.SCHEMA ?? '../../schema.graphql',
  documents: 'src/**/*.ts',
  ignoreNoDocuments: false,
  generates: {
    './src/generated/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: false,
        // Writes `persisted-documents.json`, for `roster serve --trusted-documents`.
        persistedDocuments: true,
      },
      // Apollo Client adds `__typename` everywhere; the server must know the documents with it.
      documentTransforms: [addTypenameSelectionDocumentTransform],
      config: {
        // A scalar that is not listed here is an error, never `any`.
        strictScalars: true,
        scalars: {
          ID: 'string',
          // 2023-05-28
          Date: 'string',
          // 2023-05-28T00:00:00Z
          DateTime: 'string',
          // A JSON number; budgets stay far below Number.MAX_SAFE_INTEGER.
          Long: 'number',
        },
        enumsAsTypes: true,
        useTypeImports: true,
        emitLegacyCommonJSImports: false,
      },
    },
  },
};

export default config;
