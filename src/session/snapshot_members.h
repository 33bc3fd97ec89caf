#pragma once
// Internal to src/session: how the members of a snapshot are written and read. Members with their
// default are left out: most states are small.

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/json.h"
#include "base/money.h"
#include "base/time.h"

namespace drover::session::snapshots {

inline void put(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}
inline void put(Json& out, const char* key, int64_t value) {
  if (value != 0) out.set(key, value);
}
inline void put(Json& out, const char* key, uint64_t value) {
  if (value != 0) out.set(key, value);
}
inline void put(Json& out, const char* key, bool value) {
  if (value) out.set(key, true);
}
inline void put(Json& out, const char* key, Duration value) {
  put(out, key, int64_t{value.count()});
}
inline void put(Json& out, const char* key, WallTime value) { put(out, key, unix_nanos(value)); }
inline void put(Json& out, const char* key, Money value) {
  if (!value.is_zero()) out.set(key, value.usd());
}
inline void put(Json& out, const char* key, const Json& value) {
  if (!value.is_null()) out.set(key, value);
}
template <typename T>
void put(Json& out, const char* key, const std::optional<T>& value) {
  if (!value) return;
  if constexpr (std::is_same_v<T, WallTime>) {
    out.set(key, unix_nanos(*value));
  } else {
    out.set(key, *value);
  }
}
template <typename T, typename F>
void put_list(Json& out, const char* key, const std::vector<T>& items, F one) {
  if (items.empty()) return;
  Json list = Json::array();
  for (const T& item : items) list.push(one(item));
  out.set(key, std::move(list));
}

inline int64_t number(const Json& in, const char* key) { return in.get_int(key).value_or(0); }
inline uint64_t count(const Json& in, const char* key) {
  return static_cast<uint64_t>(number(in, key));
}
inline bool flag(const Json& in, const char* key) { return in.get_bool(key).value_or(false); }
inline Duration duration(const Json& in, const char* key) { return Duration(number(in, key)); }
inline WallTime when(const Json& in, const char* key) {
  return wall_from_unix_nanos(number(in, key));
}
inline std::optional<uint64_t> maybe_count(const Json& in, const char* key) {
  auto n = in.get_int(key);
  return n ? std::optional<uint64_t>(static_cast<uint64_t>(*n)) : std::nullopt;
}
inline Money money(const Json& in, const char* key) {
  return Money::parse_usd(in.get_string(key).value_or("0")).value_or(Money());
}
inline Json any(const Json& in, const char* key) {
  const Json* found = in.find(key);
  return found == nullptr ? Json() : *found;
}
inline const Json::Array& items(const Json& in, const char* key) {
  static const Json::Array kNone;
  const Json* found = in.find(key);
  const Json::Array* list = found == nullptr ? nullptr : found->array_items();
  return list == nullptr ? kNone : *list;
}

}  // namespace drover::session::snapshots
