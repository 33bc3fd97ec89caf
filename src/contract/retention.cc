#include "contract/retention.h"

#include "contract/data_class.h"

namespace drover::contract {
namespace {

/// Longer than anybody keeps anything, and far from the end of what a time can say.
constexpr int64_t kLongestS = int64_t{100} * 366 * 24 * 3600;

DataClass class_of(std::string_view data_class) {
  DataClass none;
  // Most classes say nothing of it; asked with each commit of a session.
  if (data_class.find("retention=") == std::string_view::npos) return none;
  none.keep_s = kKeepNone;
  return DataClass::parse(data_class).value_or(none);
}

int64_t keep_of(std::string_view data_class) { return class_of(data_class).keep_s; }

std::optional<WallTime> after(int64_t seconds, WallTime touched) {
  if (seconds > kLongestS) return std::nullopt;
  return touched + std::chrono::seconds(seconds);
}

}  // namespace

std::optional<WallTime> kept_until(std::string_view data_class, WallTime touched) {
  const int64_t keep_s = keep_of(data_class);
  return keep_s <= kKeepSession ? touched : after(keep_s, touched);
}

std::optional<WallTime> kept_at_most(std::string_view data_class, WallTime touched) {
  const DataClass data = class_of(data_class);
  return after(data.keep_s <= kKeepSession ? data.at_most_s : data.keep_s, touched);
}

bool kept_for_the_work_only(std::string_view data_class) {
  return keep_of(data_class) <= kKeepSession;
}

bool kept_while_worked_on_only(std::string_view data_class) {
  return keep_of(data_class) == kKeepNone;
}

}  // namespace drover::contract
