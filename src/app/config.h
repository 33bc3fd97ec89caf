#pragma once
// drover.yaml as a checked value. Reading it never stops at the first fault: every fault is
// reported with its line and its remedy (`drover config check`).
//
//   data: ./drover-data            # journal, memory, traces
//   listen: 127.0.0.1:7070
//   tls: {cert: server.pem, key: server.key}
//   behind_tls_proxy: false        # beyond loopback without `tls`
//   low_latency: true              # processors stay awake while requests come (net/awake.h)
//   log: {level: info, format: text}
//   deadlines: {connect: 5s, headers: 60s, first_token: 60s, between_tokens: 30s, total: 10m}
//   retries: {attempts: 6, ratio: 0.2, per_second: 1, burst: 10}
//   hedging: {after: 2s}           # default: none
//   classes: {calls: 500, …}       # fast and slow work, who waits: app/config_classes.h
//   endpoints:
//     - id: aws-frankfurt
//       provider: aws-bedrock      # aws-bedrock, azure-openai, openai, coreweave, vllm, …
//       model: claude-sonnet       # what callers say
//       upstream_model: eu.anthropic.claude-sonnet-4-20250514-v1:0
//       region: eu-central-1
//       credentials: aws:default   # or env:NAME, file:PATH, aws:profile=NAME; a list: accounts
//       deadlines: {first_token: 20s}   # of its own
//       price_per_million: {input: 3, output: 15, cache_read: 0.3}   # US dollars
//       attestation: {kind: aws-nitro, …}          # app/config_attestation.h
//   tools:
//     - name: orders
//       command: [/usr/bin/orders-mcp, --stdio]
//       environment: {ORDERS_KEY: env:ORDERS_KEY}
//     - name: search
//       url: https://tools.example.com/mcp
//       headers: {authorization: env:SEARCH_TOKEN}
//     - name: billing
//       http: https://billing.example.com/api      # plain HTTP, no MCP
//       tools:
//         - name: refund           # POST https://billing.example.com/api/orders/7/refund
//           description: Gives money back
//           path: /orders/{order}/refund           # default: /NAME
//           parameters: {type: object, required: [order], properties: {order: {type: integer}}}
//       read_only: [find]          # may share one call; default: the server's word, GET
//       idempotent: [refund]       # may be repeated; default: the server's word, GET, PUT, DELETE
//       batch:                     # calls that go together (docs/tools.md)
//         find: {tool: find_many, items: orders, item: order, results: results, max: 50,
//                window_ms: 5}
//   agents: [agents/support.yaml]  # files, or descriptions in place
//   prices: [our-contract.yaml]    # before the built-in table (catalog/prices.yaml)
//   budgets:                       # what may be used, by whom, in which window (docs/money.md)
//     - {name: house, money: 500, per: month}
//     - {name: bots, key: "*", tokens: 100000, requests: 60, per: minute}   # each key by itself
//   here, catalog, placement, policy, and facts of endpoints and tools: app/config_policy.h
//   stores: where sessions' scratch data may lie: app/config_stores.h
//
// Secrets are references only; a literal one is a fault. Values, no shared state.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/attestation.h"
#include "base/log.h"
#include "base/yaml.h"
#include "catalog/endpoint.h"
#include "catalog/places.h"
#include "road/budget.h"
#include "road/guard.h"
#include "road/opa.h"
#include "road/road.h"
#include "session/agent.h"
#include "session/http_planner.h"
#include "tools/tool_set.h"

namespace drover::app {

struct ConfigFault {
  std::string file;
  int line = 0;                   // 0: the file as a whole; then the message names it
  std::string message;            // what is wrong
  std::string remedy;             // what to write instead; may be empty
  std::string to_string() const;  // "drover.yaml:12: … (write …)"
};

struct Config {
  std::string file;  // empty: defaults, no file
  std::string data = "drover-data";
  std::string listen_host = "127.0.0.1";
  uint16_t listen_port = 7070;
  std::string tls_cert;
  std::string tls_key;
  bool behind_tls_proxy = false;
  bool low_latency = false;  // net/awake.h; from the start on only
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  std::vector<catalog::Endpoint> endpoints;
  /// Those of them that must prove what they run (app/config_attestation.h).
  std::vector<AttestedEndpoint> attested;
  road::Settings road;
  /// Environment and header values are still references ("env:NAME").
  std::vector<tools::ToolServer> tools;
  std::map<std::string, session::AgentSpec> agents;
  /// Header values are still references.
  std::vector<session::PlannerOrigin> planners;
  /// Those of 'planners' that are queues.
  std::vector<std::string> queues;
  /// What is allowed and may not be meant, sentences for people.
  std::vector<std::string> notes;
  /// Tenants and keys in them may be names.
  std::vector<road::Budget> budgets;
  // app/config_policy.h has what follows.
  catalog::Places places;                            // the starter catalog and the operator's files
  std::map<std::string, road::ThingSpec> things;     // tools, planners' origins, stores
  std::map<std::string, std::string> store_folders;  // app/config_stores.h; by name
  std::shared_ptr<const policy::Policy> policy = std::make_shared<policy::Policy>();
  /// The external authoriser, if there is one; its token is still a reference.
  std::optional<road::OpaOptions> opa;

  bool tls() const { return !tls_cert.empty(); }
  /// "http://127.0.0.1:7070".
  std::string url() const;
};

/// Reads a file by path; handed in so that tests need no disk.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

struct ConfigOutcome {
  Config config;
  std::vector<ConfigFault> faults;
};

ConfigOutcome read_config(const std::string& path, const ReadFile& read_file);
/// The same on text; paths inside are relative to `path`'s folder.
ConfigOutcome parse_config(const std::string& path, std::string_view text,
                           const ReadFile& read_file);

/// An agent's own file (`drover run AGENT.yaml`).
Result<session::AgentSpec> read_agent_file(const std::string& path, const ReadFile& read_file);

/// "env:NAME" or "file:PATH" resolved; anything else is taken as it stands. The error names the
/// reference, never a value.
Result<std::string> resolve_reference(const std::string& reference, const ReadFile& read_file);
/// The same of a secret: what a reference names must not be blank, for a call would then go out
/// without it.
Result<std::string> resolve_secret(const std::string& reference, const ReadFile& read_file);

}  // namespace drover::app
