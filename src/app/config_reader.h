#pragma once
// Internal to src/app: reads drover.yaml, one section after the other. Its parts stand in files of
// their own: config_reader.cc (fields of a mapping), config_endpoints.cc, config_tools.cc, and
// config.cc (the rest, and the order). Each fault is kept with its place ("endpoints[2].price") and
// line, and reading goes on, so that one check shows them all.

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.h"
#include "app/config_deadlines.h"

namespace drover::app {

/// A path in the file `base` that is not absolute begins in that file's folder.
std::string relative_to(const std::string& base, const std::string& path);

class ConfigReader {
 public:
  ConfigReader(std::string path, const YamlDocument& doc, const ReadFile& read_file)
      : path_(std::move(path)), doc_(doc), read_file_(read_file) {}

  ConfigOutcome read();

 private:
  // Fields. `at` is the place of the mapping that holds them.
  void fault(const std::string& at, std::string message, std::string remedy = "");
  static std::string join(const std::string& at, std::string_view key);
  bool known(const Json& object, const std::string& at,
             std::initializer_list<std::string_view> names);
  std::string text(const Json& object, const std::string& at, std::string_view key,
                   std::string fallback = "");
  std::string required(const Json& object, const std::string& at, std::string_view key,
                       std::string remedy);
  bool flag(const Json& object, const std::string& at, std::string_view key, bool fallback);
  std::optional<int64_t> count(const Json& object, const std::string& at, std::string_view key);
  TellFault tell();
  std::optional<Money> dollars(const Json& prices, const std::string& at, std::string_view key,
                               bool per_million);
  std::map<std::string, std::string> references(const Json& item, const std::string& at,
                                                std::string_view key);
  std::vector<std::string> texts(const Json& item, const std::string& at, std::string_view key);
  template <typename F>
  void each(const Json& root, const std::string& key, F f) {
    const Json* list = root.find(key);
    if (list == nullptr || list->is_null()) return;
    const Json::Array* items = list->array_items();
    if (items == nullptr) {
      fault(key, key + " must be a list", "begin each entry with '- '");
      return;
    }
    for (size_t i = 0; i < items->size(); ++i) f((*items)[i], key + "[" + std::to_string(i) + "]");
  }

  /// Names that stand with nothing behind them, of the file, its sections and their entries.
  void note_empty(const Json& object, const std::string& at, int deeper);

  // Sections and their entries.
  void read_listen(const Json& root);
  void read_tls(const Json& root);
  void read_log(const Json& root);
  void read_road(const Json& root);
  void price(const Json& item, const std::string& at, catalog::Endpoint& e);
  void endpoint(const Json& item, const std::string& at);
  /// One endpoint for each key; the first has the configured id.
  void add_accounts(const Json& item, const std::string& at, catalog::Endpoint e);
  void attestation(const Json& item, const std::string& at, const catalog::Endpoint& e);
  /// An origin where agents' planners may be, private or not, and what it is told of secrets.
  void planner(const Json& item, const std::string& at);
  /// The tools of a server of plain HTTP, which nobody can be asked for.
  void http_tools(const Json& item, const std::string& at, tools::ToolServer& t);
  void tool(const Json& item, const std::string& at);
  void agent(const Json& item, const std::string& at);
  void check_agents();

  std::string path_;
  const YamlDocument& doc_;
  const ReadFile& read_file_;
  ConfigOutcome out_;
  std::map<std::string, std::string> agent_at_;
  catalog::Deadlines deadlines_;  // of every endpoint that has none of its own
};

}  // namespace drover::app
