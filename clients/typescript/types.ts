// What Drover's contract says, as types (contract/README.md and contract/openapi.yaml have the
// meaning). Everything may carry members that are not named here: new ones are only ever added.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** OpenAI's form of a chat message. */
export interface Message {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content?: string | { type: string; text?: string; [name: string]: unknown }[] | null;
  tool_calls?: { id?: string; type?: string; function: { name: string; arguments?: string } }[];
  tool_call_id?: string;
}

export type EventKind =
  | "session.started" | "session.ended" | "observation" | "plan.requested" | "plan"
  | "model.call" | "model.result" | "tool.call" | "tool.result" | "memory.read" | "memory.write"
  | "child.spawned" | "child.ended" | "wait.started" | "wait.resolved" | "signal"
  | "budget.reserved" | "budget.settled" | "budget.exceeded" | "budget.extension_requested"
  | "budget.extension_decided" | "placement.decided" | "failover" | "downgrade" | "reward"
  | "agent.changed" | "purge";

/** An entry of a session's journal. */
export interface Event {
  id: string;
  session: string;
  /** From 1, without a gap. */
  sequence: number;
  time: string;
  kind: EventKind | (string & {});
  /** Sequence of the event that caused this one; results name their intent by it. */
  causation?: number;
  /** Which try at an effect, from 1. */
  attempt?: number;
  actor: { type: string; id?: string };
  payload?: { [name: string]: Json };
}

/** `budget`: what the child may use of its tree's; it pauses when it is exceeded. */
export type Task = { agent?: string; message: string; budget?: { tokens?: number; time_s?: number } };

/** A kind of evidence, or that and how old it may be. */
export type Attested = string | { kind: string; max_age?: string };

/** What a step needs of the endpoint that serves it; one of which it is not known is not used. */
export type Needs = {
  vision?: boolean;
  context_tokens?: number;
  hardware?: string | string[];
  attested?: Attested | Attested[];
};

/** What a planner may ask for. Several effects of one plan run side by side where they can. */
export type Effect =
  | { kind: "model_call"; models?: string[]; output_tokens?: number; needs?: Needs }
  | { kind: "tool_call"; name: string; arguments: { [name: string]: Json } | string; id?: string }
  | { kind: "say"; text: string }
  | { kind: "wait"; for: "message" | "timer" | "signal" | "approval"; seconds?: number; until?: string; name?: string; question?: string }
  | { kind: "spawn"; tasks: Task[]; wait: "all" | "any" | number }
  | { kind: "request_extension"; reason_code: string; explanation: string; expected_gain: string; tokens?: number; time_s?: number }
  | { kind: "end"; reason?: string; result?: string };

export type Plan = { effects: Effect[]; explanation?: string };

/** What a planner is asked: the state of a session, and what happened since it was asked last. */
export interface PlanRequest {
  session: string;
  agent: { name: string; version: string };
  /** From 1. */
  step: number;
  attempt: number;
  /** The same over all attempts at this question. */
  idempotency_key: string;
  messages: Message[];
  events: Event[];
  waits: { [name: string]: Json }[];
  children: { [name: string]: Json }[];
  budget: { step?: { [name: string]: Json }; subtask?: { tokens?: number; time_s?: number }; tree?: { [name: string]: Json } };
}

interface Leased {
  /** Id of the lease: where its heartbeats and its result go. */
  lease: string;
  session: string;
  /** (sequence, attempt) is the fence: only the current attempt's result counts. */
  sequence: number;
  attempt: number;
  /** The same over all attempts at this effect: hand it on to whatever must not happen twice. */
  idempotency_key: string;
  /** Until when the lease holds without a heartbeat. */
  expires: string;
}
export type PlanItem = Leased & PlanRequest & { kind: "plan" };
/** `arguments` as the planner or the model gave them: an object, or JSON text. */
export type ToolItem = Leased & { kind: "tool_call"; name: string; arguments: Json };
export type Item = PlanItem | ToolItem;

export interface Failure {
  of: "model" | "planner";
  /** The event that says it. */
  sequence: number;
  /** Where `retry` is "never", another attempt would fail alike. */
  error: { code?: string; reason?: string; message?: string; retry?: string };
}

export interface Session {
  id: string;
  agent: string;
  agent_version?: string;
  status: "new" | "running" | "waiting" | "ended";
  end_reason?: string;
  waiting_for?: string;
  created: string;
  updated: string;
  /** How many its journal has. */
  events: number;
  labels?: { [name: string]: string };
  /** When read one by one, as all that follows. */
  data_class?: string;
  /** Until when the data's retention lets it stay. */
  kept_until?: string;
  /** Why the last attempt of what it waits for failed. */
  failure?: Failure;
  messages?: Message[];
  steps?: number;
  cost_usd?: string;
}

/** What the data is; what is not said is not restricted. As text: "residency=de;retention=none". */
export interface DataClass {
  /** Names of classes that the operator defines. */
  class?: string | string[];
  /** Zones, any of which will do. */
  residency?: string | string[];
  sensitivity?: "public" | "internal" | "confidential" | "restricted";
  purpose?: string | string[];
  usage?: UsageLimit | UsageLimit[];
  /** "none", "session", a time such as "24h", or "unlimited". */
  retention?: string;
}
export type UsageLimit = "no-training" | "no-review" | "no-cache";

export interface NewSession {
  /** Name of an agent that Drover knows, or a whole description. */
  agent: string | { name: string; [name: string]: Json };
  message?: string | Message;
  labels?: { [name: string]: string };
  /** Joined with what its agent states: it may say more, never less. */
  data_class?: string | DataClass;
  /** The first plan, as if the planner had been asked. */
  plan?: Plan;
}

/** A person's answer to an approval; `arguments` only with "edit". */
export interface Approval {
  wait_id: string;
  decision: "approve" | "deny" | "edit";
  arguments?: { [name: string]: Json };
  explanation?: string;
}
