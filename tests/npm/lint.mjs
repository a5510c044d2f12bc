// Lints an OpenAPI document with Redocly's engine.  Prints what it finds, a
// line each; exit status 1 if there is anything.
//
//     node lint.mjs openapi.json

import { createConfig, lint } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended-strict"],
  rules: {
    // The control socket has no name: any does, and localhost is usual.
    "no-server-example.com": "off",
  },
});
const problems = await lint({ ref: process.argv[2], config });
for (const { severity, ruleId, message, location } of problems)
  console.log(`${severity} ${ruleId}: ${message} ${location[0]?.pointer ?? ""}`);
process.exitCode = problems.length ? 1 : 0;
