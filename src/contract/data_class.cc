#include "contract/data_class.h"

#include <algorithm>
#include <array>

#include "base/limits/data_class.h"
#include "base/time.h"

namespace drover::contract {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view kNothing = "-";
constexpr std::array<std::string_view, 4> kSensitivities = {"public", "internal", "confidential",
                                                            "restricted"};
struct UsageName {
  UsageLimit flag;
  std::string_view name;
};
constexpr UsageName kUsages[] = {
    {kNoTraining, "no-training"}, {kNoReview, "no-review"}, {kNoCache, "no-cache"}};

Failure bad_class(std::string message) {
  return fail(Code::kInvalidArgument, "data class: " + std::move(message));
}

template <typename T>
void sort_out(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    size_t end = text.find(separator);
    std::string_view part = text.substr(0, end);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    out.push_back(part);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Result<Words> words(std::string_view what, const std::vector<std::string_view>& parts) {
  Words out;
  if (parts.size() == 1 && parts.front() == kNothing) return out;
  for (std::string_view word : parts) {
    if (!is_class_word(word)) {
      return bad_class(std::string(what) + " '" + std::string(word.substr(0, 80)) +
                       "' is not a name (a-z, 0-9, '.', '_', '-')");
    }
    out.emplace_back(word);
  }
  if (out.size() > limits::kClassWordsMax) {
    return bad_class("at most " + std::to_string(limits::kClassWordsMax) + " names for " +
                     std::string(what));
  }
  sort_out(out);
  return out;
}

/// More clauses than are kept cannot be weakened: the data may be nowhere.
void bound(std::vector<DataClass::Clause>& residency) {
  sort_out(residency);
  bool nowhere = std::any_of(residency.begin(), residency.end(),
                             [](const DataClass::Clause& c) { return c.empty(); });
  if (nowhere || residency.size() > limits::kResidencyClausesMax) residency = {{}};
}

Result<void> read_usage(const std::vector<std::string_view>& parts, DataClass& out) {
  for (std::string_view part : parts) {
    auto it = std::find_if(std::begin(kUsages), std::end(kUsages),
                           [&](const UsageName& u) { return u.name == part; });
    if (it == std::end(kUsages)) {
      return bad_class("usage '" + std::string(part.substr(0, 80)) +
                       "' is unknown (no-training, no-review, no-cache)");
    }
    out.usage |= it->flag;
  }
  return {};
}

Result<void> read_part(std::string_view key, std::string_view value, DataClass& out) {
  if (key == "residency") {
    for (std::string_view clause : split(value, '&')) {
      TRY(Words zones, words("residency", split(clause, '|')));
      out.residency.push_back(std::move(zones));
    }
    bound(out.residency);
    return {};
  }
  if (key == "sensitivity") {
    auto level = parse_sensitivity(value);
    if (!level) {
      return bad_class("sensitivity '" + std::string(value.substr(0, 80)) +
                       "' is unknown (public, internal, confidential, restricted)");
    }
    out.sensitivity = *level;
    return {};
  }
  if (key == "purpose") {
    TRY(out.purposes, words("purpose", split(value, '|')));
    return {};
  }
  if (key == "usage") return read_usage(split(value, ','), out);
  if (key == "retention") {
    TRY(out.keep_s, parse_retention(value));
    return {};
  }
  return bad_class("'" + std::string(key.substr(0, 80)) +
                   "' is unknown (residency, sensitivity, purpose, usage, retention)");
}

/// The name of a class, or "key=value". By itself, so that what stands twice is joined: read into
/// what came before, the last would undo the others.
Result<DataClass> read_one(std::string_view part) {
  DataClass out;
  const size_t equals = part.find('=');
  if (equals != std::string_view::npos) {
    TRY_VOID(read_part(part.substr(0, equals), part.substr(equals + 1), out));
  } else if (is_class_word(part)) {
    out.names.emplace_back(part);
  } else {
    return bad_class("'" + std::string(part.substr(0, 80)) +
                     "' is neither the name of a class nor a part such as residency=de");
  }
  return out;
}

std::string joined(const Words& list, char separator) {
  if (list.empty()) return std::string(kNothing);
  std::string out;
  for (const std::string& word : list) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

/// A list of texts, or one text: as one "a|b" value.
Result<std::string> listed(const Json& json, std::string_view key, char separator) {
  if (const std::string* one = json.string()) return *one;
  const Json::Array* items = json.array_items();
  std::string out;
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const std::string* word = (*items)[i].string();
    if (word == nullptr) return bad_class(std::string(key) + " must be a name or a list of names");
    if (i > 0) out += separator;
    out += *word;
  }
  if (items == nullptr) return bad_class(std::string(key) + " must be a name or a list of names");
  return out.empty() ? std::string(kNothing) : out;
}

/// Of a part that takes one word. A list of one is that one; more are no choice, and a number says
/// neither a level nor a unit.
Result<std::string> one_word(const Json& json, std::string_view key, std::string_view what) {
  const Json::Array* items = json.array_items();
  const Json& one = items != nullptr && items->size() == 1 ? items->front() : json;
  if (const std::string* text = one.string()) return *text;
  std::string got = "a " + std::string(one.type_name());
  if (items != nullptr) got = "a list";
  if (const Json::Number* number = one.raw_number()) got = number->text.substr(0, 80);
  return bad_class(std::string(key) + " must be one of " + std::string(what) + ", not " + got);
}

Result<std::string> part_text(const Json& json, std::string_view key) {
  if (key == "sensitivity") {
    return one_word(json, key, "public, internal, confidential and restricted");
  }
  if (key == "retention") {
    return one_word(json, key, "none, session, unlimited and a duration such as 30d");
  }
  return listed(json, key, key == "usage" ? ',' : '|');
}

}  // namespace

std::string_view sensitivity_name(Sensitivity sensitivity) {
  return kSensitivities[static_cast<size_t>(sensitivity)];
}

std::optional<Sensitivity> parse_sensitivity(std::string_view name) {
  for (size_t i = 0; i < kSensitivities.size(); ++i) {
    if (kSensitivities[i] == name) return static_cast<Sensitivity>(i);
  }
  return std::nullopt;
}

bool is_class_word(std::string_view word) {
  if (word.empty() || word.size() > 64 || word == kNothing) return false;
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

Result<int64_t> parse_retention(std::string_view text) {
  if (text == "none") return kKeepNone;
  if (text == "session") return kKeepSession;
  if (text == "unlimited") return kKeepUnlimited;
  auto duration = parse_duration(text);
  // A number alone may be meant in days, and what is kept too short is lost.
  const bool unit = !text.empty() && !(text.back() >= '0' && text.back() <= '9');
  if (!duration || !unit || *duration < Duration::zero()) {
    return bad_class("retention '" + std::string(text.substr(0, 80)) +
                     "' is not none, session, unlimited or a duration such as 30d");
  }
  int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration).count();
  return seconds <= kKeepSession ? kKeepNone : seconds;
}

std::string retention_text(int64_t keep_s) {
  if (keep_s == kKeepNone) return "none";
  if (keep_s == kKeepSession) return "session";
  if (keep_s == kKeepUnlimited) return "unlimited";
  constexpr int64_t kDay = 24 * 3600;
  if (keep_s % kDay == 0) return std::to_string(keep_s / kDay) + "d";
  return std::to_string(keep_s) + "s";
}

Result<DataClass> DataClass::parse(std::string_view text) {
  DataClass out;
  if (text.size() > limits::kDataClassBytesMax) {
    return bad_class("longer than " + std::to_string(limits::kDataClassBytesMax) + " bytes");
  }
  if (text.empty()) return out;
  for (std::string_view part : split(text, ';')) {
    TRY(DataClass one, read_one(part));
    out = join(out, one);
  }
  return out;
}

Result<DataClass> DataClass::stated(std::string_view text) {
  if (text.find_first_not_of(' ') != std::string_view::npos) return parse(text);
  return fail(Error(Code::kInvalidArgument,
                    "data class: an empty text is no class (is a variable not set?); to state "
                    "nothing, leave the header, the member or the flag out")
                  .with_reason("unknown_data_class"));
}

Result<DataClass> DataClass::from_json(const Json& json) {
  if (const std::string* text = json.string()) return stated(*text);
  if (!json.is_object())
    return bad_class("must be a text or an object, not " + std::string(json.type_name()));
  DataClass out;
  for (const auto& [key, value] : *json.members()) {
    if (value.is_null()) continue;
    if (key == "class") {
      TRY(std::string name, listed(value, key, ';'));
      TRY(DataClass named, stated(name));
      out = join(out, named);
      continue;
    }
    TRY(std::string text, part_text(value, key));
    DataClass part;
    TRY_VOID(read_part(key, text, part));
    out = join(out, part);
  }
  return out;
}

bool DataClass::low_risk() const {
  return sensitivity <= Sensitivity::kInternal && names.empty() && residency.empty() && !purposes &&
         usage == 0 && keep_s == kKeepUnlimited;
}

std::string DataClass::text() const {
  std::string out;
  auto part = [&](std::string_view key, const std::string& value) {
    if (!out.empty()) out += ';';
    out += key;
    if (!value.empty()) out += '=' + value;
  };
  for (const std::string& name : names) part(name, "");
  if (!residency.empty()) {
    std::string clauses;
    for (const Clause& clause : residency) {
      clauses += (clauses.empty() ? "" : "&") + joined(clause, '|');
    }
    part("residency", clauses);
  }
  if (sensitivity != Sensitivity::kPublic) {
    part("sensitivity", std::string(sensitivity_name(sensitivity)));
  }
  if (purposes) part("purpose", joined(*purposes, '|'));
  if (usage != 0) {
    std::string flags;
    for (const UsageName& u : kUsages) {
      if ((usage & u.flag) != 0) flags += (flags.empty() ? "" : ",") + std::string(u.name);
    }
    part("usage", flags);
  }
  // The stricter one last: whoever takes the last of what stands twice reads none that is too lax.
  for (int64_t seconds : {at_most_s, keep_s}) {
    if (seconds != kKeepUnlimited) part("retention", retention_text(seconds));
  }
  return out;
}

DataClass join(const DataClass& a, const DataClass& b) {
  DataClass out = a;
  out.residency.insert(out.residency.end(), b.residency.begin(), b.residency.end());
  bound(out.residency);
  out.sensitivity = std::max(a.sensitivity, b.sensitivity);
  if (a.purposes && b.purposes) {
    out.purposes->clear();
    std::set_intersection(a.purposes->begin(), a.purposes->end(), b.purposes->begin(),
                          b.purposes->end(), std::back_inserter(*out.purposes));
  } else if (b.purposes) {
    out.purposes = b.purposes;
  }
  out.usage |= b.usage;
  out.keep_s = std::min(a.keep_s, b.keep_s);
  auto duration = [](const DataClass& d) {
    return d.keep_s > kKeepSession ? d.keep_s : d.at_most_s;
  };
  const bool by_work = out.keep_s <= kKeepSession;
  out.at_most_s = by_work ? std::min(duration(a), duration(b)) : kKeepUnlimited;
  out.names.insert(out.names.end(), b.names.begin(), b.names.end());
  sort_out(out.names);
  return out;
}

std::string join_texts(std::string_view a, std::string_view b) {
  if (a == b || b.empty()) return std::string(a);
  if (a.empty()) return std::string(b);
  DataClass unknown;
  unknown.names = {"unreadable"};
  return join(DataClass::parse(a).value_or(unknown), DataClass::parse(b).value_or(unknown)).text();
}

}  // namespace drover::contract
