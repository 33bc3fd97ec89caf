// A tool server made with the official SDK, version 1: the handshake revisions.
//   node v1-server.mjs                 over standard streams
//   node v1-server.mjs http [json]     streamable HTTP with sessions; prints its URL. With `json` it
//                                      answers with JSON instead of streams
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { addTools } from './tools.mjs';

function makeServer() {
  const server = new McpServer({ name: 'v1', version: '1' }, { capabilities: { logging: {} } });
  addTools(server, {
    meta: (call) => call._meta,
    grow: (register, to) => register(to), // which tells by itself
    log: (call, data) => call.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
    progress: (call, progress) =>
      call.sendNotification({
        method: 'notifications/progress',
        params: { progressToken: call._meta?.progressToken ?? 'none', progress },
      }),
  });
  return server;
}

if (process.argv[2] !== 'http') {
  await makeServer().connect(new StdioServerTransport());
} else {
  const sessions = new Map();
  const http = createServer(async (req, res) => {
    const id = req.headers['mcp-session-id'];
    let transport = sessions.get(id);
    if (id && !transport) {
      res.writeHead(404, { 'content-type': 'application/json' });
      return res.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }));
    }
    if (!transport) {
      transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        enableJsonResponse: process.argv[3] === 'json',
        onsessioninitialized: (sid) => sessions.set(sid, transport),
        onsessionclosed: (sid) => sessions.delete(sid),
      });
      await makeServer().connect(transport);
    }
    await transport.handleRequest(req, res);
  });
  http.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${http.address().port}/mcp`));
}
