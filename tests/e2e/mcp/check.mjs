// Drover as client of real MCP servers: node check.mjs WORK DROVER CONFIG.json
// CONFIG.json: {name: {era: "2025-11-25" | "2026-07-28", everything: bool, http: bool}}
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BYTES } from './tools.mjs';
import { check, finish } from '../checks.mjs';

const [, , work, drover, facts] = process.argv;
const servers = JSON.parse(readFileSync(facts, 'utf8'));

/** Runs drover; resolves with its exit code and output. */
function run(...args) {
  const child = spawn(drover, [...args, '--config', `${work}/drover.yaml`], { timeout: 60_000 });
  const out = [];
  const err = [];
  child.stdout.on('data', (part) => out.push(part));
  child.stderr.on('data', (part) => err.push(part));
  return new Promise((done) => {
    child.on('close', (code) => {
      done({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() });
    });
  });
}

async function call(server, tool, args, ...flags) {
  const words = args === undefined ? [] : [JSON.stringify(args)];
  const done = await run('tool', 'call', server, tool, ...words, '--json', ...flags);
  const answers = done.out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return { ...done, answers, answer: answers[0] };
}

async function text(server, tool, args) {
  const { code, answer, err } = await call(server, tool, args);
  assert.equal(code, 0, err);
  assert.equal(answer.is_error, false);
  return answer.content;
}

