#pragma once
// HTTP messages as values, the same for HTTP/1.1 and HTTP/2, client and server.

//
// Values, no shared state. Sources: RFC 9110 (semantics), RFC 3986 (URLs).

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace drover::http {

/// True for a token of RFC 9110 section 5.6.2, which a field name must be.
bool is_token(std::string_view text);
/// True if the text may travel as a field value: no control characters but TAB.
bool is_field_value(std::string_view text);

/// Header fields in order; names compare without case. What came from a peer holds no CR, LF or
/// NUL; what we are asked to send is checked by check().
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replaces all of that name.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  /// The first of that name.
  std::optional<std::string_view> get(std::string_view name) const;
  /// All of that name joined by ", " (RFC 9110 section 5.3).
  std::string get_joined(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }
  /// kInvalidArgument if a name is no token or a value could end its line (header injection).
  Result<void> check() const;
  void clear() { fields_.clear(); }
  const std::vector<Field>& fields() const { return fields_; }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

/// A request head; the body travels apart (server.h, client.h).
struct RequestHead {
  std::string method = "GET";
  /// Exactly as sent: "/v1/models?x=%20".
  std::string target = "/";
  Headers headers;
  /// ":authority" of HTTP/2 or the Host header.
  std::string authority;
  int version_major = 1;

  /// The target up to '?', not decoded.
  std::string_view path() const;
  /// The target after '?', not decoded.
  std::string_view query() const;
  /// A decoded query parameter.
  std::optional<std::string> query_param(std::string_view name) const;
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

/// "Not Found" for 404.
std::string_view reason_phrase(int status);

/// "http" or "https", host, port, target of an absolute URL. No user-info, no fragment.
struct Url {
  std::string scheme;
  std::string host;  // without brackets
  uint16_t port = 0;
  std::string target;  // path and query, at least "/"
  bool is_tls() const { return scheme == "https"; }
  /// "https://host:port" with the port only if not the scheme's own.
  std::string origin() const;
  /// Value for Host.
  std::string authority() const;
  static Result<Url> parse(std::string_view text);
};

}  // namespace drover::http
