// OpenAI's own package for Node as a client of the gateway.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { Readable } from 'node:stream';
import OpenAI from 'openai';
import { check, clouds, control, failure, fault, finish } from '../sim-sdks/check.mjs';

const { GATEWAY_URL, GATEWAY_KEY, RECORDER } = process.env;
const options = { baseURL: GATEWAY_URL + '/v1', apiKey: GATEWAY_KEY, maxRetries: 0, timeout: 20_000 };
const client = new OpenAI(options);
const HELLO = 'Hello, ünïcödé 👋 — this is a simulated model.';
const STORY = /^Once upon a time .* had come\.$/;
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'The weather', parameters } }];
const ask = (text) => [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }];
const create = (model, text, more = {}) =>
  client.chat.completions.create({ model, messages: ask(text), ...more });
const recorded = async () => (await fetch(RECORDER + '/last')).json();

async function collect(stream, out = {}) {
  Object.assign(out, { text: '', calls: [], finish: null, usage: null, chunks: 0 });
  for await (const chunk of stream) {
    out.chunks++;
    if (chunk.usage) out.usage = chunk.usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    out.text += choice.delta.content ?? '';
    for (const part of choice.delta.tool_calls ?? []) {
      const call = (out.calls[part.index] ??= { id: '', name: '', arguments: '' });
      if (part.id) call.id = part.id;
      call.name += part.function?.name ?? '';
      call.arguments += part.function?.arguments ?? '';
    }
    if (choice.finish_reason) out.finish = choice.finish_reason;
  }
  return out;
}

for (const model of ['aws', 'azure', 'coreweave']) {
  await check(`${model}: answer`, async () => {
    const { data, response } = await client.chat.completions.create({ model, messages: ask('hi') }).withResponse();
    assert.equal(data.object, 'chat.completion');
    assert.equal(data.choices[0].message.content, HELLO);
    assert.equal(data.choices[0].finish_reason, 'stop');
    assert.ok(data.usage.prompt_tokens > 0 && data.usage.completion_tokens > 0);
    assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.equal(response.headers.get('x-drover-endpoint'), model);
    assert.equal(response.headers.get('x-drover-attempts'), '1');
    assert.ok(response.headers.get('x-request-id'));
    const entry = (await control(clouds[model], 'GET', '/_sim/state?log=1')).log[0];
    assert.equal(entry.outcome, 'ok');
    assert.equal(entry.billed.output_tokens, data.usage.completion_tokens);
  });
  await check(`${model}: stream with usage`, async () => {
    const got = await collect(await create(model, 'tell me a long story',
      { stream: true, stream_options: { include_usage: true } }));
    assert.match(got.text, STORY);
    assert.equal(got.finish, 'stop');
    assert.ok(got.chunks > 5);
    const entry = (await control(clouds[model], 'GET', '/_sim/state?log=1')).log[0];
    assert.equal(got.usage.completion_tokens, entry.billed.output_tokens);
    assert.equal(got.usage.prompt_tokens, entry.billed.input_tokens);
  });
  await check(`${model}: no usage unless asked for`, async () => {
    const got = await collect(await create(model, 'hi', { stream: true }));
    assert.equal(got.usage, null);
    assert.equal(got.text, HELLO);
  });
  await check(`${model}: tool call, then its result`, async () => {
    const messages = ask('the weather in Paris please');
    const first = await client.chat.completions.create({ model, messages, tools });
    const call = first.choices[0].message.tool_calls[0];
    assert.equal(first.choices[0].finish_reason, 'tool_calls');
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
    messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'mild' });
    const second = await client.chat.completions.create({ model, messages, tools });
    assert.equal(second.choices[0].message.content, 'It is mild there.');
  });
  await check(`${model}: parallel tool calls, whole and streamed`, async () => {
    const whole = await create(model, 'weather in both', { tools, parallel_tool_calls: true });
    const cities = (calls) => calls.map((text) => JSON.parse(text).city);
    assert.deepEqual(cities(whole.choices[0].message.tool_calls.map((c) => c.function.arguments)),
      ['Paris', 'Oslo, Norway']);
    const got = await collect(await create(model, 'weather in both', { tools, stream: true }));
    assert.equal(got.text, 'I will look at both.');
    assert.equal(got.finish, 'tool_calls');
    assert.deepEqual(cities(got.calls.map((c) => c.arguments)), ['Paris', 'Oslo, Norway']);
    assert.deepEqual(got.calls.map((c) => c.name), ['get_weather', 'get_weather']);
    assert.equal(new Set(got.calls.map((c) => c.id)).size, 2);
  });
  await check(`${model}: the package's own stream runner`, async () => {
    const message = await client.chat.completions.stream(
      { model, messages: ask('weather in both'), tools }).finalMessage();
    assert.equal(message.tool_calls.length, 2);
    assert.equal(message.content, 'I will look at both.');
  });
  for (const kind of ['cut', 'early_end', 'garbage', 'half_frame', 'error_in_stream']) {
    await check(`${model}: ${kind} in the middle of a stream raises`, async () => {
      await fault(clouds[model], { kind, after_events: 6 });
      const got = {};
      const error = await failure(create(model, 'tell me a long story', { stream: true })
        .then((stream) => collect(stream, got)));
      assert.ok(error instanceof OpenAI.OpenAIError, String(error));
      // Some of it was seen already, so this could not be tried again behind the client's back.
      assert.ok(got.text, 'nothing was seen');
      // early_end leaves out only the stream's proper end: the text is whole, and still not to be trusted.
      assert.equal(STORY.test(got.text), kind === 'early_end', got.text);
      assert.equal(got.finish, null, 'a clean end was seen');
    });
  }
}

