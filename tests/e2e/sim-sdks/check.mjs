// Counting of passed and failed checks, shared by the Node parts of this suite.
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;

export const clouds = Object.fromEntries(
  JSON.parse(readFileSync(process.argv[2], 'utf8')).clouds.map((c) => [c.kind, c]));

export async function check(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${error.stack ?? error}`);
  }
}

/** The error that a promise ends with; fails if it ends well. */
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`no error, but ${JSON.stringify(value).slice(0, 200)}`);
}

export async function control(cloud, method, path, body) {
  const answer = await fetch(cloud.control_url + path, {
    method, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!answer.ok) throw new Error(`control ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
export const fault = (cloud, one) => control(cloud, 'POST', '/_sim/faults', one);

export function done() {
  console.log(`${passed} passed, ${failed} failed, 0 skipped`);
  process.exit(failed ? 1 : 0);
}
