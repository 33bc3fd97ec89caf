// Sessions whose calls a counting MCP server answers: node check.mjs
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { check, finish } from '../checks.mjs';

const { SERVE_URL, SERVE_KEY, TOOLS_URL, DROVER } = process.env;

async function api(method, path, body) {
  const answer = await fetch(SERVE_URL + path, {
    method,
    headers: { authorization: `Bearer ${SERVE_KEY}` },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const json = await answer.json();
  assert.ok(answer.ok, JSON.stringify(json));
  return json;
}

const counts = async () => (await fetch(`${TOOLS_URL}/counts`)).json();

/** Begins a session that is told `content`; resolves with its id. */
async function begin(content, labels) {
  const agent = { name: 'caller', models: ['m'], tools: ['real'] };
  const { id } = await api('POST', '/v1/sessions', { agent, ...(labels && { labels }) });
  await api('POST', `/v1/sessions/${id}/messages`, { content });
  return id;
}

async function until(what, ready) {
  for (let tries = 0; tries < 1200; tries++) {
    const found = await ready();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what}: not within a minute`);
}

async function events(id, kind) {
  const { data } = await api('GET', `/v1/sessions/${id}/events?limit=1000`);
  return data.filter((event) => event.kind === kind).map((event) => event.payload);
}

/** The session's tool results, once the model has said its last word. */
const results = (id) =>
  until(`session ${id}`, async () => {
    const answers = await events(id, 'model.result');
    assert.ok(!answers.some((a) => a.error), JSON.stringify(answers.at(-1)?.error));
    return answers.at(-1)?.message?.content === 'done' && events(id, 'tool.result');
  });

// Forty: a session has 32 under way, the others follow.
await check('a fan-out beyond the limit is answered in full, each call once', async () => {
  const id = await begin('count to forty');
  const all = await results(id);
  // They are written down as they come.
  const said = all.map((r) => Number(r.content.slice(2))).sort((a, b) => a - b);
  assert.deepEqual(said, Array.from({ length: 40 }, (_, i) => i + 1));
  assert.ok(!all.some((r) => r.is_error));
  const { ran, refused, arguments: seen } = await counts();
  assert.equal(ran.count, 40);
  assert.equal(new Set(seen.count.map((a) => a.n)).size, 40);
  // The first burst comes before the server has said anything; then its word is kept to.
  assert.ok(refused > 0 && refused <= 24, `${refused} refused`);
  const again = all.filter((r) => r.tries > 1).length;
  assert.ok(again > 0, 'the journal says which calls were sent again');
});

await check('a second fan-out, its limit known, is refused hardly at all', async () => {
  const before = await counts();
  await results(await begin('count to forty'));
  const after = await counts();
  assert.equal(after.ran.count - before.ran.count, 40);
  assert.ok(after.refused - before.refused <= 4, `${after.refused - before.refused} refused`);
});

await check('identical reads of eight sessions are one call of the server', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => begin('held')));
  for (const id of ids) await until('the call', async () => (await events(id, 'tool.call')).length === 1);
  await until('the server', async () => (await counts()).waiting === 1);
  await new Promise((done) => setTimeout(done, 200));
  await fetch(`${TOOLS_URL}/release`, { method: 'POST' });
  const all = (await Promise.all(ids.map(results))).flat();
  assert.deepEqual(all.map((r) => r.content), Array(8).fill('held 7'));
  assert.equal(all.filter((r) => r.coalesced).length, 7);
  assert.equal((await counts()).ran.held, 1);
});

await check('of two users each has a call of their own', async () => {
  const ids = [await begin('held', { user: 'ann' }), await begin('held', { user: 'ben' })];
  await until('the server', async () => (await counts()).waiting === 2);
  await fetch(`${TOOLS_URL}/release`, { method: 'POST' });
  const all = (await Promise.all(ids.map(results))).flat();
  assert.ok(!all.some((r) => r.coalesced));
  assert.equal((await counts()).ran.held, 3);
});

await check('a fan-out with a batch form is one call, dealt back', async () => {
  const id = await begin('look up six');
  const all = await results(id);
  assert.deepEqual(all.map((r) => r.content), ['de a', 'de b', 'no such key', 'de d', 'de e', 'de f']);
  assert.deepEqual(all.map((r) => !!r.is_error), [false, false, true, false, false, false]);
  assert.ok(all.every((r) => r.batch === 6), JSON.stringify(all));
  const { ran, arguments: seen, meta } = await counts();
  assert.equal(ran.lookup, undefined);
  assert.equal(ran.lookup_many, 1);
  assert.deepEqual(seen.lookup_many[0], { lang: 'de', keys: ['a', 'b', 'bad', 'd', 'e', 'f'] });
  const keys = (await events(id, 'tool.call')).map((c) => c.idempotency_key);
  assert.deepEqual(meta.lookup_many[0]['drover/calls'].map((c) => c.idempotency_key), keys);
});

await check('a batch with one result too many is asked for singly', async () => {
  const all = await results(await begin('odd'));
  assert.deepEqual(all.map((r) => r.content), ['single odd', 'single x']);
  const { ran } = await counts();
  assert.equal(ran.lookup, 2);
});

await check('traces and metrics say so', async () => {
  const id = await begin('look up six');
  await results(id);
  const run = promisify(execFile);
  const { stdout } = await until('the trace', async () => {
    const said = await run(DROVER, ['trace', id, '--url', SERVE_URL, '--key', SERVE_KEY, '--json']);
    return said.stdout.includes('drover.tool.batch') && said;
  });
  assert.match(stdout, /"drover\.tool\.batch": ?6/);
  const metrics = await (await fetch(`${SERVE_URL}/metrics`, { headers: { authorization: `Bearer ${SERVE_KEY}` } })).text();
  assert.match(metrics, /drover_tool_calls_joined_total\{how="coalesced"\} 7\b/);
  assert.match(metrics, /drover_tool_calls_joined_total\{how="batch"\} 12\b/);
  assert.match(metrics, /drover_tool_wait_seconds_count/);
  assert.match(metrics, /drover_tool_calls_waiting 0\b/);
});

finish();
