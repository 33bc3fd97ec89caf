#pragma once
// How a simulated cloud is set up. Values, copied into the cloud. The secrets in here are made up
// for the simulation, so they are plain text and are printed for whoever wants to call it.

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/latency.h"
#include "sim/model.h"
#include "sim/prompt_cache.h"
#include "sim/quota.h"

namespace drover::sim {

enum class CloudKind : uint8_t { kAws, kAzure, kCoreWeave, kOpenAi };
std::string_view cloud_kind_name(CloudKind kind);

struct SimModel {
  /// What callers name: a Bedrock model id, an Azure deployment, a model name.
  std::string id;
  /// What answers name; empty: the id.
  std::string version;
  std::shared_ptr<Model> source;
  int64_t context_tokens = 131'072;
  LatencyModel latency;
};

struct SimAccessKey {
  std::string id;
  std::string secret;
  std::string session_token;  // must then be sent and signed
};

/// Microsoft Entra ID in small: POST /{tenant}/oauth2/v2.0/token gives bearer tokens.
struct SimEntra {
  std::string tenant;
  std::string client_id;
  std::string client_secret;
  /// Workload identity: assertions taken instead of the secret.
  std::string client_assertion;
  Duration lifetime = 1h;
};

struct SimCredentials {
  std::vector<SimAccessKey> access_keys;
  std::vector<std::string> bearer_tokens;  // Bedrock API keys, OpenAI and vLLM keys, Entra tokens
  std::vector<std::string> api_keys;       // Azure's api-key
  std::vector<SimEntra> entra;
};

struct SimCloudOptions {
  CloudKind kind = CloudKind::kOpenAi;
  std::string name;  // for people and logs; empty: the kind
  /// One listener each.
  std::vector<std::string> regions = {"local"};
  std::vector<SimModel> models;
  SimCredentials credentials;
  uint64_t seed = 1;
  QuotaRules quota;  // of each region and model
  PromptCacheRules prompt_cache;
  /// A user text that holds this is stopped by the content filter (Azure); empty: none is.
  std::string filter_word = "FORBIDDEN-WORD";
  std::string bind_ip = "127.0.0.1";
  /// The first region's port, the next ones after it; 0: any free ports.
  uint16_t port = 0;
};

}  // namespace drover::sim