await check('images, response_format and unknown members reach the provider as they were', async () => {
  const url = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const sent = {
    model: 'recorder',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it?' },
      { type: 'image_url', image_url: { url, detail: 'low' } }] }],
    response_format: { type: 'json_schema', json_schema: { name: 'thing', strict: true,
      schema: { ...parameters, required: ['city'], additionalProperties: false } } },
    seed: 9007199254740991, logit_bias: { 50256: -100 }, metadata: { a: 'b' }, something_new: [1.50, null],
  };
  const answer = await client.chat.completions.create(sent);
  assert.equal(answer.choices[0].message.content, 'Recorded.');
  const got = await recorded();
  assert.equal(got.path, '/v1/chat/completions');
  assert.ok(!got.authorization.includes(GATEWAY_KEY), "the caller's key was passed on");
  assert.deepEqual(got.body, sent);

  await client.chat.completions.create({ model: 'recorder-aws', messages: sent.messages });
  const converse = await recorded();
  assert.equal(converse.path, '/model/recorder-aws/converse');
  assert.deepEqual(converse.body.messages[0].content, [{ text: 'what is it?' },
    { image: { format: 'png', source: { bytes: url.split(',')[1] } } }]);
});

await check('models: list and retrieve', async () => {
  const ids = (await client.models.list()).data.map((m) => m.id).sort();
  assert.deepEqual(ids, ['aws', 'azure', 'coreweave', 'ladder', 'ladder-first', 'ladder-retry', 'ladder-second',
    'recorder', 'recorder-aws']);
  const one = await client.models.retrieve('ladder');
  assert.equal(one.id, 'ladder');
  assert.equal(one.object, 'model');
  assert.ok(await failure(client.models.retrieve('nothing')) instanceof OpenAI.NotFoundError);
});
await check('a wrong key', async () => {
  const wrong = new OpenAI({ ...options, apiKey: 'drv_wrong' });
  for (const call of [() => wrong.models.list(),
    () => wrong.chat.completions.create({ model: 'azure', messages: ask('hi') })]) {
    const error = await failure(call());
    assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
    assert.equal(error.type, 'authentication_error');
  }
});
await check('an unknown model', async () => {
  for (const stream of [false, true]) {
    const error = await failure(create('gpt-99', 'hi', { stream }));
    assert.ok(error instanceof OpenAI.NotFoundError, String(error));
    assert.equal(error.code, 'model_not_found');
  }
});
await check('a request far too large is a 413', async () => {
  // The SDK, and HTTP/2, which the SDK does not speak.
  const error = await failure(create('azure', 'x'.repeat(64 << 20)));
  assert.equal(error.status, 413, String(error));
  assert.equal(error.code, 'body_too_large');
  const session = http2.connect(GATEWAY_URL);
  const request = session.request({
    ':method': 'POST', ':path': '/v1/chat/completions', authorization: `Bearer ${GATEWAY_KEY}`,
  });
  Readable.from((function* () { for (let i = 0; i < 200; i++) yield Buffer.alloc(1 << 20); })()).pipe(request);
  const [head] = await once(request, 'response', { signal: AbortSignal.timeout(20_000) });
  assert.equal(head[':status'], 413);
  session.destroy();
});
await check('a malformed request', async () => {
  for (const body of [{ model: 'azure' }, { model: 'azure', messages: 'hi' }, { model: 7, messages: [] },
    { messages: ask('hi') }]) {
    const error = await failure(client.chat.completions.create(body));
    assert.ok(error instanceof OpenAI.BadRequestError, `${JSON.stringify(body)}: ${error}`);
    assert.equal(error.type, 'invalid_request_error');
  }
});
await check("the provider's refusal keeps its class", async () => {
  const error = await failure(create('azure', 'FORBIDDEN-WORD'));
  assert.ok(error instanceof OpenAI.BadRequestError, String(error));
  assert.equal(error.code, 'content_filter');
});
await check('too large', async () => {
  // The gateway answers at once and reads on for a few MiB only, so a client that sends all the rest
  // before it listens may find the connection closed. That the answer is 413 is tested in sockets.py.
  const error = await failure(create('azure', 'x'.repeat(33 << 20)));
  assert.ok(error.status === 413 || error instanceof OpenAI.APIConnectionError, String(error));
});
await check('before anything is seen a broken stream is tried again', async () => {
  for (const kind of ['error_503', 'cut_before_headers', 'cut', 'error_in_stream']) {
    let happened = 0;
    for (const broken of ['azure', 'coreweave']) {
      const cloud = clouds[broken];
      const count = async () => (await control(cloud, 'GET', '/_sim/state?log=0')).faults_happened;
      const before = await count();
      await fault(cloud, { kind, after_events: 0 });
      const got = await collect(await create('ladder-retry', 'tell me a long story', { stream: true }));
      assert.match(got.text, STORY);
      assert.equal(got.finish, 'stop');
      happened += await count() - before;
      await control(cloud, 'DELETE', '/_sim/faults');
    }
    assert.ok(happened > 0, `${kind} never happened: nothing is proved`);
  }
});
for (const [model, down, up] of [['ladder-first', 'azure', 'coreweave'], ['ladder-second', 'coreweave', 'azure']]) {
  await check(`failover while ${down} has an outage`, async () => {
    await control(clouds[down], 'POST', '/_sim/outage', { on: true });
    try {
      for (let i = 0; i < 4; i++) {
        for (const stream of [false, true]) {
          const { data, response } = await client.chat.completions.create(
            { model, messages: ask('hi'), stream }).withResponse();
          assert.equal(stream ? (await collect(data)).text : data.choices[0].message.content, HELLO);
          assert.equal(response.headers.get('x-drover-endpoint'), `${model}/${up}`);
        }
      }
    } finally {
      await control(clouds[down], 'POST', '/_sim/outage', { on: false });
    }
  });
}
finish();
