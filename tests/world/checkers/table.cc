#include "world/checkers/table.h"

#include <charconv>

namespace drover::world {

std::vector<std::unique_ptr<Checker>> make_checkers(Verdict& verdict, const Book& book) {
  std::vector<std::unique_ptr<Checker>> out;
  out.push_back(make_effects_checker(verdict, book));
  out.push_back(make_answers_checker(verdict, book));
  out.push_back(make_budgets_checker(verdict, book));
  out.push_back(make_waits_checker(verdict, book));
  out.push_back(make_trees_checker(verdict, book));
  out.push_back(make_endings_checker(verdict, book));
  out.push_back(make_reached_counter(verdict, book));
  return out;
}

std::optional<EffectKey> parse_key(std::string_view key) {
  size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  EffectKey out;
  out.session = SessionId(std::string(key.substr(0, slash)));
  std::string_view number = key.substr(slash + 1);
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.sequence);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return out;
}

}  // namespace drover::world
