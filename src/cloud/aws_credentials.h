#pragma once
// What signs an AWS request, and a bearer token that stands in for it. Values; where they come
// from and when they are renewed is credentials.h, what is made of them is sigv4.h.

#include <optional>
#include <string>

#include "base/secret.h"
#include "base/time.h"

namespace drover::cloud {

struct AwsCredentials {
  std::string access_key_id;
  Secret secret_access_key;
  /// Of temporary credentials; empty for long-lived ones.
  Secret session_token;
  /// When the cloud stops taking them; nullopt: never.
  std::optional<WallTime> expires;
  /// Where they came from, for messages: "environment", "profile work in ~/.aws/credentials".
  std::string source;
};

/// A token for "Authorization: Bearer": a Bedrock API key, an Entra access token.
struct BearerToken {
  Secret token;
  std::optional<WallTime> expires;
  std::string source;
};

}  // namespace drover::cloud
