// Drover's client: sessions (Drover), an HTTP planner (serve), a worker (work). No dependencies;
// Node 20 or newer. README.md shows each in ten lines; types.ts names what the contract says.

import { createServer, type Server } from "node:http";
import type {
  Approval, DataClass, Effect, Event, Item, Json, Message, NewSession, Plan, PlanRequest, Session, ToolItem,
} from "./types.ts";
export type * from "./types.ts";

/** An answer other than a good one. `code` is Drover's word for it, such as "superseded". */
export class DroverError extends Error {
  status: number;
  code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "DroverError";
    this.status = status;
    this.code = code;
  }
}

export interface Connection {
  /** Default: $DROVER_URL, or http://127.0.0.1:7070. */
  url?: string;
  /** Default: $DROVER_KEY. */
  key?: string;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** Ends early, without an error, when the signal is aborted. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/** Longer each time it fails in a row, up to a bound, and never all at once. */
function backoff(failures: number): number {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
  return most * (0.5 + Math.random() / 2);
}

/** What asking again may help against: no answer at all, too much, or not now; not damage. */
function passes(error: unknown): boolean {
  if (!(error instanceof DroverError)) return true;
  return error.code !== "data_loss" && (error.status === 429 || error.status >= 500);
}

/** Sessions over Drover's HTTP API. */
export class Drover {
  readonly url: string;
  readonly #key: string;

  constructor(connection: Connection = {}) {
    this.url = (connection.url ?? process.env.DROVER_URL ?? "http://127.0.0.1:7070").replace(/\/$/, "");
    this.#key = connection.key ?? process.env.DROVER_KEY ?? "";
  }

  /** Durable when it returns. */
  create(session: NewSession): Promise<Session> {
    return this.call("POST", "/v1/sessions", session);
  }
  get(id: string): Promise<Session> {
    return this.call("GET", `/v1/sessions/${encodeURIComponent(id)}`);
  }
  /** Says something to the agent; data that is stricter than the session's states its class. */
  message(id: string, content: string | Message["content"], data_class?: string | DataClass): Promise<{ sequence: number }> {
    return this.#post(id, "messages", { content, data_class });
  }
  /** Answers an approval; `wait_id` stands in its wait.started event. */
  approve(id: string, { wait_id, ...answer }: Approval): Promise<{ sequence: number }> {
    return this.#post(id, `approvals/${encodeURIComponent(wait_id)}`, answer);
  }
  /** Kept until the session waits for a signal of that name. */
  signal(id: string, name: string, payload: Json = null): Promise<{ sequence: number }> {
    return this.#post(id, `signals/${encodeURIComponent(name)}`, payload);
  }
  cancel(id: string, reason?: string): Promise<{ sequence: number }> {
    return this.#post(id, "cancel", { reason });
  }

  /**
   * The journal from behind `after` on, then live until the session has ended. A broken connection
   * is taken up again behind the last event, so none is missed and none comes twice.
   */
  async *events(id: string, options: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<Event> {
    let after = options.after ?? 0;
    for (let failures = 0; !options.signal?.aborted; ) {
      try {
        const answer = await this.#fetch("GET", `/v1/sessions/${encodeURIComponent(id)}/events`, undefined, options.signal, {
          accept: "text/event-stream", "last-event-id": String(after),
        });
        for await (const data of serverSentData(answer)) {
          const event = JSON.parse(data) as Event & { error?: { code?: string; message: string } };
          // The journal cannot be read on.
          if (event.error) throw new DroverError(500, event.error.code ?? "", event.error.message);
          after = event.sequence;
          failures = 0;
          yield event;
        }
        const now = await this.get(id);
        if (now.status === "ended" && after >= now.events) return;
      } catch (error) {
        if (options.signal?.aborted) return;
        if (!passes(error)) throw error;
      }
      await pause(backoff(failures++), options.signal);
    }
  }

  /** One call; throws DroverError unless it was answered with success. */
  async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const answer = await this.#fetch(method, path, body, signal);
    return (await answer.json()) as T;
  }

  #post(id: string, what: string, body: unknown): Promise<{ sequence: number }> {
    return this.call("POST", `/v1/sessions/${encodeURIComponent(id)}/${what}`, body);
  }

  async #fetch(method: string, path: string, body?: unknown, signal?: AbortSignal, headers: Record<string, string> = {}) {
    if (this.#key) headers.authorization = `Bearer ${this.#key}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await fetch(this.url + path, { method, headers, body: text, signal });
    if (answer.ok) return answer;
    const said = await answer.text();
    let error: { code?: string; message?: string } = {};
    try {
      error = JSON.parse(said).error ?? {};
    } catch {}
    throw new DroverError(answer.status, error.code ?? "", error.message ?? (said || answer.statusText));
  }
}

