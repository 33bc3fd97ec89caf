#include "sim/fault.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/near_word.h"

namespace drover::sim {

namespace {
constexpr std::pair<FaultKind, std::string_view> kNames[] = {
    {FaultKind::kRefuse, "refuse"},
    {FaultKind::kStallBeforeHeaders, "stall_before_headers"},
    {FaultKind::kStallFirstToken, "stall_first_token"},
    {FaultKind::kStallBetweenTokens, "stall_between_tokens"},
    {FaultKind::kCutBeforeHeaders, "cut_before_headers"},
    {FaultKind::kCut, "cut"},
    {FaultKind::kEarlyEnd, "early_end"},
    {FaultKind::kGarbage, "garbage"},
    {FaultKind::kWrongCrc, "wrong_crc"},
    {FaultKind::kHalfFrame, "half_frame"},
    {FaultKind::kThrottle, "throttle"},
    {FaultKind::kError500, "error_500"},
    {FaultKind::kError503, "error_503"},
    {FaultKind::kErrorInStream, "error_in_stream"},
    {FaultKind::kMissingUsage, "missing_usage"},
    {FaultKind::kTrickle, "trickle"},
    {FaultKind::kWrongContentType, "wrong_content_type"},
};

constexpr int64_t kFaultMsMax = 7 * 24 * 3'600'000LL;  // a week: no run is that long

bool agrees(std::string_view wanted, std::string_view is) {
  return wanted.empty() || is.find(wanted) != std::string_view::npos;
}

Result<void> check_kind(const KnownMember& member, const Json& value) {
  auto must_be = [&](bool is, const char* what) -> Result<void> {
    if (is) return {};
    return fail(Code::kInvalidArgument, std::string(member.name) + " must be " + what);
  };
  switch (member.kind) {
    case MemberKind::kText:
      return must_be(value.is_string(), "text");
    case MemberKind::kName:
      return must_be(value.is_string() && !value.string()->empty(), "a name; leave it out for all");
    case MemberKind::kWhole:
      return must_be(value.integer().has_value(), "a whole number");
    case MemberKind::kNumber:
      return must_be(value.number().has_value(), "a number");
    case MemberKind::kFlag:
      return must_be(value.is_bool(), "true or false");
    default:
      return must_be(value.is_array(), "a list");
  }
}
}  // namespace

std::string_view fault_name(FaultKind kind) {
  for (const auto& [k, name] : kNames) {
    if (k == kind) return name;
  }
  return "unknown";
}

std::optional<FaultKind> parse_fault(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

Result<void> check_members(const Json& asked, const std::vector<KnownMember>& known) {
  std::vector<std::string> names;
  for (const KnownMember& member : known) names.emplace_back(member.name);
  const std::string there_are = " (there are: " + joined(names) + ")";
  if (!asked.is_object()) return fail(Code::kInvalidArgument, "it must be an object" + there_are);
  for (const auto& [name, value] : *asked.members()) {
    const auto member = std::find(names.begin(), names.end(), name);
    if (member != names.end()) {
      TRY_VOID(check_kind(known[static_cast<size_t>(member - names.begin())], value));
      continue;
    }
    const std::string_view near = near_word(name, {names.begin(), names.end()});
    return fail(Code::kInvalidArgument,
                "unknown member '" + name + "'" +
                    (near.empty() ? "" : ": did you mean '" + std::string(near) + "'?") +
                    there_are);
  }
  return {};
}

bool Fault::matches(const FaultTarget& target) const {
  return agrees(region, target.region) && agrees(model, target.model) &&
         agrees(path, target.path) && agrees(session, target.session) &&
         (!stream || *stream == target.stream);
}

Json Fault::to_json() const {
  Json out = Json::object();
  out.set("kind", fault_name(kind)).set("count", count).set("probability", probability);
  out.set("duration_ms", duration.count() / 1'000'000).set("after_events", after_events);
  if (kind == FaultKind::kThrottle) out.set("retry_after", retry_after);
  if (!error.empty()) out.set("error", error);
  if (!region.empty()) out.set("region", region);
  if (!model.empty()) out.set("model", model);
  if (!path.empty()) out.set("path", path);
  if (!session.empty()) out.set("session", session);
  if (stream) out.set("stream", *stream);
  return out;
}

Result<Fault> Fault::from_json(const Json& json) {
  Fault out;
  using enum MemberKind;
  TRY_VOID(check_members(json, {{"kind", kText},
                                {"count", kWhole},
                                {"probability", kNumber},
                                {"duration_ms", kWhole},
                                {"after_events", kWhole},
                                {"retry_after", kText},
                                {"error", kText},
                                {"region", kName},
                                {"model", kText},
                                {"path", kText},
                                {"session", kText},
                                {"stream", kFlag}}));
  std::optional<FaultKind> kind = parse_fault(json.get_string("kind").value_or(""));
  if (!kind) {
    std::string known;
    for (const auto& [k, name] : kNames) known.append(known.empty() ? "" : ", ").append(name);
    return fail(Code::kInvalidArgument, "kind must be one of " + known);
  }
  out.kind = *kind;
  out.count = json.get_int("count").value_or(1);
  out.probability = json.get_number("probability").value_or(1);
  const int64_t duration_ms = json.get_int("duration_ms").value_or(0);
  out.after_events = json.get_int("after_events").value_or(1);
  out.retry_after = json.get_string("retry_after").value_or("seconds");
  out.error = json.get_string("error").value_or("");
  out.region = json.get_string("region").value_or("");
  out.model = json.get_string("model").value_or("");
  out.path = json.get_string("path").value_or("");
  out.session = json.get_string("session").value_or("");
  out.stream = json.get_bool("stream");
  if (out.count < -1 || out.probability < 0 || out.probability > 1 || duration_ms < 0 ||
      duration_ms > kFaultMsMax) {
    return fail(Code::kInvalidArgument, "count, probability or duration_ms is out of range");
  }
  out.duration = Duration(duration_ms * 1'000'000);
  return out;
}

Result<void> FaultQueue::add(Fault fault) {
  if (faults_.size() >= kFaultsMax) {
    return fail(Code::kResourceExhausted, "too many faults are waiting");
  }
  faults_.push_back(std::move(fault));
  return {};
}

bool FaultQueue::use(std::deque<Fault>::iterator fault) {
  if (fault->count == 0 || !random_.chance(fault->probability)) return false;
  ++happened_;
  if (fault->count > 0 && --fault->count == 0) faults_.erase(fault);
  return true;
}

std::optional<Fault> FaultQueue::take(const FaultTarget& target) {
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (it->kind == FaultKind::kRefuse || !it->matches(target)) continue;
    Fault fault = *it;
    if (use(it)) return fault;
  }
  return std::nullopt;
}

bool FaultQueue::take_refusal(std::string_view region) {
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (it->kind == FaultKind::kRefuse && agrees(it->region, region) && use(it)) return true;
  }
  return false;
}

Json FaultQueue::to_json() const {
  Json out = Json::array();
  for (const Fault& fault : faults_) out.push(fault.to_json());
  return out;
}

}  // namespace drover::sim
