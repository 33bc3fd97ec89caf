// The three-step workflow on Restate's TypeScript SDK: each step's result is journalled by ctx.run
// before the next begins. A plain service, its lightest kind.
import { randomBytes } from "node:crypto";
import * as restate from "@restatedev/restate-sdk";

const RESULT_BYTES = 240;
// Results that do not compress, as the other systems get.
const results = Array.from({ length: 1024 }, () =>
  randomBytes((RESULT_BYTES * 3) / 4).toString("base64url"));
let at = 0;
const result = () => results[at++ % results.length];

const bench = restate.service({
  name: "bench",
  handlers: {
    three: async (ctx) => {
      const one = await ctx.run("step-1", result);
      const two = await ctx.run("step-2", result);
      const three = await ctx.run("step-3", result);
      return one.length + two.length + three.length;
    },
  },
});

const port = await restate.serve({ services: [bench], port: Number(process.argv[2]) });
console.log(`listens on ${port}`);