/** The data of each event of a server-sent stream. */
async function* serverSentData(answer: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      const data = event.split("\n").filter((line) => line.startsWith("data:"));
      if (data.length > 0) yield data.map((line) => line.replace(/^data: ?/, "")).join("\n");
    }
  }
}

/** What is the same for each try at an effect, and what is not. */
export interface Call {
  session: string;
  /** Hand it to whatever must not happen twice: it is the same over all attempts. */
  idempotencyKey: string;
  attempt: number;
  /** Aborted when the result would not count any more: the lease is lost, or the caller is gone. */
  signal: AbortSignal;
}

/** Decides what is next: effects, or a plan with an explanation. It must not act by itself. */
export type Planner = (request: PlanRequest, call: Call) => Answer<Effect | Effect[] | Plan>;
type Answer<T> = T | Promise<T>;

function planOf(answer: Effect | Effect[] | Plan): Plan {
  if (Array.isArray(answer)) return { effects: answer };
  return "effects" in answer ? answer : { effects: [answer] };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export interface ServeOptions {
  port?: number;
  host?: string;
  /** If set, callers must bring it as `authorization: Bearer …` (the agent's planner.headers). */
  secret?: string;
}

/**
 * An HTTP endpoint that answers the planner protocol: name its URL as the agent's planner. A planner
 * that throws is answered with 500, and Drover asks again. Close the server to end it.
 */
export function serve(planner: Planner, options: ServeOptions = {}): Promise<Server> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const refuse = (status: number, message: string) => answer(status, { error: { message } });
    if (options.secret && request.headers.authorization !== `Bearer ${options.secret}`) {
      return refuse(401, "not the planner's secret");
    }
    if (request.method !== "POST") return refuse(405, "a planner is asked by POST");
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    let asked: PlanRequest;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked = JSON.parse(Buffer.concat(chunks).toString()) as PlanRequest;
      if (typeof asked?.session !== "string") throw new Error("no session");
    } catch (error) {
      return refuse(400, `not a planner's request: ${messageOf(error)}`);
    }
    try {
      answer(200, planOf(await planner(asked, callOf(asked, gone.signal))));
    } catch (error) {
      refuse(500, messageOf(error));
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", () => resolve(server));
  });
}

function callOf(of: { session: string; idempotency_key: string; attempt: number }, signal: AbortSignal): Call {
  return { session: of.session, idempotencyKey: of.idempotency_key, attempt: of.attempt, signal };
}

/** Thrown by a tool or a planner: not now and not here; another attempt follows after a pause. */
export class GiveBack extends Error {}

/** What a tool returns to say more than its content. */
export class Reply {
  content: string;
  isError: boolean;
  /** What is next, recorded in the same commit: the planner is not asked. */
  plan?: Plan;
  /** Of what the content says; from then on the session has it too. */
  data_class?: string | DataClass;
  constructor(content: string, more: { isError?: boolean; data_class?: string | DataClass; plan?: Effect | Effect[] | Plan } = {}) {
    this.content = content;
    this.isError = more.isError ?? false;
    this.data_class = more.data_class;
    if (more.plan !== undefined) this.plan = planOf(more.plan);
  }
}

/**
 * Does something in the world. Text is the content as it is, anything else becomes JSON text. What it
 * throws becomes an error result that the agent is told (a GiveBack: another attempt instead).
 */
export type Tool = (args: any, call: Call) => Answer<Json | Reply | void>;

export interface WorkOptions {
  drover?: Drover;
  plan?: Planner;
  tools?: Record<string, Tool>;
  /** How many items at once. */
  concurrency?: number;
  /** Names this worker to people. */
  worker?: string;
  /** A lease holds this long without a heartbeat; heartbeats come three times as often. */
  leaseMs?: number;
  /** Told of each item whose result did not count, and of what goes wrong; default: console.error. */
  onProblem?: (problem: string) => void;
}

const POLL_MS = 20_000;

/** The result as it is; throws here, where the user's mistake is caught, if it cannot be JSON. */
function posted<T extends object>(result: T): T {
  JSON.stringify(result);
  return result;
}

/** Leases items of a queue and does them until stop(). */
export class Worker {
  /** Fulfilled after stop(); rejected when Drover refuses this worker (its key, its queue). */
  readonly done: Promise<void>;
  readonly #stopping = new AbortController();
  readonly #drover: Drover;
  readonly #queues: string[];
  readonly #options: WorkOptions;
  readonly #name: string;
  readonly #leaseMs: number;

