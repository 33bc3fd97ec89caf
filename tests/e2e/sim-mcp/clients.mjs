// The SDK's v1 client (handshake) and v2 client (stateless 2026-07-28, and by handshake) call every
// recorded tool call of our own recordings, and the demo's tools.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { check, finish } from '../checks.mjs';

const { DROVER, RECORDINGS, WORK } = process.env;
const recordings = readFileSync(RECORDINGS, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const log = `${WORK}/replay.jsonl`;
const info = { name: 'drover-e2e', version: '1.0.0' };
// Its arguments hold an integer beyond 2^53, which JavaScript rounds: a distortion that must be seen.
const lossy = 'deep-arguments';

const eras = {
  'v1 client': () => [new LegacyClient(info), LegacyStdio],
  'v2 client, pinned to 2026-07-28': () =>
    [new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } }), StdioClientTransport],
  'v2 client, by itself': () => [new Client(info, { versionNegotiation: { mode: 'auto' } }), StdioClientTransport],
  'v2 client, handshake': () => [new Client(info), StdioClientTransport],
};

async function connect(era, args) {
  const [client, Transport] = eras[era]();
  await client.connect(new Transport({ command: DROVER, args: ['sim', ...args] }));
  return client;
}

/** The tool calls of a recording, each with the result at its place, turn by turn. */
function* turns(recording) {
  const messages = recording.messages;
  for (let i = 0; i < messages.length; i++) {
    const calls = messages[i].tool_calls;
    if (calls) yield calls.map((call, n) => ({ ...call.function, result: messages[i + 1 + n].content }));
  }
}

for (const era of Object.keys(eras)) {
  await check(`${era}: every recorded call`, async () => {
    rmSync(log, { force: true });
    const client = await connect(era, ['mcp-replay', RECORDINGS, '--log', log]);
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    assert.deepEqual(names, [...names].sort());
    let count = 0;
    for (const recording of recordings) {
      const name = `${recording.task_id}/${recording.trial}`;
      if (recording.task_id === lossy) continue;
      for (const turn of turns(recording)) {
        // Those of one turn at once, the last of them first.
        await Promise.all(turn.map((call, n) => ({ call, key: `${name}:${count + n}` })).reverse()
          .map(async ({ call, key }) => {
            const meta = { 'drover/session': `ses_${name}`, 'drover/labels': { recording: name },
              'drover/idempotency_key': key };
            for (const attempt of [1, 2]) {
              const answer = await client.callTool({ name: call.name, arguments: JSON.parse(call.arguments),
                _meta: { ...meta, 'drover/attempt': attempt } });
              assert.deepEqual(answer.content, [{ type: 'text', text: call.result }]);
              assert.ok(!answer.isError);
            }
          }));
        count += turn.length;
      }
    }
    await client.close();
    const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.equal(lines.filter((line) => !line.repeat).length, count);
    assert.equal(lines.filter((line) => line.repeat && line.attempt === 2).length, count);
    assert.ok(lines.every((line) => line.outcome === 'ok' && !line.duplicate));
  });

  await check(`${era}: what was not recorded fails`, async () => {
    const client = await connect(era, ['mcp-replay', RECORDINGS]);
    const call = (name, args, recording = 'silent-tool/0') => client.callTool({ name, arguments: args,
      _meta: { 'drover/session': 's', 'drover/labels': { recording } } });
    await assert.rejects(call('find_customer', { customer_id: 'c-205' }), /c-205/);
    await assert.rejects(call('note', { text: '' }), /recorded as find_customer/);
    await assert.rejects(call('find_customer', { customer_id: 'c-204' }, 'nobody/0'), /no recording/);
    const [[rounded]] = turns(recordings.find((r) => r.task_id === lossy));
    await assert.rejects(call(rounded.name, JSON.parse(rounded.arguments), `${lossy}/0`), /9007199254740993/);
    assert.equal((await call('find_customer', { customer_id: 'c-204' })).content[0].text, '');
    await client.close();
  });

  await check(`${era}: the demo's tools`, async () => {
    const client = await connect(era, ['mcp-tools', '--latency', '30ms']);
    assert.ok((await client.listTools()).tools.every((tool) => tool.inputSchema.type === 'object'));
    const ask = async (name, args) => (await client.callTool({ name, arguments: args })).content[0].text;
    const began = Date.now();
    const pages = await Promise.all(['heat pump frost', 'night trains', 'tides'].map((query) => ask('search_web', { query })));
    assert.ok(pages.every((text) => JSON.parse(text).results.length > 0));
    assert.ok(Date.now() - began < 2000);
    const order = JSON.parse(await ask('lookup_order', { order_id: 'A-1042' }));
    const refund = await ask('refund_order', { order_id: 'A-1042' });
    assert.equal(JSON.parse(refund).refunded, order.total);
    assert.equal(await ask('refund_order', { order_id: 'A-1042' }), refund);
    assert.equal((await client.callTool({ name: 'lookup_order', arguments: {} })).isError, true);
    await client.close();
  });
}

await check('a restarted server goes on where it was', async () => {
  rmSync(log, { force: true });
  const [first] = turns(recordings.find((r) => r.task_id === 'spaced-arguments'));
  const all = [...turns(recordings.find((r) => r.task_id === 'spaced-arguments'))].flat();
  for (let i = 0; i < all.length; i++) {
    const client = await connect('v1 client', ['mcp-replay', RECORDINGS, '--log', log]);
    const answer = await client.callTool({ name: all[i].name, arguments: JSON.parse(all[i].arguments),
      _meta: { 'drover/session': 's', 'drover/recording': 'spaced-arguments/0', 'drover/idempotency_key': `k${i}` } });
    assert.equal(answer.content[0].text, all[i].result);
    await client.close();
  }
  assert.ok(first && existsSync(log));
});
finish();
