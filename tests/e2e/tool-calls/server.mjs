// An MCP server made with the official SDK, behind express and express-rate-limit: 10 tool calls in
// 2 seconds. It counts what reaches it (GET /counts); calls of `held` are answered when the test
// says so (POST /release).
import { randomUUID } from 'node:crypto';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as z from 'zod';

const counts = { posts: 0, refused: 0, ran: {}, arguments: {}, meta: {} };
let waiting = [];

const text = (value) => ({ content: [{ type: 'text', text: value }] });

function makeServer() {
  const server = new McpServer({ name: 'counting', version: '1' });
  const add = (name, facts, run) =>
    server.registerTool(name, facts, async (args, call) => {
      counts.ran[name] = (counts.ran[name] ?? 0) + 1;
      (counts.arguments[name] ??= []).push(args);
      (counts.meta[name] ??= []).push(call._meta);
      return run(args);
    });
  add('count', { description: 'Counts', inputSchema: { n: z.number() } }, async ({ n }) => text(`n ${n}`));
  const reads = { annotations: { readOnlyHint: true } };
  add('held', { description: 'Waits', inputSchema: { id: z.number() }, ...reads }, async ({ id }) => {
    await new Promise((done) => waiting.push(done));
    return text(`held ${id}`);
  });
  const lookup = { key: z.string(), lang: z.string().optional() };
  add('lookup', { description: 'Looks up', inputSchema: lookup, ...reads }, async ({ key }) => text(`single ${key}`));
  const many = { keys: z.array(z.string()), lang: z.string().optional() };
  add('lookup_many', { description: 'Looks many up', inputSchema: many, ...reads }, async ({ keys, lang }) => {
    const results = keys.map((key) => (key === 'bad' ? { error: 'no such key' } : `${lang} ${key}`));
    if (keys.includes('odd')) results.push('one too many');
    return { ...text('see the structured content'), structuredContent: { results } };
  });
  return server;
}

const limiter = rateLimit({
  windowMs: 2000,
  limit: 10,
  standardHeaders: 'draft-8',
  legacyHeaders: false,
  skip: (req) => req.body?.method !== 'tools/call',
  handler: (req, res, next, options) => {
    counts.refused++;
    res.status(options.statusCode).send(options.message);
  },
});

const app = express();
app.use(express.json());
app.get('/counts', (req, res) => res.json({ ...counts, waiting: waiting.length }));
app.post('/release', (req, res) => {
  waiting.forEach((done) => done());
  waiting = [];
  res.json({});
});
const sessions = new Map();
app.all('/mcp', limiter, async (req, res) => {
  counts.posts += req.body?.method === 'tools/call';
  const id = req.headers['mcp-session-id'];
  let transport = sessions.get(id);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (sid) => sessions.set(sid, transport),
    });
    await makeServer().connect(transport);
  }
  await transport.handleRequest(req, res, req.body);
});
const http = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}`));
