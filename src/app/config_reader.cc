// The fields of a mapping in drover.yaml: each is read with its type, and what is wrong is a fault.

#include "app/config_reader.h"

#include <algorithm>

namespace drover::app {
namespace {

std::string folder_of(const std::string& path) {
  size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

}  // namespace

std::string relative_to(const std::string& base, const std::string& path) {
  return path.empty() || path.front() == '/' ? path : folder_of(base) + path;
}

std::string ConfigReader::join(const std::string& at, std::string_view key) {
  return at.empty() ? std::string(key) : at + "." + std::string(key);
}

void ConfigReader::fault(const std::string& at, std::string message, std::string remedy) {
  ConfigFault f;
  f.file = path_;
  f.line = doc_.line(at);
  f.message = std::move(message);
  f.remedy = std::move(remedy);
  out_.faults.push_back(std::move(f));
}

bool ConfigReader::known(const Json& object, const std::string& at,
                         std::initializer_list<std::string_view> names) {
  if (!object.is_object()) {
    fault(at, (at.empty() ? "the file" : at) + " must be a mapping of names to values, not a " +
                  std::string(object.type_name()));
    return false;
  }
  for (const Json::Member& m : *object.members()) {
    if (std::find(names.begin(), names.end(), m.first) != names.end()) continue;
    std::string list;
    for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
    fault(join(at, m.first), "unknown setting '" + m.first + "'", "known here: " + list);
  }
  return true;
}

std::string ConfigReader::text(const Json& object, const std::string& at, std::string_view key,
                               std::string fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  if (const std::string* s = v->string()) return *s;
  if (v->is_number()) return v->raw_number()->text;
  fault(join(at, key), std::string(key) + " must be text");
  return fallback;
}

std::string ConfigReader::required(const Json& object, const std::string& at, std::string_view key,
                                   std::string remedy) {
  std::string value = text(object, at, key);
  if (value.empty()) fault(at, "'" + std::string(key) + "' is missing", std::move(remedy));
  return value;
}

bool ConfigReader::flag(const Json& object, const std::string& at, std::string_view key,
                        bool fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  if (auto b = v->boolean()) return *b;
  fault(join(at, key), std::string(key) + " must be true or false");
  return fallback;
}

std::optional<int64_t> ConfigReader::count(const Json& object, const std::string& at,
                                           std::string_view key) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  auto n = v->integer();
  if (n && *n > 0) return n;
  fault(join(at, key), std::string(key) + " must be a whole number above 0");
  return std::nullopt;
}

void ConfigReader::note_empty(const Json& object, const std::string& at, int deeper) {
  if (object.members() == nullptr) return;
  for (const auto& [name, value] : *object.members()) {
    const std::string where = join(at, name);
    if (value.is_null()) {
      out_.config.notes.push_back("line " + std::to_string(doc_.line(where)) + ": '" + name +
                                  "' is empty, and counts as not given");
    }
    if (deeper == 0) continue;
    note_empty(value, where, deeper - 1);
    const Json::Array* items = value.array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      note_empty((*items)[i], where + "[" + std::to_string(i) + "]", deeper - 1);
    }
  }
}

TellFault ConfigReader::tell() {
  return [this](const std::string& at, std::string message, std::string remedy) {
    fault(at, std::move(message), std::move(remedy));
  };
}

std::optional<Money> ConfigReader::dollars(const Json& prices, const std::string& at,
                                           std::string_view key, bool per_million) {
  const Json* v = prices.find(key);
  if (v == nullptr || v->is_null()) return std::nullopt;
  std::string spelled = v->is_number() ? v->raw_number()->text : v->string() ? *v->string() : "";
  if (per_million) spelled += "e-6";
  auto money = Money::parse_usd(spelled);
  if (!money || *money < Money()) {
    fault(join(at, key), "not an amount of US dollars", "a number such as 2.5");
    return std::nullopt;
  }
  return *money;
}

std::map<std::string, std::string> ConfigReader::references(const Json& item, const std::string& at,
                                                            std::string_view key) {
  std::map<std::string, std::string> out;
  const Json* v = item.find(key);
  if (v == nullptr || v->is_null()) return out;
  std::string where = join(at, key);
  if (!v->is_object()) {
    fault(where, std::string(key) + " must be a mapping of names to values");
    return out;
  }
  for (const Json::Member& m : *v->members()) out[m.first] = text(*v, where, m.first);
  return out;
}

std::vector<std::string> ConfigReader::texts(const Json& item, const std::string& at,
                                             std::string_view key) {
  std::vector<std::string> out;
  const Json* v = item.find(key);
  if (v == nullptr || v->is_null()) return out;
  if (const std::string* one = v->string()) return {*one};
  const Json::Array* items = v->array_items();
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const std::string* s = (*items)[i].string())
      out.push_back(*s);
    else if ((*items)[i].is_number())
      out.push_back((*items)[i].raw_number()->text);
  }
  if (items == nullptr || out.size() != items->size()) {
    fault(join(at, key), std::string(key) + " must be a list of texts");
  }
  return out;
}

}  // namespace drover::app
