// Generates `generated/openapi.ts` from the API's description: a type for each schema, and the fields of the filter.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const DESCRIPTION = new URL("../openapi.json", import.meta.url);
const FOLDER = new URL("generated/", import.meta.url);

const description = JSON.parse(
  readFileSync(DESCRIPTION, "utf8").replaceAll("#/components/schemas/", "#/$defs/"),
  // With a description of its own a reference would become another type: `Scope1`.
  (_, value) => (value?.$ref === undefined ? value : { $ref: value.$ref }),
);
const types = await compile({ $defs: description.components.schemas }, "Unused", {
  additionalProperties: false,
  bannerComment: "// Generated from openapi.json by `npm run generate`.",
  format: false,
  unreachableDefinitions: true,
});
const fields = `export const FILTER_FIELDS = ${JSON.stringify(description["x-filter"], null, 2)} as const;\n`;
mkdirSync(FOLDER, { recursive: true });
writeFileSync(new URL("openapi.ts", FOLDER), `${types}\n${fields}`);
