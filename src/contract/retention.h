#pragma once
// When data of a class is to be gone. Its retention counts from when the data was last touched;
// "none" and "session" end with the work on it, and with a duration that was joined to them. Pure.

#include <optional>
#include <string_view>

#include "base/time.h"

namespace drover::contract {

/// The reason with which a session ends that only waited when its retention ended.
inline constexpr std::string_view kRetentionOver = "retention";

/// `data_class` as text; one that cannot be read may not be kept. nullopt: no time ends it.
std::optional<WallTime> kept_until(std::string_view data_class, WallTime touched);
/// When its duration is over, whatever work is on it: also one beside "none" or "session". nullopt:
/// there is none.
std::optional<WallTime> kept_at_most(std::string_view data_class, WallTime touched);
/// Whether it may be kept only while it is worked on: "none" and "session".
bool kept_for_the_work_only(std::string_view data_class);
/// Whether it may be kept only while it is worked on, and not while its session rests: "none".
bool kept_while_worked_on_only(std::string_view data_class);

}  // namespace drover::contract
