#pragma once
// What a run of the wall prints: a table for people, with what was wrong below each scenario that
// failed, or one JSON document. Pure.

#include <string>
#include <vector>

#include "app/wall/judge.h"
#include "base/json.h"

namespace drover::app::wall {

std::string scorecard_text(const std::string& gateway, const std::vector<Verdict>& verdicts,
                           Duration took, bool colours);
Json scorecard_json(const std::string& gateway, const std::vector<Verdict>& verdicts,
                    Duration took);
/// `drover wall --list`.
std::string scenario_list(bool colours);
Json scenario_list_json();

}  // namespace drover::app::wall
