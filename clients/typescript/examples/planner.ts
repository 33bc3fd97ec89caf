// Decides for the agent {name: echo, planner: {url: "http://127.0.0.1:8090"}}: bring your own planner.
import { serve } from "../drover.ts";

const server = await serve(
  ({ messages, step }) => [
    { kind: "say", text: `You said: ${messages.at(-1)?.content}` },
    step < 2 ? { kind: "wait", for: "message" } : { kind: "end", result: "said it twice" },
  ],
  { port: Number(process.env.PORT ?? 8090) },
);
process.on("SIGTERM", () => server.close());
