// AWS's own Bedrock Runtime client against the simulated Bedrock, over its default HTTP/2.
import assert from 'node:assert/strict';
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { check, clouds, control, failure, fault, finish } from './check.mjs';

const aws = clouds.aws;
const [modelId, oddId] = aws.models;  // the second has a colon in it
const [key, temporary] = aws.credentials.access_keys;
const credentialsOf = (k) => ({ accessKeyId: k.access_key_id, secretAccessKey: k.secret_access_key,
  sessionToken: k.session_token });
const options = (more = {}) => ({ region: aws.regions[0].region, endpoint: aws.regions[0].url,
  credentials: credentialsOf(key), maxAttempts: 1, ...more });
const client = new BedrockRuntimeClient(options());
const ask = (text, more = {}) => ({ modelId, system: [{ text: 'Be brief.' }],
  messages: [{ role: 'user', content: [{ text }] }], ...more });
const toolConfig = { tools: [{ toolSpec: { name: 'get_weather', description: 'The weather',
  inputSchema: { json: { type: 'object', properties: { city: { type: 'string' } } } } } }] };

async function collect(promise) {
  const out = { events: [], text: '', blocks: {}, stop: null, usage: null };
  for await (const event of (await promise).stream) {
    const [name] = Object.keys(event);
    out.events.push(name);
    if (event.contentBlockStart) {
      out.blocks[event.contentBlockStart.contentBlockIndex] = { ...event.contentBlockStart.start.toolUse, input: '' };
    }
    if (event.contentBlockDelta?.delta.text) out.text += event.contentBlockDelta.delta.text;
    if (event.contentBlockDelta?.delta.toolUse) {
      out.blocks[event.contentBlockDelta.contentBlockIndex].input += event.contentBlockDelta.delta.toolUse.input;
    }
    if (event.messageStop) out.stop = event.messageStop.stopReason;
    if (event.metadata) out.usage = event.metadata.usage;
  }
  return out;
}

