// Decides and acts for the agent {name: shop, planner: {queue: shop}}: bring your own loop.
import { work } from "../drover.ts";

const worker = work("shop", {
  plan: ({ messages }) => {
    const last = messages.at(-1);
    if (last?.role === "user") return { kind: "tool_call", name: "find_order", arguments: { id: "A-17" } };
    return [{ kind: "say", text: `Your order is ${last?.content}.` }, { kind: "end" }];
  },
  tools: {
    find_order: ({ id }, call) => (console.log(`${id}: ${call.idempotencyKey}, attempt ${call.attempt}`), "on its way"),
  },
});
process.on("SIGTERM", () => worker.stop());
