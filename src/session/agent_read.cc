#include "session/agent_read.h"

#include <algorithm>

namespace drover::session::read {

Failure bad(std::string message) {
  return fail(Code::kInvalidArgument, "agent: " + std::move(message));
}

Result<void> members(const Json& object, const std::string& where,
                     std::initializer_list<std::string_view> known) {
  if (!object.is_object()) {
    return bad(where + " must be an object, not " + std::string(object.type_name()));
  }
  for (const Json::Member& m : *object.members()) {
    if (std::find(known.begin(), known.end(), m.first) != known.end()) {
      if (object.find(m.first) == &m.second) continue;
      return bad("field '" + m.first + "' stands twice in " + where);
    }
    std::string list;
    for (std::string_view k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    return bad("unknown field '" + m.first + "' in " + where + " (known: " + list + ")");
  }
  return {};
}

Result<std::string> text(const Json& object, std::string_view key, std::string fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  if (const std::string* s = v->string()) return *s;
  if (v->is_number()) return v->raw_number()->text;
  return bad(std::string(key) + " must be text, not " + std::string(v->type_name()));
}

Result<std::vector<std::string>> names(const Json& object, std::string_view key) {
  std::vector<std::string> out;
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return out;
  if (const std::string* one = v->string()) {
    out.push_back(*one);
    return out;
  }
  const Json::Array* items = v->array_items();
  if (items == nullptr) return bad(std::string(key) + " must be a list of names");
  for (const Json& item : *items) {
    const std::string* s = item.string();
    if (s == nullptr || s->empty()) return bad(std::string(key) + " must be a list of names");
    out.push_back(*s);
  }
  return out;
}

Result<std::optional<int64_t>> positive(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<int64_t>();
  auto n = v->integer();
  if (!n || *n < 1) return bad(std::string(key) + " must be a whole number of at least 1");
  return n;
}

Result<std::optional<double>> number(const Json& object, std::string_view key, double most) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<double>();
  auto n = v->number();
  if (!n || *n < 0 || *n > most) {
    return bad(std::string(key) + " must be a number from 0 to " + std::to_string(most));
  }
  return n;
}

Result<bool> flag(const Json& object, std::string_view key, bool fallback) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return fallback;
  auto b = v->boolean();
  if (!b) return bad(std::string(key) + " must be true or false");
  return *b;
}

Result<std::optional<Duration>> seconds(const Json& object, std::string_view key) {
  const Json* v = object.find(key);
  if (v == nullptr || v->is_null()) return std::optional<Duration>();
  constexpr double kMost = 100.0 * 366 * 24 * 3600;
  auto n = v->number();
  if (!n || *n <= 0 || *n > kMost) {
    return bad(std::string(key) + " must be a number of seconds above 0, at most 100 years");
  }
  return std::optional<Duration>(Duration(static_cast<int64_t>(*n * 1e9)));
}

Json seconds_json(Duration d) {
  if (d.count() % 1'000'000'000 == 0) return Json(int64_t{d.count() / 1'000'000'000});
  return Json(to_seconds(d));
}

}  // namespace drover::session::read