  constructor(queue: string | string[], options: WorkOptions) {
    this.#queues = [queue].flat();
    this.#options = options;
    this.#drover = options.drover ?? new Drover();
    this.#name = options.worker ?? `node-${process.pid}`;
    this.#leaseMs = options.leaseMs ?? 30_000;
    const loops = Array.from({ length: options.concurrency ?? 1 }, () => this.#loop());
    this.done = Promise.all(loops).then(() => {}, (error) => {
      this.#stopping.abort();
      this.#problem(`the worker ends: ${messageOf(error)}`);
      throw error;
    });
    this.done.catch(() => {});  // told above; nobody has to await it
  }

  /** Takes nothing new, finishes what is in hand, then returns. */
  stop(): Promise<void> {
    this.#stopping.abort();
    return this.done;
  }

  async #loop(): Promise<void> {
    const stopping = this.#stopping.signal;
    for (let failures = 0; !stopping.aborted; ) {
      try {
        let item: Item | null | undefined = await this.#lease();
        while (item) item = await this.#run(item);
        // What was given back would come straight back: not at once.
        failures = item === undefined ? failures + 1 : 0;
        if (failures > 0) await pause(backoff(failures), stopping);
      } catch (error) {
        if (stopping.aborted) return;
        if (!passes(error)) throw error;
        this.#problem(`Drover does not answer: ${messageOf(error)}`);
        await pause(backoff(failures++), stopping);
      }
    }
  }

  async #lease(): Promise<Item | null> {
    const { items } = await this.#drover.call<{ items: Item[] }>("POST", "/v1/work/lease", {
      queues: this.#queues, worker: this.#name, wait_ms: POLL_MS, max: 1, lease_ms: this.#leaseMs,
    }, this.#stopping.signal);
    return items[0] ?? null;
  }

  /** Does an item with heartbeats beside it; returns the session's next one, undefined if it was given back. */
  async #run(item: Item): Promise<Item | null | undefined> {
    const lost = new AbortController();
    const beat = setInterval(async () => {
      try {
        await this.#drover.call("POST", this.#path(item, "heartbeat"), { lease_ms: this.#leaseMs });
      } catch (error) {
        if (!passes(error)) lost.abort();  // 410: it is another's by now
      }
    }, this.#leaseMs / 3);
    try {
      const result = await this.#do(item, lost.signal);
      return await this.#post(item, result, lost.signal.aborted);
    } finally {
      clearInterval(beat);
    }
  }

  async #do(item: Item, signal: AbortSignal): Promise<object> {
    const call = callOf(item, signal);
    try {
      if (item.kind === "plan") {
        if (!this.#options.plan) throw new GiveBack("this worker has no planner");
        return posted({ plan: planOf(await this.#options.plan(item, call)) });
      }
      const reply = await this.#use(item, call);
      return posted({ content: reply.content, is_error: reply.isError, data_class: reply.data_class, plan: reply.plan });
    } catch (error) {
      return { error: { message: messageOf(error) } };
    }
  }

  async #use(item: ToolItem, call: Call): Promise<Reply> {
    const tool = this.#options.tools?.[item.name];
    if (!tool) throw new GiveBack(`this worker has no tool '${item.name}'`);
    try {
      const args = typeof item.arguments === "string" ? JSON.parse(item.arguments || "{}") : item.arguments;
      const value = await tool(args, call);
      if (value instanceof Reply) return value;
      return new Reply(typeof value === "string" ? value : JSON.stringify(value ?? null));
    } catch (error) {
      if (error instanceof GiveBack) throw error;
      return new Reply(messageOf(error), { isError: true });
    }
  }

  /** Durable when it returns. A result that does not count any more is told once: it is recorded. */
  async #post(item: Item, result: object, lost: boolean): Promise<Item | null | undefined> {
    if (lost && "error" in result) {
      this.#problem(`${item.idempotency_key}: the lease of attempt ${item.attempt} was lost`);
      return null;  // there is nothing to give back
    }
    const next = !lost && !this.#stopping.signal.aborted;
    const until = Date.now() + (lost ? -1 : this.#leaseMs);
    for (let failures = 0; ; failures++) {
      try {
        const body = { ...result, next, worker: this.#name, lease_ms: this.#leaseMs };
        const answer = await this.#drover.call<{ next: Item | null }>("POST", this.#path(item, "result"), body);
        return "error" in result ? undefined : (answer.next ?? null);
      } catch (error) {
        // 409 superseded, 410 lost: another attempt is the current one. A result that Drover calls
        // wrong (400) is given back with its words, so that somebody reads them in the journal.
        if (error instanceof DroverError && error.status === 400 && !("error" in result) && !lost) {
          result = { error: { message: error.message } };
        } else if (!passes(error) || Date.now() > until) {
          this.#problem(`${item.idempotency_key}: the result of attempt ${item.attempt} did not count: ${messageOf(error)}`);
          return null;
        }
        await pause(backoff(failures));
      }
    }
  }

  #path(item: Item, what: string): string {
    return `/v1/work/${encodeURIComponent(item.lease)}/${what}`;
  }
  #problem(problem: string): void {
    (this.#options.onProblem ?? console.error)(problem);
  }
}

/** Starts a worker. Its Drover must be reached by $DROVER_URL and $DROVER_KEY, or be given. */
export function work(queue: string | string[], options: WorkOptions): Worker {
  return new Worker(queue, options);
}
