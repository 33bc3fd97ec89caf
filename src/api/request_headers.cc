#include "api/request_headers.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "base/near_word.h"

namespace drover::api {
namespace {

constexpr std::string_view kPrefix = "x-drover-";
constexpr std::string_view kSteering[] = {kDataClassHeader, kAgentHeader, kServiceClassHeader,
                                          kContinueHeader};
/// Of one Drover that asks another, and of the simulated providers.
constexpr std::string_view kPassive[] = {"x-drover-attempt", "x-drover-session"};
/// What cannot be two things at once. Whoever stands before the server may have read the other.
constexpr std::string_view kOnce[] = {kAgentHeader,    kServiceClassHeader, kContinueHeader,
                                      "authorization", "api-key",           "x-api-key",
                                      "if-match"};

template <size_t N>
bool among(const std::string_view (&list)[N], std::string_view name) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view known) { return iequals(known, name); });
}

/// The letters that kOnce and kPrefix begin with: a bit each.
consteval uint32_t first_letters() {
  uint32_t out = 1u << (kPrefix[0] - 'a');
  for (std::string_view name : kOnce) out |= 1u << (name[0] - 'a');
  return out;
}

/// Whether it begins like one of those: most do not, and need not be looked for.
bool may_steer(std::string_view name) {
  const int first = name.empty() ? -1 : (name[0] | 0x20) - 'a';
  return first >= 0 && first < 26 && (first_letters() >> first & 1) != 0;
}

Error unknown_header(std::string_view name) {
  const std::string lower = to_lower(name.substr(0, 80));
  std::string there;
  for (std::string_view known : kSteering) {
    there += (there.empty() ? "" : ", ") + std::string(known);
  }
  const std::string_view near = near_word(lower, {std::begin(kSteering), std::end(kSteering)});
  return Error(Code::kInvalidArgument,
               "unknown header '" + lower + "'" +
                   (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?") +
                   " (there are: " + there + ")")
      .with_reason("unknown_header");
}

}  // namespace

Result<void> check_headers(const http::Headers& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (!may_steer(name)) continue;
    if (among(kOnce, name)) {
      if (*headers.get(name) == value) continue;
      return fail(Error(Code::kInvalidArgument,
                        "the header " + std::string(name) + " stands twice, with different values")
                      .with_reason("repeated_header"));
    }
    if (name.size() < kPrefix.size() || !iequals(name.substr(0, kPrefix.size()), kPrefix)) continue;
    if (!among(kSteering, name) && !among(kPassive, name)) return fail(unknown_header(name));
  }
  return {};
}

Result<contract::DataClass> header_class(const http::Headers& headers) {
  contract::DataClass out;
  for (const auto& [name, value] : headers.fields()) {
    if (!iequals(name, kDataClassHeader)) continue;
    TRY(contract::DataClass one, contract::DataClass::stated(value));
    out = contract::join(out, one);
  }
  return out;
}

Result<contract::DataClass> stated_class(const http::Headers& headers, const Json& body) {
  TRY(contract::DataClass out, header_class(headers));
  const Json* stated = body.find("data_class");
  if (stated == nullptr || stated->is_null()) return out;
  TRY(contract::DataClass own, contract::DataClass::from_json(*stated));
  return contract::join(out, own);
}

}  // namespace drover::api
