// A tool server made with the official SDK, version 2: the stateless revision 2026-07-28, and no
// other, so that a client which falls back to a handshake is found out.
//   node v2-server.mjs          over standard streams
//   node v2-server.mjs http     streamable HTTP; prints its URL
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import * as z from 'zod';
import { addTools } from './tools.mjs';

// Over HTTP each request has a server of its own: what they share is here.
let handler;
let grown = false;

function makeServer() {
  const server = new McpServer({ name: 'v2', version: '1' }, { capabilities: { logging: {} } });
  addTools(server, {
    meta: (call) => call.mcpReq._meta,
    has_grown: () => grown,
    grow: (register, to) => {
      if (!handler) return register(to); // which tells by itself
      grown = true;
      handler.notify.toolsChanged();
    },
    log: (call, data) => call.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } }),
    progress: (call, progress) =>
      call.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: call.mcpReq._meta?.progressToken ?? 'none', progress },
      }),
  });
  server.registerTool(
    'routed',
    {
      description: 'An argument that travels as a header too',
      inputSchema: z.object({ tenant: z.string().meta({ 'x-mcp-header': 'Tenant' }), n: z.number().optional() }),
    },
    async ({ tenant }) => ({ content: [{ type: 'text', text: `for ${tenant}` }] }),
  );
  return server;
}

if (process.argv[2] !== 'http') {
  serveStdio(makeServer, { legacy: 'reject' });
} else {
  handler = createMcpHandler(makeServer, { legacy: 'reject', onerror: (e) => console.error(e) });
  const http = createServer(async (req, res) => {
    const body = req.method === 'POST' ? Readable.toWeb(req) : undefined;
    const request = new Request(`http://${req.headers.host}${req.url}`, {
      method: req.method,
      headers: req.headers,
      body,
      duplex: 'half',
    });
    const response = await handler.fetch(request);
    res.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body) Readable.fromWeb(response.body).pipe(res);
    else res.end();
  });
  http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
}
