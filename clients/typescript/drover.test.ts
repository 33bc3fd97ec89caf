// The client against a stand-in for Drover that says what a test tells it to: node --test.
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { Drover, DroverError, GiveBack, Reply, serve, work, type Item } from "./drover.ts";

type Asked = { path: string; body: any; headers: IncomingMessage["headers"] };
type Says = (asked: Asked, response: ServerResponse) => [number, unknown] | void;

const open: Server[] = [];
afterEach(() => open.splice(0).forEach((server) => (server.closeAllConnections(), server.close())));
const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A server that answers each request by `says`, and the list of what it was asked. */
async function standIn(says: Says): Promise<{ drover: Drover; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const one = { path: request.url!, body: text && JSON.parse(text), headers: request.headers };
    asked.push(one);
    const answer = says(one, response);
    if (answer) response.writeHead(answer[0]).end(JSON.stringify(answer[1]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(server);
  return { drover: new Drover({ url: urlOf(server), key: "k" }), asked };
}

const item = (more: object): Item => ({
  lease: "ses_1.4.1", session: "ses_1", sequence: 4, attempt: 1, idempotency_key: "ses_1/4", expires: "",
  kind: "tool_call", name: "add", arguments: { a: 1, b: 2 }, ...more,
} as Item);

/** Hands out each item once; results are answered by `posted`. */
async function queue(items: Item[], posted: (body: any) => [number, unknown], beat: [number, unknown] = [200, {}]) {
  const said = await standIn(({ path, body }, response) => {
    if (path.endsWith("/heartbeat")) return beat;
    if (path.endsWith("/result")) return posted(body);
    const next = items.shift();
    if (next) return [200, { items: [next] }];
    setTimeout(() => response.end(JSON.stringify({ items: [] })), 20);
  });
  return { ...said, results: () => said.asked.filter((a) => a.path.endsWith("/result")) };
}
const accepted: [number, unknown] = [200, { accepted: true, sequence: 5, next: null }];
async function until(what: () => boolean) {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(what(), "it did not happen in five seconds");
}

test("a worker runs what it leases, is told key and attempt, and goes on with what is next", async () => {
  const calls: unknown[] = [];
  const second = item({ lease: "ses_1.6.2", attempt: 2, arguments: '{"a":3,"b":4}' });
  const q = await queue([item({})], () => (q.results().length === 1 ? [200, { accepted: true, next: second }] : accepted));
  const worker = work("sums", {
    drover: q.drover,
    tools: { add: ({ a, b }, { idempotencyKey, attempt }) => (calls.push([idempotencyKey, attempt]), a + b) },
  });
  await until(() => q.results().length === 2);
  await worker.stop();
  assert.deepEqual(calls, [["ses_1/4", 1], ["ses_1/4", 2]]);
  assert.deepEqual(q.results().map((r) => [r.path, r.body.content, r.body.next]), [
    ["/v1/work/ses_1.4.1/result", "3", true], ["/v1/work/ses_1.6.2/result", "7", true]]);
  assert.equal(q.asked[0].headers.authorization, "Bearer k");
});

test("what a tool throws is told to the agent; what it gives back is another attempt", async () => {
  const items = ["broken", "later", "unknown", "reply"].map((name) => item({ name }));
  const q = await queue(items, () => accepted);
  const worker = work("q", { drover: q.drover, tools: {
    broken: () => { throw new Error("no stock"); },
    later: () => { throw new GiveBack("closed until nine"); },
    reply: () => new Reply("done", { plan: { kind: "end" }, data_class: "retention=none" }),
  } });
  await until(() => q.results().length === 4);
  await worker.stop();
  const [broken, later, unknown, reply] = q.results().map((r) => r.body);
  assert.deepEqual([broken.content, broken.is_error], ["no stock", true]);
  assert.equal(later.error.message, "closed until nine");
  assert.match(unknown.error.message, /no tool 'unknown'/);
  assert.deepEqual([reply.plan, reply.data_class], [{ effects: [{ kind: "end" }] }, "retention=none"]);
});

test("a superseded result is dropped, and the worker goes on", async () => {
  const problems: string[] = [];
  const q = await queue([item({}), item({ lease: "ses_2.4.1" })], () =>
    q.results().length === 1 ? [409, { error: { code: "superseded", message: "attempt 2 is current" } }] : accepted);
  const worker = work("q", { drover: q.drover, tools: { add: () => 1 }, onProblem: (p) => problems.push(p) });
  await until(() => q.results().length === 2);
  await worker.stop();
  assert.match(problems.join(), /attempt 1 did not count: attempt 2 is current/);
});

test("a lost lease aborts the call, and its result is posted once for the record", async () => {
  const lost = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener("abort", resolve));
  const answers: [number, { error: { message: string } }][] = [
    [409, { error: { message: "attempt 2 is current" } }], [503, { error: { message: "starting" } }],
    [400, { error: { message: "not so" } }]];
  for (const answer of answers) {
    const problems: string[] = [];
    const items = [item({}), item({ name: "later" })];
    const q = await queue(items, () => answer, [410, { error: { message: "lost" } }]);
    const worker = work("q", { drover: q.drover, leaseMs: 60, onProblem: (p) => problems.push(p), tools: {
      add: async (_, { signal }) => (await lost(signal), 3),
      later: async (_, { signal }) => { await lost(signal); throw new GiveBack("never mind"); },
    } });
    await until(() => problems.length === 2);
    await worker.stop();
    assert.deepEqual(q.results().map((r) => [r.body.content, r.body.next]), [["3", false]]);
    assert.ok(problems[0].includes(`attempt 1 did not count: ${answer[1].error.message}`), problems[0]);
    assert.match(problems[1], /attempt 1 was lost/);
  }
});

test("stop finishes what is in hand and asks for nothing more", async () => {
  let finish = (_: number) => {};
  const q = await queue([item({})], () => accepted);
  const worker = work("q", { drover: q.drover, leaseMs: 90, tools: { add: () => new Promise<number>((r) => (finish = r)) } });
  await until(() => q.asked.some((a) => a.path.endsWith("/heartbeat")));
  const stopped = worker.stop();
  finish(9);
  await stopped;
  assert.deepEqual(q.results().map((r) => [r.body.content, r.body.next]), [["9", false]]);
});

test("a worker that Drover refuses says so", async () => {
  const { drover } = await standIn(() => [403, { error: { code: "permission_denied", message: "not with this key" } }]);
  await assert.rejects(work("q", { drover, onProblem: () => {} }).done, (e: DroverError) => e.status === 403);
});

test("a result is posted again when the server was away", async () => {
  const q = await queue([item({})], () => (q.results().length < 3 ? [503, { error: { message: "starting" } }] : accepted));
  const worker = work("q", { drover: q.drover, tools: { add: () => 1 } });
  await until(() => q.results().length === 3);
  await worker.stop();
});

test("events are taken up behind the last one when the connection breaks", async () => {
  const event = (n: number) => `id: ${n}\nevent: x\ndata: ${JSON.stringify({ sequence: n, kind: "x" })}\n\n`;
  const { drover, asked } = await standIn(({ path, headers }, response) => {
    if (!path.endsWith("/events")) return [200, { status: "ended", events: 4 }];
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (headers["last-event-id"] === "0") response.write(`: hi\n\n${event(1)}${event(2)}`, () => response.destroy());
    else response.end(event(3).slice(0, 9) + event(3).slice(9) + event(4));
  });
  const seen: number[] = [];
  for await (const { sequence } of drover.events("ses_1")) seen.push(sequence);
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.deepEqual(asked.filter((a) => a.path.endsWith("events")).map((a) => a.headers["last-event-id"]), ["0", "2"]);
});

test("a damaged journal is an error and not an end", async () => {
  const { drover, asked } = await standIn((_asked, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end('id: 1\nevent: x\ndata: {"sequence":1,"kind":"x"}\n\n' +
      'event: error\ndata: {"error":{"message":"at byte 9","code":"data_loss"}}\n\n');
  });
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const { sequence } of drover.events("ses_1")) seen.push(sequence);
  }, { code: "data_loss", message: "at byte 9" });
  assert.deepEqual(seen, [1]);
  assert.equal(asked.length, 1);
});

