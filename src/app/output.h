#pragma once
// What commands print: aligned tables, and text of others made safe for a terminal. Pure, but for
// the printing.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace drover::app {

class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Columns two spaces apart; the head in bold if `colours`.
  std::string text(bool colours) const;
  void print() const;
  bool empty() const { return rows_.size() == 1; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Control characters but line ends and tabs become '?', so that no text of a model or a tool can
/// drive the terminal.
std::string printable(std::string_view text);
/// The same on one line, at most `most` characters.
std::string one_line(std::string_view text, size_t most);
/// The same for a table on standard output: whole where that is no terminal, for whoever pipes it
/// looks for something.
std::string cell(std::string_view text, size_t most);
/// "1 agent", "2 agents".
std::string counted(size_t number, std::string_view what);
/// "'a', 'b', 'c' and 3 more".
std::string some_of(const std::vector<std::string>& names);
/// Characters, which is what a terminal aligns by (wide ones count as one).
size_t width(std::string_view utf8);
/// "2026-11-23 09:20:01" of an RFC 3339 time.
std::string short_time(std::string_view rfc3339);
/// Dim text, if colours are wanted on standard output.
std::string dim(std::string text);
/// A text member, or "".
std::string member(const Json& object, std::string_view name);
/// The items of a list that the API answers with ("data"); none where it is missing.
const Json::Array& items_of(const Json& list);
void print_json(const Json& json);

}  // namespace drover::app
