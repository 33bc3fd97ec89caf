#include "api/request_headers.h"

#include <algorithm>
#include <array>
#include <optional>
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
constexpr http::LowerText kOnce[] = {"authorization", "api-key",    "x-api-key",
                                     "if-match",      kAgentHeader, kServiceClassHeader,
                                     kContinueHeader};
/// Places in that list: credentials, and from where on they steer.
constexpr size_t kAuthorization = 0;
constexpr size_t kApiKeys[] = {1, 2};
constexpr size_t kFirstSteering = 4;
/// The values of those, as far as they are there.
using Once = std::array<std::optional<std::string_view>, std::size(kOnce)>;

template <size_t N>
bool among(const std::string_view (&list)[N], std::string_view name) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view one) { return iequals(one, name); });
}

/// No two names of kOnce have one size: by that, the place of the only one that a name may be.
struct OnceOfSize {
  static constexpr size_t kSizeMax = kServiceClassHeader.size();
  consteval OnceOfSize() {
    places.fill(std::size(kOnce));
    for (size_t i = 0; i < std::size(kOnce); ++i) {
      uint8_t& place = places[kOnce[i].view().size()];
      if (place != std::size(kOnce)) throw "two of that size";
      place = static_cast<uint8_t>(i);
    }
  }
  std::array<uint8_t, kSizeMax + 1> places;
};
constexpr OnceOfSize kOnceOfSize;

/// The name's place in kOnce; its size if it is not there.
size_t place_in_once(std::string_view name) {
  if (name.size() > OnceOfSize::kSizeMax) return std::size(kOnce);
  const size_t i = kOnceOfSize.places[name.size()];
  return i < std::size(kOnce) && iequals_lower(name, kOnce[i]) ? i : std::size(kOnce);
}

/// The letters that kOnce and kPrefix begin with: a bit each.
consteval uint32_t first_letters() {
  uint32_t out = 1u << (kPrefix[0] - 'a');
  for (http::LowerText name : kOnce) out |= 1u << (name.view()[0] - 'a');
  return out;
}

/// Whether it begins like one of those: most do not, and need not be looked for.
bool may_steer(std::string_view name) {
  const int first = name.empty() ? -1 : (name[0] | 0x20) - 'a';
  return first >= 0 && first < 26 && (first_letters() >> first & 1) != 0;
}

std::string_view key_of(const Once& once) {
  constexpr http::LowerText kBearer = "bearer ";
  constexpr size_t kBearerSize = kBearer.view().size();
  const std::string_view value = once[kAuthorization].value_or("");
  if (value.size() > kBearerSize && iequals_lower(value.substr(0, kBearerSize), kBearer)) {
    return trim(value.substr(kBearerSize));
  }
  // Azure's and Anthropic's SDKs send the key in headers of their own.
  for (size_t i : kApiKeys) {
    if (once[i]) return trim(*once[i]);
  }
  return {};
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

Error stands_twice(std::string_view name) {
  return Error(Code::kInvalidArgument,
               "the header " + std::string(name) + " stands twice, with different values")
      .with_reason("repeated_header");
}

}  // namespace

Result<KnownHeaders> read_headers(const http::Headers& headers) {
  KnownHeaders out;
  Once once;
  for (const auto& [name, value] : headers.fields()) {
    if (!may_steer(name)) continue;
    if (const size_t i = place_in_once(name); i < once.size()) {
      if (once[i] && *once[i] != value) return fail(stands_twice(name));
      once[i] = value;
      out.steered = out.steered || i >= kFirstSteering;
      continue;
    }
    if (name.size() < kPrefix.size() || !iequals(name.substr(0, kPrefix.size()), kPrefix)) continue;
    const bool steers = among(kSteering, name);
    if (!steers && !among(kPassive, name)) return fail(unknown_header(name));
    out.steered = out.steered || steers;
  }
  out.key = key_of(once);
  return out;
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
