#include "contract/retention.h"

#include "contract/data_class.h"

namespace drover::contract {
namespace {

/// Longer than anybody keeps anything, and far from the end of what a time can say.
constexpr int64_t kLongestS = int64_t{100} * 366 * 24 * 3600;

int64_t keep_of(std::string_view data_class) {
  // Most classes say nothing of it; asked with each commit of a session.
  if (data_class.find("retention=") == std::string_view::npos) return kKeepUnlimited;
  auto parsed = DataClass::parse(data_class);
  return parsed ? parsed->keep_s : kKeepNone;
}

}  // namespace

std::optional<WallTime> kept_until(std::string_view data_class, WallTime touched) {
  const int64_t keep_s = keep_of(data_class);
  if (keep_s > kLongestS) return std::nullopt;
  if (keep_s <= kKeepSession) return touched;
  return touched + std::chrono::seconds(keep_s);
}

bool kept_for_the_work_only(std::string_view data_class) {
  return keep_of(data_class) <= kKeepSession;
}

bool kept_while_worked_on_only(std::string_view data_class) {
  return keep_of(data_class) == kKeepNone;
}

}  // namespace drover::contract
