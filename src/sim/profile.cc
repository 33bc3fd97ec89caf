#include "sim/profile.h"

#include <fmt/format.h>

#include <cmath>

#include "base/bytes.h"

namespace drover::sim {

std::string_view cloud_kind_name(CloudKind kind) {
  switch (kind) {
    case CloudKind::kAws:
      return "aws";
    case CloudKind::kAzure:
      return "azure";
    case CloudKind::kCoreWeave:
      return "coreweave";
    case CloudKind::kOpenAi:
      return "openai";
  }
  return "openai";
}

std::unique_ptr<Profile> make_profile(const SimCloudOptions& options) {
  switch (options.kind) {
    case CloudKind::kAws:
      return make_aws_profile(options);
    case CloudKind::kAzure:
      return make_azure_profile(options);
    case CloudKind::kCoreWeave:
    case CloudKind::kOpenAi:
      break;
  }
  return make_openai_profile(options);
}

Answer Profile::error(const Error& error, const dialect::Dialect& dialect) const {
  dialect::EncodedError encoded = dialect.encode_error(error);
  Answer out;
  out.status = encoded.status;
  out.headers.add("content-type", "application/json");
  for (auto& [name, value] : encoded.headers) out.headers.add(name, value);
  out.body = std::move(encoded.body);
  return out;
}

std::optional<std::string> Profile::tier_of(std::string_view asked) const {
  if (asked.empty() || asked == "auto" || asked == "default") return "default";
  if (asked == "priority" || asked == "fast") return "priority";
  if (asked == "flex") return "flex";
  // Capacity that nobody has bought here: served like the others.
  if (asked == "scale") return "default";
  return std::nullopt;
}

Answer json_answer(int status, const Json& body) {
  Answer out;
  out.status = status;
  out.headers.add("content-type", "application/json");
  out.body = body.dump();
  return out;
}

std::string make_uuid(Random& random) {
  std::string hex = to_hex(random.bytes(16));
  hex[12] = '4';
  hex[16] = "89ab"[random.below(4)];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

std::string make_token(Random& random, size_t n) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  for (size_t i = 0; i < n; ++i) out += kLetters[random.below(kLetters.size())];
  return out;
}

void add_retry_after(std::string_view form, Duration wait, WallTime now, http::Headers& headers) {
  int64_t ms = std::max<int64_t>(1, wait.count() / 1'000'000);
  int64_t seconds = (ms + 999) / 1'000;
  if (form == "seconds") headers.add("retry-after", std::to_string(seconds));
  if (form == "date")
    headers.add("retry-after", format_http_date(now + std::chrono::seconds(seconds)));
  if (form == "ms") headers.add("retry-after-ms", std::to_string(ms));
}

std::string_view batch_path(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return {};
  path.remove_prefix(prefix.size());
  for (std::string_view kind : {"files", "batches"}) {
    if (path == kind || (path.starts_with(kind) && path[kind.size()] == '/')) return path;
  }
  return {};
}

std::string_view bearer_of(const http::RequestHead& head) {
  std::string_view value = head.headers.get("authorization").value_or("");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() < kScheme.size() || !iequals(value.substr(0, kScheme.size()), kScheme))
    return {};
  return trim(value.substr(kScheme.size()));
}

}  // namespace drover::sim
