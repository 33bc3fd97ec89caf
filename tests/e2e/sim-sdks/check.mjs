// The simulated clouds and their faults, shared by the Node parts of this suite.
import { readFileSync } from 'node:fs';

export { check, finish } from '../checks.mjs';

export const clouds = Object.fromEntries(
  JSON.parse(readFileSync(process.argv[2], 'utf8')).clouds.map((c) => [c.kind, c]));

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