test("the class of data is stated where it comes in", async () => {
  const { drover, asked } = await standIn(() => [200, { id: "ses_1" }]);
  const data_class = { residency: ["de", "fr"], retention: "none" };
  await drover.create({ agent: "ward", message: "hello", data_class });
  await drover.message("ses_1", "more", "sensitivity=confidential");
  await drover.message("ses_1", "less");
  assert.deepEqual(asked.map(({ body }) => body), [
    { agent: "ward", message: "hello", data_class },
    { content: "more", data_class: "sensitivity=confidential" },
    { content: "less" }]);
});

test("serve answers with effects, refuses nonsense, and says what a planner throws", async () => {
  const server = await serve(({ step }) => {
    if (step === 2) throw new Error("cannot decide");
    return { kind: "say", text: `step ${step}` };
  }, { secret: "s" });
  open.push(server);
  const ask = async (body: string, secret = "s") => {
    const answer = await fetch(urlOf(server), { method: "POST", body, headers: { authorization: `Bearer ${secret}` } });
    return [answer.status, await answer.json()];
  };
  assert.deepEqual(await ask('{"session":"ses_1","step":1}'), [200, { effects: [{ kind: "say", text: "step 1" }] }]);
  assert.deepEqual(await ask('{"session":"ses_1","step":2}'), [500, { error: { message: "cannot decide" } }]);
  assert.equal((await ask("{"))[0], 400);
  assert.equal((await ask("{}", "other"))[0], 401);
});
