#include "tools/rate_headers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/bytes.h"
#include "base/limits/tool_calls.h"
#include "base/retry_after.h"

namespace drover::tools {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;
/// One member of a structured list: its name and parameters, numbers and tokens as their text.
struct Item {
  std::string name;
  Params params;
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '*' || c == '/' || c == '%' || c == '+' || c == '?';
}

/// A lenient reader of RFC 8941 lists: it stops at the first thing that it does not know.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) {}

  std::vector<Item> read() {
    std::vector<Item> out;
    while (out.size() < limits::kRateQuotasMax) {
      spaces();
      Item item;
      if (!value(item.name) || !params(item.params)) return out;
      out.push_back(std::move(item));
      spaces();
      if (!take(',')) return out;
    }
    return out;
  }

 private:
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void spaces() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t'))
      text_.remove_prefix(1);
  }
  bool word(std::string& out) {
    while (!text_.empty() && is_word(text_.front())) {
      out += text_.front();
      text_.remove_prefix(1);
    }
    return !out.empty();
  }
  bool quoted(std::string& out) {
    while (!text_.empty() && text_.front() != '"') {
      if (text_.front() == '\\') text_.remove_prefix(1);
      if (text_.empty()) return false;
      out += text_.front();
      text_.remove_prefix(1);
    }
    return take('"');
  }
  /// A string, a byte sequence (its base64 as it stands), a number or a token.
  bool value(std::string& out) {
    if (take('"')) return quoted(out);
    if (!take(':')) return word(out);
    size_t end = text_.find(':');
    if (end == std::string_view::npos) return false;
    out = std::string(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return true;
  }
  bool params(Params& out) {
    while (take(';')) {
      spaces();
      std::string key;
      std::string text;
      if (!word(key)) return false;
      if (take('=') && !value(text)) return false;
      out.emplace_back(to_lower(key), std::move(text));
    }
    return true;
  }

  std::string_view text_;
};

const std::string* find(const Params& params, std::string_view key) {
  for (const auto& [name, value] : params) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::optional<int64_t> whole(std::string_view text) {
  text = trim(text);
  int64_t out = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc() || end != text.data() + text.size() || out < 0) return std::nullopt;
  return out;
}

std::optional<int64_t> whole(const std::string* text) {
  return text == nullptr ? std::nullopt : whole(std::string_view(*text));
}

std::optional<Duration> seconds(const std::string* text) {
  if (text == nullptr) return std::nullopt;
  std::string_view rest = trim(*text);
  std::optional<double> n = take_decimal(rest);
  if (!n || !rest.empty()) return std::nullopt;
  return of_seconds(*n);
}

std::string field(const http::Headers& headers, std::string_view name) {
  std::string out = headers.get_joined(name);
  if (out.size() > limits::kRateFieldBytesMax) out.clear();
  return out;
}

bool counts_requests(const Item& policy) {
  const std::string* unit = find(policy.params, "qu");
  return unit == nullptr || *unit == "request" || *unit == "requests";
}

/// The partition is part of the name: another partition is another limit.
std::string item_name(const Item& item) {
  const std::string* partition = find(item.params, "pk");
  return partition == nullptr ? item.name : item.name + ' ' + *partition;
}

/// RateLimit beside RateLimit-Policy.
void read_drafts(const http::Headers& headers, RateWord& out) {
  std::vector<Item> policies = ListReader(field(headers, "ratelimit-policy")).read();
  for (const Item& item : ListReader(field(headers, "ratelimit")).read()) {
    RateQuota quota;
    quota.name = item_name(item);
    auto left = whole(find(item.params, "r"));
    if (!left) continue;
    quota.left = *left;
    quota.reset = seconds(find(item.params, "t"));
    bool requests = true;
    for (const Item& policy : policies) {
      if (policy.name != item.name) continue;
      requests = requests && counts_requests(policy);
      quota.limit = whole(find(policy.params, "q"));
      quota.window = seconds(find(policy.params, "w"));
    }
    if (requests) out.quotas.push_back(std::move(quota));
  }
}

/// "limit=10, remaining=5, reset=30", a dictionary.
void read_draft_7(const http::Headers& headers, RateWord& out) {
  std::string text = field(headers, "ratelimit");
  Params members;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    size_t sign = part.find('=');
    if (sign == std::string_view::npos) return;
    members.emplace_back(to_lower(trim(part.substr(0, sign))),
                         std::string(trim(part.substr(sign + 1))));
  }
  auto left = whole(find(members, "remaining"));
  if (!left) return;
  RateQuota quota;
  quota.left = *left;
  quota.limit = whole(find(members, "limit"));
  quota.reset = seconds(find(members, "reset"));
  out.quotas.push_back(std::move(quota));
}

/// A reset as a time to wait: small ones are seconds, large ones a Unix time in seconds or
/// milliseconds.
std::optional<Duration> reset_of(const std::string& text, const http::Headers& headers,
                                 WallTime now) {
  std::string_view rest = trim(text);
  std::optional<double> n = take_decimal(rest);
  if (!n || !rest.empty()) return std::nullopt;
  constexpr double kUnixSeconds = 1e9;
  constexpr double kUnixMillis = 1e12;
  if (*n < kUnixSeconds) return of_seconds(*n);
  if (auto date = headers.get("date")) {
    if (auto said = parse_http_date(trim(*date))) now = *said;
  }
  double until = *n < kUnixMillis ? *n : *n / 1e3;
  return of_seconds(until - static_cast<double>(unix_nanos(now)) / 1e9);
}

/// Three fields of one prefix. A limit may be followed by the policies that it is of: "10,
/// 10;w=60".
void read_three(const http::Headers& headers, const std::string& prefix, WallTime now,
                RateWord& out) {
  auto left = whole(field(headers, prefix + "remaining"));
  if (!left) return;
  RateQuota quota;
  quota.left = *left;
  std::string limit = field(headers, prefix + "limit");
  quota.limit = whole(std::string_view(limit).substr(0, limit.find_first_of(",;")));
  quota.reset = reset_of(field(headers, prefix + "reset"), headers, now);
  out.quotas.push_back(std::move(quota));
}

}  // namespace

RateWord read_rate_word(const http::Headers& headers, WallTime now) {
  RateWord out;
  if (auto value = headers.get("retry-after")) {
    out.retry_after = parse_retry_after(*value, headers.get("date"));
  }
  read_drafts(headers, out);
  if (out.quotas.empty()) read_draft_7(headers, out);
  for (const char* prefix : {"ratelimit-", "x-ratelimit-", "x-rate-limit-"}) {
    if (out.quotas.empty()) read_three(headers, prefix, now, out);
  }
  return out;
}

}  // namespace drover::tools
