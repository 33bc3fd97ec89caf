#include "crypto/jwt.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/limits/crypto.h"

namespace drover::crypto {
namespace {

Failure not_a_token(std::string what) {
  return fail(Code::kInvalidArgument, "not a JSON Web Token: " + std::move(what));
}

Failure refuse_token(const char* reason, std::string message) {
  return fail(Error(Code::kPermissionDenied, std::move(message)).with_reason(reason));
}

/// base64url in its one spelling: no padding, and no bits beyond the last byte.
Result<std::string> decode(std::string_view part, std::string_view name) {
  auto bytes = from_base64url(part);
  if (!bytes || to_base64url(*bytes) != part) {
    return not_a_token("its " + std::string(name) + " is not base64url");
  }
  return std::move(*bytes);
}

Result<Json> decode_object(std::string_view part, std::string_view name) {
  TRY(std::string text, decode(part, name));
  auto json = Json::parse(text);
  if (!json) return not_a_token("its " + std::string(name) + ": " + json.error().message);
  if (!json->is_object()) return not_a_token("its " + std::string(name) + " is not an object");
  const std::string twice = duplicate_name(*json);
  if (!twice.empty()) {
    return not_a_token("\"" + twice + "\" stands twice in its " + std::string(name));
  }
  return std::move(*json);
}

/// The key of a JWK; nullopt for one that we do not use.
Result<std::optional<PublicKey>> read_key(const Json& jwk, const std::string& id) {
  if (jwk.find("d") != nullptr || jwk.find("k") != nullptr) {
    return fail(Code::kInvalidArgument, "the key set holds a private key: " + id);
  }
  if (jwk.get_string("kty") != "EC") return std::nullopt;
  if (jwk.find("use") != nullptr && jwk.get_string("use") != "sig") return std::nullopt;
  SignatureAlgorithm algorithm;
  if (jwk.get_string("crv") == "P-256") {
    algorithm = SignatureAlgorithm::kEs256;
  } else if (jwk.get_string("crv") == "P-384") {
    algorithm = SignatureAlgorithm::kEs384;
  } else {
    return std::nullopt;
  }
  if (jwk.find("alg") != nullptr && jwk.get_string("alg") != jose_name(algorithm)) {
    return std::nullopt;
  }
  auto x = from_base64url(jwk.get_string("x").value_or(""));
  auto y = from_base64url(jwk.get_string("y").value_or(""));
  if (!x || !y) return fail(Code::kInvalidArgument, "the coordinates of key " + id);
  auto key = PublicKey::from_point(algorithm, *x, *y);
  if (!key) return fail(std::move(key.error()).note("key " + id));
  return std::optional<PublicKey>(std::move(*key));
}

}  // namespace

std::string duplicate_name(const Json& json) {
  if (const Json::Array* items = json.array_items()) {
    for (const Json& item : *items) {
      if (auto twice = duplicate_name(item); !twice.empty()) return twice;
    }
  }
  const Json::Object* members = json.members();
  if (members == nullptr) return {};
  std::vector<std::string_view> names;
  for (const auto& [name, value] : *members) {
    if (auto twice = duplicate_name(value); !twice.empty()) return twice;
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  // An empty name that stands twice must be told from "none does".
  if (twice == names.end()) return {};
  return twice->empty() ? "(an empty name)" : std::string(*twice);
}

Result<JwkSet> JwkSet::parse(std::string_view text) {
  if (text.size() > limits::kJwksBytesMax) {
    return fail(Code::kInvalidArgument, "the key set is larger than any should be");
  }
  TRY(Json json, Json::parse(text));
  const Json* keys = json.find("keys");
  if (keys == nullptr || keys->array_items() == nullptr) {
    return fail(Code::kInvalidArgument, "not a JSON Web Key Set: it has no list \"keys\"");
  }
  if (keys->array_items()->size() > limits::kJwksKeysMax) {
    return fail(Code::kInvalidArgument, "the key set has more keys than any should have");
  }
  if (std::string twice = duplicate_name(json); !twice.empty()) {
    return fail(Code::kInvalidArgument, "\"" + twice + "\" stands twice in the key set");
  }
  JwkSet out;
  for (const Json& jwk : *keys->array_items()) {
    const std::string id(jwk.get_string("kid").value_or(""));
    TRY(auto key, read_key(jwk, id));
    if (!key || id.empty()) continue;  // a key without an id can never be asked for
    if (out.find(id) != nullptr) {
      return fail(Code::kInvalidArgument, "the key set has two keys with the id " + id);
    }
    out.add(id, *std::move(key));
  }
  return out;
}

const PublicKey* JwkSet::find(std::string_view id) const {
  for (const auto& [name, key] : keys_) {
    if (name == id) return &key;
  }
  return nullptr;
}

void JwkSet::add(std::string id, PublicKey key) {
  keys_.emplace_back(std::move(id), std::move(key));
}

Json JwkSet::to_json() const {
  Json list = Json::array();
  for (const auto& [id, key] : keys_) {
    Json jwk = Json::object();
    jwk.set("kty", "EC");
    jwk.set("crv", key.algorithm() == SignatureAlgorithm::kEs384 ? "P-384" : "P-256");
    jwk.set("use", "sig");
    jwk.set("alg", jose_name(key.algorithm()));
    jwk.set("kid", id);
    jwk.set("x", to_base64url(key.x()));
    jwk.set("y", to_base64url(key.y()));
    list.push(std::move(jwk));
  }
  return Json::object().set("keys", std::move(list));
}

Result<Jwt> parse_jwt(std::string_view compact) {
  if (compact.size() > limits::kJwtBytesMax) return not_a_token("it is larger than any should be");
  const size_t first = compact.find('.');
  const size_t second = first == compact.npos ? first : compact.find('.', first + 1);
  if (second == compact.npos || compact.find('.', second + 1) != compact.npos) {
    return not_a_token("it does not have three parts");
  }
  Jwt out;
  TRY(out.header, decode_object(compact.substr(0, first), "header"));
  TRY(out.claims, decode_object(compact.substr(first + 1, second - first - 1), "claims"));
  TRY(out.signature, decode(compact.substr(second + 1), "signature"));
  out.signed_part = compact.substr(0, second);
  auto algorithm = out.header.get_string("alg");
  if (!algorithm) return not_a_token("its header has no \"alg\"");
  out.algorithm = *algorithm;
  out.key_id = out.header.get_string("kid").value_or("");
  if (out.header.find("crit") != nullptr || out.header.find("b64") != nullptr) {
    return not_a_token("its header asks for an extension that is not understood here");
  }
  return out;
}

Result<void> verify_jwt(const Jwt& token, const JwkSet& keys) {
  // First the algorithm, so that a token without a signature is told as what it is.
  if (token.algorithm != jose_name(SignatureAlgorithm::kEs256) &&
      token.algorithm != jose_name(SignatureAlgorithm::kEs384)) {
    return refuse_token("algorithm", "the token says algorithm \"" + token.algorithm +
                                         "\"; only ES256 and ES384 by a pinned key count");
  }
  const PublicKey* key = keys.find(token.key_id);
  if (token.key_id.empty() || key == nullptr) {
    return refuse_token("key", "the token says it is signed by the key \"" + token.key_id +
                                   "\", which is none of the " + std::to_string(keys.size()) +
                                   " pinned");
  }
  if (token.algorithm != jose_name(key->algorithm())) {
    return refuse_token("algorithm", "the token says algorithm " + token.algorithm +
                                         ", the key \"" + token.key_id + "\" is for " +
                                         std::string(jose_name(key->algorithm())));
  }
  if (!key->verify(token.signed_part, token.signature)) {
    return refuse_token("signature",
                        "the token's signature is not by the pinned key \"" + token.key_id + "\"");
  }
  return {};
}

std::string make_jwt(const Json& claims, const SigningKey& key, std::string_view key_id) {
  Json header = Json::object();
  header.set("kid", key_id).set("alg", jose_name(key.algorithm()));
  std::string out = to_base64url(header.dump()) + "." + to_base64url(claims.dump());
  out += "." + to_base64url(key.sign(out));
  return out;
}

}  // namespace drover::crypto