/** Asks the running server. */
async function api(method, path, body) {
  const answer = await fetch(process.env.SERVE_URL + path, {
    method,
    headers: { authorization: `Bearer ${process.env.SERVE_KEY}` },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const json = await answer.json();
  assert.ok(answer.ok, JSON.stringify(json));
  return json;
}

/** A message to a session, and what the model says in the end. */
async function say(session, content) {
  const { sequence } = await api('POST', `/v1/sessions/${session}/messages`, { content });
  for (let tries = 0; tries < 200; tries++) {
    const { data } = await api('GET', `/v1/sessions/${session}/events?from=${sequence}`);
    const results = data.filter((event) => event.kind === 'model.result').map((event) => event.payload);
    const last = results.at(-1);
    assert.ok(!last?.error, JSON.stringify(last?.error));
    if (last && !last.message.tool_calls?.length) return last.message.content;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error('the model did not answer');
}

/** A tool that comes while a session runs is seen by its next step. */
async function checkGrowth(name) {
  await check(`${name}: a changed list of tools is noticed`, async () => {
    const agent = { name: 'grower', models: ['m'], tools: [name] };
    const { id } = await api('POST', '/v1/sessions', { agent });
    assert.equal(await say(id, 'use the new tool'), 'there is no such tool');
    // The stream on which the server tells of it is opened beside the first call.
    await new Promise((done) => setTimeout(done, 500));
    assert.equal(await say(id, 'grow'), 'it grew');
    await new Promise((done) => setTimeout(done, 500));
    assert.equal(await say(id, 'use the new tool'), 'it said: from the new tool');
  });
}

/** What holds for every server made of tools.mjs. */
async function checkServer(name, { era, http }) {
  const it = (what, body) => check(`${name}: ${what}`, body);
  await it('lists its tools in order, in the right era', async () => {
    const { code, out, err } = await run('tool', 'ls', name);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^${name} \\(MCP ${era}\\), \\d+ tools`));
    const names = [...out.matchAll(/^ {2}(\S+)/gm)].map((m) => m[1]);
    assert.deepEqual(names.slice(0, 4), ['echo', 'bytes', 'empty', 'add']);
  });
  await it('gives schemas', async () => {
    const { out } = await run('tool', 'ls', name, '--json');
    const add = JSON.parse(out).find((tool) => tool.name === 'add');
    assert.deepEqual(Object.keys(add.parameters.properties), ['a', 'b']);
  });
  await it('text comes byte for byte', async () => {
    assert.equal(await text(name, 'echo', { text: BYTES }), BYTES);
    assert.equal(await text(name, 'bytes'), BYTES);
    assert.equal(await text(name, 'empty'), '');
  });
  await it('parallel calls all answer', async () => {
    const began = Date.now();
    const { code, answers } = await call(name, 'slow', { ms: 700, text: 'x' }, '--times', '8');
    assert.equal(code, 0);
    assert.deepEqual(answers.map((a) => a.content), Array(8).fill('x'));
    assert.ok(Date.now() - began < 8 * 700, 'they ran one after the other');
  });
  await it('errors of a tool are results', async () => {
    const broken = await call(name, 'broken');
    assert.deepEqual([broken.code, broken.answer.is_error, broken.answer.content], [1, true, 'no such order']);
    const threw = await call(name, 'throws');
    assert.equal(threw.code, 1);
    assert.match(threw.answer.content, /the tool threw/);
  });
  await it('a tool that is not there, and arguments that do not fit', async () => {
    for (const [tool, args] of [['nowhere', {}], ['add', { a: 'one' }]]) {
      const { code, answer, err } = await call(name, tool, args);
      assert.notEqual(code, 0);
      assert.match(answer?.content ?? err, /nowhere|nvalid|alidation/);
    }
  });
  await it('progress and logging do not disturb', async () => {
    assert.equal(await text(name, 'talks'), 'done talking');
  });
  await it('a large result comes whole, a larger one is cut between characters', async () => {
    assert.equal((await text(name, 'large', { n: 500_000 })).length, 500_000);
    const cut = await text(name, 'large', { n: 2_500_001 });
    assert.match(cut, /^é+\n\[cut: /);
  });
  await it('what is not text is named', async () => {
    const { answer } = await call(name, 'picture');
    assert.match(answer.content, /^look:\n.*image\/png/);
    assert.equal(answer.other_content[0].data, 'AAAA');
  });
  await it('a name that is not ASCII', async () => {
    assert.equal(await text(name, 'größe'), 'groß');
  });
  await checkGrowth(name);
  if (http) {
    await it('calls beyond the limit wait for their turn', async () => {
      const { code, answers, err } = await call(name, 'echo', { text: 'x' }, '--times', '400');
      assert.equal(code, 0, err);
      assert.deepEqual(answers.map((a) => a.content), Array(400).fill('x'));
    });
  }
  if (!http) {
    await it('a server that dies is started again; the key stays, the attempt counts', async () => {
      assert.equal(await text(name, 'dies'), 'attempt 2 of a key');
    });
  }
  if (era === '2026-07-28') {
    await it('an argument marked in the schema travels as a header', async () => {
      assert.equal(await text(name, 'routed', { tenant: 'Zoë', n: 1 }), 'for Zoë');
    });
  }
}

/** The official example of everything. */
async function checkEverything(name) {
  const it = (what, body) => check(`${name}: ${what}`, body);
  await it('lists', async () => {
    const { code, out, err } = await run('tool', 'ls', name, '--json');
    assert.equal(code, 0, err);
    const names = JSON.parse(out).map((tool) => tool.name);
    for (const tool of ['echo', 'get-sum', 'get-structured-content']) assert.ok(names.includes(tool), tool);
  });
  await it('calls', async () => {
    assert.equal(await text(name, 'echo', { message: 'hello' }), 'Echo: hello');
    assert.match(await text(name, 'get-sum', { a: 2, b: 3 }), /5/);
  });
  await it('structured content', async () => {
    const { answer } = await call(name, 'get-structured-content', { location: 'New York' });
    assert.equal(typeof answer.structured, 'object');
  });
  await it('pictures and links', async () => {
    const { answer } = await call(name, 'get-tiny-image');
    assert.ok(answer.other_content.some((block) => block.type === 'image'));
    const links = await call(name, 'get-resource-links', { count: 2 });
    assert.equal(links.answer.other_content.length, 2);
  });
  await it('a long operation with progress', async () => {
    assert.match(await text(name, 'trigger-long-running-operation', { duration: 1, steps: 4 }), /completed/i);
  });
  await it('eight at once', async () => {
    const { answers } = await call(name, 'echo', { message: 'x' }, '--times', '8');
    assert.deepEqual(answers.map((a) => a.content), Array(8).fill('Echo: x'));
  });
}

for (const [name, server] of Object.entries(servers)) {
  await (server.everything ? checkEverything(name) : checkServer(name, server));
}
finish();
