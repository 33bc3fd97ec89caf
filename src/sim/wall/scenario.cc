#include "sim/wall/scenario.h"

namespace drover::sim::wall {

std::string_view end_name(End end) {
  switch (end) {
    case End::kWhole:
      return "whole";
    case End::kError:
      return "error";
    case End::kBroken:
      return "broken off";
    case End::kSilent:
      return "silent end";
    case End::kNothing:
      return "no answer";
    case End::kLeft:
      return "left";
  }
  return "";
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> out;
    add_connections(out);
    add_streams(out);
    add_refusals(out);
    add_answers(out);
    add_clients(out);
    return out;
  }();
  return all;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& s : scenarios()) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

Script first_answers(const Request& request) { return whole_answer(request.stream, kFirst); }
Script second_answers(const Request& request) { return whole_answer(request.stream, kSecond); }

}  // namespace drover::sim::wall
