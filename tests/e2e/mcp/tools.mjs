// The tools that both servers of this suite offer. `context` differs between the two SDKs: each
// server hands in how it logs and reports progress.
import { appendFileSync } from 'node:fs';
import * as z from 'zod';

const journal = process.env.CALLS_FILE;

export const BYTES = 'two  spaces\ttab\r\n"quotes" \\ back, ünï, 日本, 🦊, \u2028, end\n';

/**
 * Registers them; `extra.progress(call, n)` and `extra.log(call, text)` speak beside the answer;
 * `extra.grow(register)` makes `register` add a tool to the running server and tells of it.
 */
export function addTools(server, extra) {
  const add = (name, description, inputSchema, run) =>
    server.registerTool(name, { description, inputSchema }, async (args, call) => {
      if (journal) appendFileSync(journal, JSON.stringify({ name, args, meta: extra.meta(call) }) + '\n');
      return run(args, call);
    });
  const text = (value) => ({ content: [{ type: 'text', text: value }] });

  add('echo', 'Says the text again', z.object({ text: z.string() }), async ({ text: t }) => text(t));
  add('bytes', 'Text that is easily spoilt', z.object({}), async () => text(BYTES));
  add('empty', 'An empty text', z.object({}), async () => text(''));
  add('add', 'Adds two numbers', z.object({ a: z.number(), b: z.number() }), async ({ a, b }) => text(String(a + b)));
  add('broken', 'Reports an error', z.object({}), async () => ({ ...text('no such order'), isError: true }));
  add('throws', 'Throws', z.object({}), async () => {
    throw new Error('the tool threw');
  });
  add('slow', 'Answers after a while', z.object({ ms: z.number(), text: z.string() }), async ({ ms, text: t }) => {
    await new Promise((done) => setTimeout(done, ms));
    return text(t);
  });
  add('talks', 'Speaks of its progress first', z.object({}), async (_, call) => {
    for (let n = 1; n <= 3; n++) {
      await extra.progress(call, n);
      await extra.log(call, `step ${n}`);
    }
    return text('done talking');
  });
  add('large', 'So many characters', z.object({ n: z.number() }), async ({ n }) => text('é'.repeat(n)));
  add('picture', 'A picture and a line', z.object({}), async () => ({
    content: [
      { type: 'text', text: 'look:' },
      { type: 'image', data: 'AAAA', mimeType: 'image/png' },
    ],
  }));
  add('größe', 'A name that is not ASCII', z.object({}), async () => text('groß'));
  add('dies', 'Ends its server, the first time', z.object({}), async (_, call) => {
    const meta = extra.meta(call) ?? {};
    if (meta['drover/attempt'] === 1) process.exit(7);
    return text(`attempt ${meta['drover/attempt']} of ${meta['drover/idempotency_key'] ? 'a key' : 'none'}`);
  });
  const grown = (to) => to.registerTool('grown', { description: 'Came later' }, async () => text('from the new tool'));
  add('grow', 'Adds a tool to its server', z.object({}), async () => {
    await extra.grow(grown, server);
    return text('one more tool');
  });
  if (extra.has_grown?.()) grown(server);
}
