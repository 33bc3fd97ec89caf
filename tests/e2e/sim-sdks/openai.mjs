// OpenAI's own package against the simulated CoreWeave (vLLM) and Azure: OpenAI and AzureOpenAI.
import assert from 'node:assert/strict';
import OpenAI, { AzureOpenAI } from 'openai';
import { check, clouds, control, failure, fault, finish } from './check.mjs';

const weather = { type: 'function', function: { name: 'get_weather', description: 'The weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } } } } };
const ask = (text) => [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }];

async function collect(stream) {
  const out = { text: '', calls: [], finish: null, usage: null, chunks: 0, reasoning: '' };
  for await (const chunk of stream) {
    out.chunks++;
    if (chunk.usage) out.usage = chunk.usage;
    const choice = chunk.choices[0];
    if (!choice) continue;
    out.text += choice.delta.content ?? '';
    out.reasoning += choice.delta.reasoning_content ?? choice.delta.reasoning ?? '';
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

/** What every OpenAI-like cloud must do. */
async function common(name, client, model, cloud) {
  await check(`${name}: answer`, async () => {
    const answer = await client.chat.completions.create({ model, messages: ask('hi') });
    assert.equal(answer.choices[0].message.content, 'Hello, ünïcödé 👋 — this is a simulated model.');
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  });
  await check(`${name}: stream with usage`, async () => {
    const got = await collect(await client.chat.completions.create({ model,
      messages: ask('tell me a long story'), stream: true, stream_options: { include_usage: true } }));
    assert.match(got.text, /^Once upon a time .* had come\.$/);
    assert.equal(got.finish, 'stop');
    assert.ok(got.chunks > 5);
    assert.ok(got.usage.completion_tokens > 20);
  });
  await check(`${name}: no usage unless asked for`, async () => {
    const got = await collect(await client.chat.completions.create({ model, messages: ask('hi'), stream: true }));
    assert.equal(got.usage, null);
    assert.equal(got.text, 'Hello, ünïcödé 👋 — this is a simulated model.');
  });
  await check(`${name}: tool call, then its result`, async () => {
    const messages = ask('the weather in Paris please');
    const first = await client.chat.completions.create({ model, messages, tools: [weather] });
    const call = first.choices[0].message.tool_calls[0];
    assert.equal(first.choices[0].finish_reason, 'tool_calls');
    assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
    messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'mild' });
    const second = await client.chat.completions.create({ model, messages, tools: [weather] });
    assert.equal(second.choices[0].message.content, 'It is mild there.');
  });
  await check(`${name}: parallel tool calls in a stream`, async () => {
    for (let i = 0; i < 6; i++) {
      const got = await collect(await client.chat.completions.create({ model,
        messages: ask('weather in both'), tools: [weather], stream: true }));
      assert.equal(got.finish, 'tool_calls');
      assert.deepEqual(got.calls.map((c) => JSON.parse(c.arguments).city), ['Paris', 'Oslo, Norway']);
      assert.ok(got.calls.every((c) => c.name === 'get_weather' && c.id));
      assert.notEqual(got.calls[0].id, got.calls[1].id);
    }
  });
  await check(`${name}: the package's own stream runner`, async () => {
    const runner = client.chat.completions.stream({ model, messages: ask('weather in both'), tools: [weather] });
    const message = await runner.finalMessage();
    assert.equal(message.tool_calls.length, 2);
    assert.equal(message.content, 'I will look at both.');
  });
  await check(`${name}: throttling with each form of waiting`, async () => {
    for (const form of ['seconds', 'date', 'ms', 'none']) {
      await fault(cloud, { kind: 'throttle', retry_after: form, duration_ms: 20 });
      const error = await failure(client.chat.completions.create({ model, messages: ask('hi') }, { maxRetries: 0 }));
      assert.ok(error instanceof OpenAI.RateLimitError, String(error));
      assert.equal(error.headers.has('retry-after-ms'), form === 'ms');
      assert.equal(error.headers.has('retry-after'), form === 'seconds' || form === 'date');
    }
  });
  await check(`${name}: the client tries again by itself`, async () => {
    await fault(cloud, { kind: 'throttle', retry_after: 'ms', duration_ms: 20 });
    await fault(cloud, { kind: 'error_500' });
    const answer = await client.chat.completions.create({ model, messages: ask('hi') });
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });
  await check(`${name}: 503`, async () => {
    await fault(cloud, { kind: 'error_503' });
    const error = await failure(client.chat.completions.create({ model, messages: ask('hi') }, { maxRetries: 0 }));
    assert.equal(error.status, 503);
  });
  await check(`${name}: a cut stream is an error`, async () => {
    await fault(cloud, { kind: 'cut', after_events: 3 });
    const error = await failure(client.chat.completions.create({ model, messages: ask('a long story'), stream: true },
      { maxRetries: 0 }).then(collect));
    assert.ok(!(error instanceof assert.AssertionError));
  });
  await check(`${name}: an error inside a stream`, async () => {
    await fault(cloud, { kind: 'error_in_stream', after_events: 2 });
    const error = await failure(client.chat.completions.create({ model, messages: ask('a long story'), stream: true })
      .then(collect));
    assert.ok(error instanceof OpenAI.APIError, String(error));
  });
  await check(`${name}: an outage`, async () => {
    await control(cloud, 'POST', '/_sim/outage', { on: true });
    try {
      const error = await failure(client.chat.completions.create({ model, messages: ask('hi') }, { maxRetries: 0 }));
      assert.ok(error instanceof OpenAI.APIConnectionError, String(error));
    } finally {
      await control(cloud, 'POST', '/_sim/outage', { on: false });
    }
    const answer = await client.chat.completions.create({ model, messages: ask('hi') });
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });
  await check(`${name}: a client that leaves is in the books as aborted`, async () => {
    await fault(cloud, { kind: 'stall_between_tokens', after_events: 2 });
    const stream = await client.chat.completions.create({ model, messages: ask('a long story'), stream: true });
    for await (const chunk of stream) { if (chunk.choices[0]?.delta.content) break; }
    for (let i = 0; i < 100; i++) {
      const last = (await control(cloud, 'GET', '/_sim/state?log=1')).log[0];
      if (last.outcome === 'aborted') return assert.ok(last.billed.output_tokens > 0 && last.billed.output_tokens < 30);
      await new Promise((r) => setTimeout(r, 20));
    }
    assert.fail('never aborted');
  });
  await check(`${name}: the quota`, async () => {
    await control(cloud, 'POST', '/_sim/quota', { requests_per_minute: 2 });
    const call = () => client.chat.completions.create({ model, messages: ask('hi') }, { maxRetries: 0 });
    await call();
    await call();
    const error = await failure(call());
    await control(cloud, 'POST', '/_sim/quota', {});
    assert.ok(error instanceof OpenAI.RateLimitError, String(error));
    const wait = Number(error.headers.get('retry-after'));
    assert.ok(wait >= 25 && wait <= 30, `${wait}`);
  });
}

const cw = clouds.coreweave;
const cwModel = cw.models[0];
const cwClient = new OpenAI({ baseURL: cw.regions[0].url + '/v1', apiKey: cw.credentials.bearer });
await common('coreweave', cwClient, cwModel, cw);
await check('coreweave: models', async () => {
  const page = await cwClient.models.list();
  assert.equal(page.data[0].id, cwModel);
  assert.equal(page.data[0].max_model_len, 131072);
});
await check('coreweave: wrong key', async () => {
  const error = await failure(new OpenAI({ baseURL: cw.regions[0].url + '/v1', apiKey: 'no' })
    .chat.completions.create({ model: cwModel, messages: ask('hi') }));
  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
});
await check('coreweave: unknown model', async () => {
  const error = await failure(cwClient.chat.completions.create({ model: 'gpt-99', messages: ask('hi') }));
  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.error.code, 404);
});
await check('coreweave: reasoning', async () => {
  const got = await collect(await cwClient.chat.completions.create({ model: cwModel, messages: ask('think'), stream: true }));
  assert.equal(got.reasoning, 'First I think about it for a while.');
  assert.equal(got.text, 'Then I answer.');
});
await check('coreweave: usage in every chunk', async () => {
  const stream = await cwClient.chat.completions.create({ model: cwModel, messages: ask('a long story'),
    stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } });
  let last = -1;
  for await (const chunk of stream) {
    assert.ok(chunk.usage, 'a chunk without usage');
    assert.ok(chunk.usage.completion_tokens >= last);
    last = chunk.usage.completion_tokens;
  }
  assert.ok(last > 20);
});
await check('coreweave: the prompt cache', async () => {
  await control(cw, 'POST', '/_sim/cache', {});
  const messages = ask('hi');
  messages[0].content = 'All of this is a long prefix that stays the same. '.repeat(40);
  const first = await cwClient.chat.completions.create({ model: cwModel, messages });
  messages.push(first.choices[0].message, { role: 'user', content: 'and more' });
  const second = await cwClient.chat.completions.create({ model: cwModel, messages });
  assert.equal(first.usage.prompt_tokens_details.cached_tokens, 0);
  assert.ok(second.usage.prompt_tokens_details.cached_tokens >= 480);
  assert.equal(second.usage.prompt_tokens_details.cached_tokens % 16, 0);
});
await check('coreweave: health and metrics', async () => {
  assert.equal((await fetch(cw.regions[0].url + '/health')).status, 200);
  const text = await (await fetch(cw.regions[0].url + '/metrics')).text();
  assert.match(text, /^vllm:prompt_tokens_total\{[^}]*\} [1-9]/m);
});

