// Any bytes as a request target and headers. What the signer signs, the verifier takes, whatever
// the target holds; canonical forms are stable; claims out of nothing are refused, not believed.
//
// Input: lines; the first is the target, then headers "name:value".

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cloud/sigv4_verify.h"

namespace {

using namespace drover;
using namespace drover::cloud;

const WallTime kNow = wall_from_unix_millis(1'790'000'000'000);

AwsCredentials make_credentials() {
  AwsCredentials out;
  out.access_key_id = "AKIDFUZZ";
  out.secret_access_key = Secret("secret");
  out.session_token = Secret("token");
  return out;
}

bool starts_signing(std::string_view name) {
  const std::string lower = to_lower(name);
  return lower.starts_with("x-amz-") || lower == "authorization";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const AwsCredentials credentials = make_credentials();
  static sigv4::Signer signer("us-east-1", "bedrock");
  static sigv4::Verifier verifier({}, [](std::string_view id) {
    return id == credentials.access_key_id ? &credentials : nullptr;
  });

  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view target = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), target.size() + 1));
  std::vector<http::Headers::Field> headers;
  while (!text.empty() && headers.size() < 50) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t colon = line.find(':', 1);
    if (colon == std::string_view::npos) continue;
    headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }

  // Canonical once is canonical for good (without normalising: "%2F" decodes to a slash).
  const std::string query = sigv4::canonical_query(sigv4::query_of(target));
  if (sigv4::canonical_query(query) != query) __builtin_trap();
  const std::string path = sigv4::canonical_path(sigv4::path_of(target), {false, false});
  if (sigv4::canonical_path(path, {false, false}) != path) __builtin_trap();

  sigv4::Request request;
  request.method = "POST";
  request.target = target;
  request.headers = headers;
  request.authority = "example.com";
  request.payload_hash = crypto::kEmptySha256Hex;
  // Without the signing key nothing may pass: the inputs hold no valid signature.
  if (verifier.verify(request, kNow)) __builtin_trap();

  std::erase_if(headers, [](const auto& field) { return starts_signing(field.first); });
  request.headers = headers;
  auto added = signer.sign(request, credentials, kNow);
  // The one thing refused: a name that no header may have.
  if (!added && added.error().message.find("name is not a token") == std::string::npos) {
    __builtin_trap();
  }
  if (!added) return 0;
  std::vector<http::Headers::Field> sent = headers;
  sent.insert(sent.end(), added->begin(), added->end());
  request.headers = sent;
  if (!verifier.verify(request, kNow)) __builtin_trap();
  return 0;
}
