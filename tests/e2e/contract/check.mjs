// Validates events against the contract's schemas with ajv: `good` files line by line must pass,
// each line of `bad` files must be refused. Files named on the command line (exports) must be good.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';

const [root, ...exports] = process.argv.slice(2);
const schemas = join(root, 'contract/schemas');
const vectors = join(root, 'contract/vectors/events');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const lines = (path) => readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');

// strictRequired wants `properties` beside every `required`, which if/then does not have.
const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: false });
for (const folder of [schemas, join(schemas, 'kinds')]) {
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.schema.json')) ajv.addSchema(read(join(folder, name)));
  }
}
const validate = ajv.getSchema('https://drover.example/contract/event.schema.json');
let passed = 0;
let failed = 0;
const check = (ok, what) => {
  if (ok) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED: ${what}`);
  }
};

const good = readdirSync(vectors).filter((n) => n.startsWith('good')).map((n) => join(vectors, n));
check(good.length >= 3, 'good vectors are there');
for (const path of [...good, ...exports]) {
  const seen = lines(path);
  check(seen.length > 0, `${path} is empty`);
  seen.forEach((line, i) => {
    const ok = validate(JSON.parse(line));
    check(ok, `${basename(path)} line ${i + 1}: ${ajv.errorsText(validate.errors)}`);
  });
}
lines(join(vectors, 'bad.jsonl')).forEach((line, i) => {
  check(!validate(JSON.parse(line)), `bad.jsonl line ${i + 1} passes: ${line.slice(0, 200)}`);
});
for (const line of lines(join(vectors, 'bad-not-json.txt'))) {
  let json = true;
  try {
    JSON.parse(line);
  } catch {
    json = false;
  }
  // A lone surrogate is JSON to JavaScript, and not to us.
  check(!json || line.includes('\\ud800'), `is JSON: ${line}`);
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
