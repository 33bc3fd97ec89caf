#include "policy/cedar_faults.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace drover::policy {
namespace {

using Words = std::vector<std::string_view>;

/// A fault, and what stands in the place of one of its words where it is told again.
struct Told {
  std::string place;
  std::string says;
  std::string help;  // in brackets at the end; "" if there is none
  std::optional<size_t> word;
  std::vector<std::string> others;
};

Words split_words(std::string_view text) {
  Words out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Told told_of(const Json& fault, const std::string& file) {
  Told out;
  out.place = file + ":" + std::to_string(fault.get_int("line").value_or(0)) + ":" +
              std::to_string(fault.get_int("column").value_or(0));
  out.says = fault.get_string("message").value_or("not a policy");
  std::replace(out.says.begin(), out.says.end(), '\n', ' ');  // a line for each
  const size_t help = out.says.ends_with(")") ? out.says.find(" (") : std::string::npos;
  if (help != std::string::npos) {
    out.help = out.says.substr(help);
    out.says.resize(help);
  }
  return out;
}

/// Whether `again` is the same fault but for one word, which is then kept.
bool same_but_for_a_word(Told& told, const Told& again) {
  if (told.place != again.place) return false;
  const Words a = split_words(told.says), b = split_words(again.says);
  if (a.size() != b.size()) return false;
  std::optional<size_t> differs;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (differs) return false;
    differs = i;
  }
  if (differs && told.word.value_or(*differs) != *differs) return false;
  if (told.help.empty()) told.help = again.help;
  if (!differs) return true;
  told.word = differs;
  if (std::find(told.others.begin(), told.others.end(), b[*differs]) == told.others.end()) {
    told.others.emplace_back(b[*differs]);
  }
  return true;
}

std::string line_of(const Told& told) {
  std::string out = told.place + ":";
  const Words words = split_words(told.says);
  for (size_t i = 0; i < words.size(); ++i) {
    out.append(" ").append(words[i]);
    if (told.word == i) out += ", " + joined(told.others);
  }
  return out + told.help;
}

}  // namespace

std::string cedar_faults(const Json& faults, const std::string& file) {
  std::vector<Told> all;
  for (const Json& fault :
       faults.array_items() == nullptr ? Json::Array() : *faults.array_items()) {
    Told one = told_of(fault, file);
    const bool again = std::any_of(all.begin(), all.end(),
                                   [&](Told& told) { return same_but_for_a_word(told, one); });
    if (!again) all.push_back(std::move(one));
  }
  std::string out;
  for (const Told& told : all) out += (out.empty() ? "" : "\n") + line_of(told);
  return out;
}

}  // namespace drover::policy
