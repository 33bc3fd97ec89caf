#include "session/import_check.h"

#include "base/limits/session.h"

namespace drover::session {
namespace {

/// Where a board without a battery for its clock begins.
constexpr WallTime kEarliest{};

Failure implausible(const contract::Event& event, const std::string& why) {
  return fail(Error(Code::kInvalidArgument, "event " + std::to_string(event.sequence) + ": " + why)
                  .with_reason("invalid_event"));
}

}  // namespace

Result<void> check_plausible(const std::vector<contract::Event>& events, WallTime now) {
  WallTime before{};
  for (const contract::Event& event : events) {
    const std::string time = "its time " + format_rfc3339(event.time);
    if (event.time < kEarliest) return implausible(event, time + " is before 1970");
    if (event.time - now > limits::kImportAheadMax) {
      return implausible(event, time + " is more than " +
                                    std::to_string(limits::kImportAheadMax / 1h) +
                                    " hours ahead of the clock here");
    }
    if (event.time < before) {
      return implausible(
          event, time + " is before that of the event before it, " + format_rfc3339(before));
    }
    before = event.time;
    // Each attempt is an event of its own, and the first event is the session's start.
    if (event.attempt >= event.sequence) {
      return implausible(event, "it is of attempt " + std::to_string(event.attempt) +
                                    ", and there are not so many events before it");
    }
  }
  return {};
}

}  // namespace drover::session
