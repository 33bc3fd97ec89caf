#include "api/request_headers.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"

namespace drover::api {
namespace {

/// What cannot be two things at once. Whoever stands before the server may have read the other.
constexpr std::string_view kOnce[] = {kAgentHeader,    kServiceClassHeader, kContinueHeader,
                                      "authorization", "api-key",           "x-api-key",
                                      "if-match"};

template <size_t N>
bool among(const std::string_view (&list)[N], std::string_view name) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view known) { return iequals(known, name); });
}

}  // namespace

Result<void> check_headers(const http::Headers& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (!among(kOnce, name) || *headers.get(name) == value) continue;
    return fail(Error(Code::kInvalidArgument,
                      "the header " + std::string(name) + " stands twice, with different values")
                    .with_reason("repeated_header"));
  }
  return {};
}

Result<contract::DataClass> header_class(const http::Headers& headers) {
  contract::DataClass out;
  for (const auto& [name, value] : headers.fields()) {
    if (!iequals(name, kDataClassHeader)) continue;
    TRY(contract::DataClass one, contract::DataClass::parse(value));
    out = contract::join(out, one);
  }
  return out;
}

}  // namespace drover::api
