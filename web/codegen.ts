import type { CodegenConfig } from '@graphql-codegen/cli';

// Documents stay strings at run time. Their types come from the committed schema.
const config: CodegenConfig = {
  schema: '../schema.graphql',
  documents: 'src/api/*.graphql',
  ignoreNoDocuments: true,
  generates: {
    'src/api/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          Date: 'string',
          DateTime: 'string',
          Decimal: 'string',
          Money: 'string',
          JSON: 'unknown',
        },
      },
    },
  },
};

export default config;
