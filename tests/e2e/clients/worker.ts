// Works for two agents: `slow` calls a tool that waits for a file; `patient` waits for a person, then
// for a signal, and ends with its payload.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { GiveBack, Reply, work, type Effect, type PlanRequest } from "../../../clients/typescript/drover.ts";

const [queue, go, name] = process.argv.slice(2);

function patient({ step, events }: PlanRequest): Effect[] {
  if (step === 1) return [{ kind: "wait", for: "approval", question: "May I?" }];
  const resolved = events.findLast((event) => event.kind === "wait.resolved")?.payload;
  if (step === 2) return [{ kind: "say", text: String(resolved?.outcome) }, { kind: "wait", for: "signal", name: "go" }];
  return [{ kind: "end", result: JSON.stringify(resolved?.payload) }];
}

function slow({ messages }: PlanRequest): Effect[] {
  if (messages.at(-1)?.role === "tool") return [{ kind: "end", result: String(messages.at(-1)?.content) }];
  return [{ kind: "tool_call", name: "slow", arguments: { n: 7 } }];
}

let refusals = 1;
const worker = work(queue, {
  plan: (request) => (request.agent.name === "patient" ? patient(request) : slow(request)),
  tools: {
    slow: async ({ n }, call) => {
      console.log(`begins ${call.idempotencyKey} attempt ${call.attempt}`);
      for (let i = 0; i < 400 && !existsSync(go) && !call.signal.aborted; i++) await sleep(50);
      console.log(`ends attempt ${call.attempt}${call.signal.aborted ? ", lost" : ""}`);
      return `${name}:${n}`;
    },
    moody: () => {
      if (refusals-- > 0) throw new GiveBack("not yet");
      return new Reply("now", { plan: { kind: "end", result: "in one commit" } });
    },
  },
  worker: name,
  leaseMs: 1500,
  onProblem: (problem) => console.log(`problem: ${problem}`),
});
process.on("SIGTERM", async () => {
  console.log("stopping");
  await worker.stop();
  console.log("stopped");
});