await check('Converse', async () => {
  const answer = await client.send(new ConverseCommand(ask('hi')));
  assert.equal(answer.output.message.content[0].text, 'Hello, ünïcödé 👋 — this is a simulated model.');
  assert.equal(answer.stopReason, 'end_turn');
  assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
  assert.match(answer.$metadata.requestId, /^[0-9a-f-]{36}$/);
  assert.equal((await control(aws, 'GET', '/_sim/state?log=1')).log[0].http_version, 2);
});
await check('a model id with a colon', async () => {
  const answer = await client.send(new ConverseCommand(ask('hi', { modelId: oddId })));
  assert.equal(answer.stopReason, 'end_turn');
});
await check('ConverseStream', async () => {
  for (let i = 0; i < 5; i++) {  // padding comes and goes
    const got = await collect(client.send(new ConverseStreamCommand(ask('tell me a long story'))));
    assert.match(got.text, /^Once upon a time .* had come\.$/);
    assert.equal(got.events[0], 'messageStart');
    assert.equal(got.events.at(-2), 'messageStop');
    assert.equal(got.events.at(-1), 'metadata');
    assert.ok(!got.events.includes('contentBlockStart'), 'text has no contentBlockStart');
    assert.equal(got.stop, 'end_turn');
    assert.ok(got.usage.outputTokens > 20);
  }
});
await check('tool use, then its result', async () => {
  const request = ask('the weather in Paris please', { toolConfig });
  const first = await client.send(new ConverseCommand(request));
  assert.equal(first.stopReason, 'tool_use');
  const use = first.output.message.content.find((b) => b.toolUse).toolUse;
  assert.deepEqual(use.input, { city: 'Paris' });
  request.messages.push(first.output.message, { role: 'user', content: [
    { toolResult: { toolUseId: use.toolUseId, content: [{ text: 'mild' }], status: 'success' } }] });
  const second = await client.send(new ConverseCommand(request));
  assert.equal(second.output.message.content[0].text, 'It is mild there.');
});
await check('parallel tool use in a stream', async () => {
  const got = await collect(client.send(new ConverseStreamCommand(ask('weather in both', { toolConfig }))));
  const uses = Object.values(got.blocks);
  assert.equal(got.text, 'I will look at both.');
  assert.deepEqual(uses.map((u) => JSON.parse(u.input).city), ['Paris', 'Oslo, Norway']);
  assert.equal(got.stop, 'tool_use');
});
await check('temporary credentials', async () => {
  const ok = new BedrockRuntimeClient(options({ credentials: credentialsOf(temporary) }));
  assert.equal((await ok.send(new ConverseCommand(ask('hi')))).stopReason, 'end_turn');
  const without = new BedrockRuntimeClient(options({ credentials: { ...credentialsOf(temporary), sessionToken: undefined } }));
  assert.equal((await failure(without.send(new ConverseCommand(ask('hi'))))).$metadata.httpStatusCode, 403);
});
await check('a wrong secret is refused', async () => {
  const secret = key.secret_access_key.slice(0, -1) + (key.secret_access_key.endsWith('x') ? 'y' : 'x');
  const wrong = new BedrockRuntimeClient(options({ credentials: { ...credentialsOf(key), secretAccessKey: secret } }));
  for (const command of [new ConverseCommand(ask('hi')), new ConverseStreamCommand(ask('hi'))]) {
    const error = await failure(wrong.send(command));
    assert.equal(error.name, 'InvalidSignatureException');
    assert.equal(error.$metadata.httpStatusCode, 403);
  }
});
await check('an unknown key is refused', async () => {
  const wrong = new BedrockRuntimeClient(options({ credentials: { ...credentialsOf(key), accessKeyId: 'AKIANOBODY' } }));
  assert.equal((await failure(wrong.send(new ConverseCommand(ask('hi'))))).name, 'UnrecognizedClientException');
});
await check('signed for another region', async () => {
  const wrong = new BedrockRuntimeClient(options({ region: aws.regions[1].region }));
  assert.equal((await failure(wrong.send(new ConverseCommand(ask('hi'))))).$metadata.httpStatusCode, 403);
  const right = new BedrockRuntimeClient(options({ region: aws.regions[1].region, endpoint: aws.regions[1].url }));
  assert.equal((await right.send(new ConverseCommand(ask('hi')))).stopReason, 'end_turn');
});
await check('a Bedrock API key', async () => {
  const bearer = new BedrockRuntimeClient(options({ credentials: undefined, token: { token: aws.credentials.bearer },
    authSchemePreference: ['httpBearerAuth'] }));
  assert.equal((await bearer.send(new ConverseCommand(ask('hi')))).stopReason, 'end_turn');
  const wrong = new BedrockRuntimeClient(options({ credentials: undefined, token: { token: 'no' },
    authSchemePreference: ['httpBearerAuth'] }));
  assert.equal((await failure(wrong.send(new ConverseCommand(ask('hi'))))).name, 'AccessDeniedException');
});
await check('throttling', async () => {
  await fault(aws, { kind: 'throttle', retry_after: 'none' });
  assert.equal((await failure(client.send(new ConverseCommand(ask('hi'))))).name, 'ThrottlingException');
  await control(aws, 'POST', '/_sim/quota', { requests_per_minute: 1 });
  await client.send(new ConverseCommand(ask('hi')));
  const error = await failure(client.send(new ConverseCommand(ask('hi'))));
  await control(aws, 'POST', '/_sim/quota', {});
  assert.equal(error.name, 'ThrottlingException');
  assert.equal(error.$metadata.httpStatusCode, 429);
});
await check('the client tries again by itself, with one invocation id', async () => {
  await fault(aws, { kind: 'throttle', retry_after: 'none', count: 2 });
  const patient = new BedrockRuntimeClient(options({ maxAttempts: 3 }));
  const answer = await patient.send(new ConverseCommand(ask('hi')));
  assert.equal(answer.$metadata.attempts, 3);
  const log = (await control(aws, 'GET', '/_sim/state?log=3')).log;
  assert.equal(new Set(log.map((e) => e.idempotency_key)).size, 1);
  assert.deepEqual(log.map((e) => e.status), [429, 429, 200]);
});
await check('an unknown model', async () => {
  const error = await failure(client.send(new ConverseCommand(ask('hi', { modelId: 'nobody.nothing-v1:0' }))));
  assert.equal(error.name, 'ValidationException');
});
await check('500 and 503', async () => {
  await fault(aws, { kind: 'error_500' });
  assert.equal((await failure(client.send(new ConverseCommand(ask('hi'))))).name, 'InternalServerException');
  await fault(aws, { kind: 'error_503' });
  assert.equal((await failure(client.send(new ConverseCommand(ask('hi'))))).name, 'ServiceUnavailableException');
});
await check('an exception inside the stream', async () => {
  await fault(aws, { kind: 'error_in_stream', after_events: 2, error: 'throttling' });
  const error = await failure(collect(client.send(new ConverseStreamCommand(ask('a long story')))));
  assert.equal(error.name, 'throttlingException'.replace(/^t/, 'T'));
});
await check('a wrong checksum is noticed', async () => {
  await fault(aws, { kind: 'wrong_crc', after_events: 2 });
  const error = await failure(collect(client.send(new ConverseStreamCommand(ask('a long story')))));
  assert.match(String(error), /checksum/i);
});
await check('a cut stream is noticed', async () => {
  await fault(aws, { kind: 'cut', after_events: 2 });
  await failure(collect(client.send(new ConverseStreamCommand(ask('a long story')))));
});
await check('an outage cuts what is in flight', async () => {
  await fault(aws, { kind: 'stall_between_tokens', after_events: 2 });
  const running = collect(client.send(new ConverseStreamCommand(ask('a long story')))).catch((error) => ({ error }));
  await new Promise((r) => setTimeout(r, 200));
  await control(aws, 'POST', '/_sim/outage', { on: true });
  try {
    // This client takes a closed connection for the end of its stream: only the missing end tells.
    const got = await running;
    assert.ok(got.error || (got.stop === null && got.usage === null), 'the stream came to its end');
    await failure(client.send(new ConverseCommand(ask('hi'))));
  } finally {
    await control(aws, 'POST', '/_sim/outage', { on: false });
  }
  const log = (await control(aws, 'GET', '/_sim/state?log=1')).log;
  assert.equal(log[0].outcome, 'cut');
  assert.equal((await new BedrockRuntimeClient(options()).send(new ConverseCommand(ask('hi')))).stopReason, 'end_turn');
});
finish();