const az = clouds.azure;
const azModel = az.models[0];
const azOptions = { endpoint: az.regions[0].url, apiVersion: '2024-10-21', apiKey: az.credentials.api_key };
const azClient = new AzureOpenAI(azOptions);
await common('azure', azClient, azModel, az);
await check('azure: the first chunk has the prompt filter and no choices', async () => {
  const stream = await azClient.chat.completions.create({ model: azModel, messages: ask('hi'), stream: true });
  for await (const chunk of stream) {
    assert.deepEqual(chunk.choices, []);
    assert.equal(chunk.prompt_filter_results[0].content_filter_results.hate.filtered, false);
    break;
  }
});
await check('azure: the content filter', async () => {
  const error = await failure(azClient.chat.completions.create({ model: azModel, messages: ask('FORBIDDEN-WORD') }));
  assert.ok(error instanceof OpenAI.BadRequestError, String(error));
  assert.equal(error.code, 'content_filter');
  assert.equal(error.error.innererror.code, 'ResponsibleAIPolicyViolation');
});
await check('azure: wrong key', async () => {
  const error = await failure(new AzureOpenAI({ ...azOptions, apiKey: 'no' })
    .chat.completions.create({ model: azModel, messages: ask('hi') }));
  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
  assert.equal(error.code, '401');
});
await check('azure: unknown deployment', async () => {
  const error = await failure(azClient.chat.completions.create({ model: 'nothing', messages: ask('hi') }));
  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, 'DeploymentNotFound');
});
await check('azure: headers', async () => {
  const { response } = await azClient.chat.completions.create({ model: azModel, messages: ask('hi') }).withResponse();
  assert.match(response.headers.get('apim-request-id'), /^[0-9a-f-]{36}$/);
  assert.equal(response.headers.get('x-ms-region'), az.regions[0].region);
});
await check('azure: an Entra token, and the v1 path by the plain client', async () => {
  const { tenant, client_id, client_secret } = az.credentials.entra;
  const get = async (secret) => fetch(`${az.regions[0].url}/${tenant}/oauth2/v2.0/token`, { method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret: secret,
      scope: 'https://cognitiveservices.azure.com/.default' }) });
  const token = (await (await get(client_secret)).json()).access_token;
  const { apiKey, ...rest } = azOptions;
  const client = new AzureOpenAI({ ...rest, azureADTokenProvider: async () => token });
  assert.equal((await client.chat.completions.create({ model: azModel, messages: ask('hi') })).choices.length, 1);
  const plain = new OpenAI({ baseURL: az.regions[1].url + '/openai/v1/', apiKey: token });
  assert.equal((await plain.chat.completions.create({ model: azModel, messages: ask('hi') })).choices.length, 1);
  assert.equal((await get('wrong')).status, 401);
  const forged = new AzureOpenAI({ ...rest, azureADTokenProvider: async () => token.slice(0, -2) + 'xx' });
  assert.equal((await failure(forged.chat.completions.create({ model: azModel, messages: ask('hi') }))).status, 401);
});
const oa = clouds.openai;
const batchClients = {
  openai: [oa, new OpenAI({ baseURL: oa.regions[0].url + '/v1', apiKey: oa.credentials.bearer, maxRetries: 0 })],
  'azure v1': [az, new OpenAI({ baseURL: az.regions[0].url + '/openai/v1/', apiKey: az.credentials.api_key, maxRetries: 0 })],
};
for (const [name, [cloud, client]] of Object.entries(batchClients)) {
  await check(`${name}: a batch, from its file to its answers`, async () => {
    await control(cloud, 'POST', '/_sim/batch', { takes_ms: 200 });
    const url = '/v1/chat/completions';
    const text = ['hi', 'a long story'].map((t, n) => JSON.stringify({ custom_id: `n-${n}`, method: 'POST', url,
      body: { model: cloud.models[0], messages: ask(t) } }) + '\n').join('');
    const file = await client.files.create({ file: new File([text], 'in.jsonl'), purpose: 'batch' });
    let batch = await client.batches.create({ input_file_id: file.id, endpoint: url, completion_window: '24h' });
    assert.equal(batch.status, 'validating');
    for (let i = 0; i < 100 && batch.status !== 'completed'; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      batch = await client.batches.retrieve(batch.id);
    }
    assert.deepEqual({ ...batch.request_counts }, { total: 2, completed: 2, failed: 0 });
    const answers = (await (await client.files.content(batch.output_file_id)).text()).trim().split('\n').map(JSON.parse);
    assert.match(answers[1].response.body.choices[0].message.content, /had come\.$/);
    // An answer that is lost: the batch is there all the same, and is found by its metadata.
    await fault(cloud, { kind: 'cut_before_headers', path: 'batches' });
    const metadata = { key: `k-${name}` };
    await failure(client.batches.create({ input_file_id: file.id, endpoint: url, completion_window: '24h', metadata }));
    const found = [];
    for await (const one of client.batches.list()) if (one.metadata?.key === metadata.key) found.push(one);
    assert.equal(found.length, 1);
  });
}
finish();
