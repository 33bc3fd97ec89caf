#include "contract/validate.h"

#include <algorithm>
#include <span>

#include "contract/chat.h"
#include "contract/payload_fields.h"

namespace drover::contract {
namespace {

Failure invalid_event(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_event"));
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_money(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  size_t whole = std::min(text.find_first_not_of("0123456789"), text.size());
  if (whole == 0) return false;
  std::string_view rest = text.substr(whole);
  if (rest.empty()) return true;
  if (rest[0] != '.') return false;
  rest.remove_prefix(1);
  return !rest.empty() && rest.size() <= 12 &&
         rest.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_count(const Json& value) {
  std::optional<int64_t> n = value.integer();
  return n && *n >= 0;
}

bool is_filled(const Json* value) {
  return value != nullptr && value->is_string() && !value->string()->empty();
}

bool all_items(const Json& value, bool (*check)(const Json&)) {
  const Json::Array* items = value.array_items();
  if (items == nullptr) return false;
  for (const Json& item : *items) {
    if (!check(item)) return false;
  }
  return true;
}

bool is_usage(const Json& value) {
  if (!value.is_object()) return false;
  const Json* estimated = value.find("estimated");
  if (estimated != nullptr && !estimated->is_bool()) return false;
  for (const Json::Member& m : *value.members()) {
    if (m.first.ends_with("_tokens") && !is_count(m.second)) return false;
  }
  return true;
}

bool is_error(const Json& value) {
  if (!is_filled(value.find("code")) || !value.get_string("message")) return false;
  const Json* reason = value.find("reason");
  if (reason != nullptr && !reason->is_string()) return false;
  const Json* retry = value.find("retry");
  if (retry == nullptr) return true;
  for (Retry r : {Retry::kNever, Retry::kSameTarget, Retry::kOtherTarget, Retry::kAfter}) {
    if (retry->is_string() && *retry->string() == retry_name(r)) return true;
  }
  return false;
}

bool is_agent(const Json& value) {
  const Json* version = value.find("version");
  return is_filled(value.find("name")) && (version == nullptr || version->is_string());
}

bool has_type(const Json& value, PayloadType type) {
  switch (type) {
    case PayloadType::kString:
      return value.is_string();
    case PayloadType::kNonempty:
      return is_filled(&value);
    case PayloadType::kAny:
      return true;
    case PayloadType::kCount:
      return is_count(value);
    case PayloadType::kNumber:
      return value.is_number();
    case PayloadType::kBool:
      return value.is_bool();
    case PayloadType::kObject:
      return value.is_object();
    case PayloadType::kObjects:
      return all_items(value, [](const Json& item) { return item.is_object(); });
    case PayloadType::kStrings:
      return all_items(value, [](const Json& item) { return item.is_string(); });
    case PayloadType::kCounts:
      if (!value.is_object()) return false;
      for (const Json::Member& m : *value.members()) {
        if (!is_count(m.second)) return false;
      }
      return true;
    case PayloadType::kMoney:
      return value.is_string() && is_money(*value.string());
    case PayloadType::kTime:
      return value.is_string() && parse_rfc3339(*value.string());
    case PayloadType::kAgent:
      return is_agent(value);
    case PayloadType::kMessage:
      return message_from_json(value).has_value();
    case PayloadType::kUsage:
      return is_usage(value);
    case PayloadType::kError:
      return is_error(value);
    case PayloadType::kFinish:
      return value.is_string() && parse_finish_reason(*value.string()).has_value();
    case PayloadType::kRejections:
      return all_items(value, [](const Json& item) {
        return is_filled(item.find("endpoint")) && is_filled(item.find("reason"));
      });
  }
  return false;
}

// What an effect's result must have unless it is one of the others: an error, or a late result of
// a superseded attempt.
Result<void> check_result(std::string_view kind, const Json& payload) {
  static constexpr std::string_view kAnswer[] = {"message",  "finish_reason", "model",
                                                 "provider", "endpoint",      "usage"};
  static constexpr std::string_view kEffects[] = {"effects"};
  static constexpr std::string_view kContent[] = {"content"};
  std::span<const std::string_view> needed;
  if (kind == kind::kModelResult) needed = kAnswer;
  if (kind == kind::kPlan) needed = kEffects;
  if (kind == kind::kToolResult) needed = kContent;
  if (payload.find("ignored") != nullptr) return {};
  bool may_fail = kind != kind::kToolResult;  // a tool's error is content
  if (may_fail && payload.find("error") != nullptr) return {};
  for (std::string_view name : needed) {
    if (payload.find(name) != nullptr) continue;
    return invalid_event(std::string(kind) + ": '" + std::string(name) +
                         "' is missing, and there is no " +
                         (may_fail ? "'error' and no 'ignored'" : "'ignored'"));
  }
  return {};
}

}  // namespace

Result<void> validate_payload(std::string_view kind, uint32_t attempt, const Json& payload) {
  if (!payload.is_object())
    return invalid_event(std::string(kind) + ": the payload must be an object");
  for (const PayloadField& field : payload_fields()) {
    if (field.kind != kind) continue;
    const Json* value = payload.find(field.name);
    std::string name = std::string(kind) + ": '" + std::string(field.name) + "'";
    if (value == nullptr) {
      bool needed = field.need == PayloadNeed::kAlways ||
                    (field.need == PayloadNeed::kFirstAttempt && attempt <= 1);
      if (needed) return invalid_event(name + " is missing");
      continue;
    }
    if (!has_type(*value, field.type)) {
      std::string message = name + " must be " + std::string(type_phrase(field.type));
      if (field.type == PayloadType::kMessage) {
        message += ": " + message_from_json(*value).error().message;
      }
      return invalid_event(std::move(message));
    }
  }
  return check_result(kind, payload);
}

Result<void> validate_event(const Event& event) {
  struct Hex {
    const char* name;
    const std::string& text;
    size_t size;  // 0: any even number of digits
  };
  const Hex members[] = {{"salt", event.salt, 0},
                         {"commitment", event.commitment, 64},
                         {"previous_hash", event.previous_hash, 64},
                         {"hash", event.hash, 64}};
  for (const Hex& hex : members) {
    if (hex.text.empty()) continue;
    bool fits = hex.size == 0 ? hex.text.size() % 2 == 0 : hex.text.size() == hex.size;
    if (!fits || !is_hex(hex.text))
      return invalid_event(std::string(hex.name) + " must be lower-case hex");
  }
  if (event.payload.empty()) return {};  // purged, or in the blob store
  TRY(Json payload, Json::parse(event.payload));
  return validate_payload(event.kind, event.attempt, payload);
}

Result<ExportCheck> check_export(std::string_view lines) {
  ExportCheck out;
  while (!lines.empty()) {
    size_t end = lines.find('\n');
    std::string_view line = lines.substr(0, end);
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 1);
    if (line.empty()) continue;
    uint64_t number = ++out.events;
    auto at_line = [&](std::string message) {
      return invalid_event("line " + std::to_string(number) + ": " + std::move(message));
    };
    Result<Event> event = decode_event(line);
    if (!event) return at_line(event.error().message);
    if (Result<void> valid = validate_event(*event); !valid) return at_line(valid.error().message);
    if (out.session.empty()) out.session = event->session;
    if (event->session != out.session) return at_line("belongs to another session");
    if (event->sequence != number) {
      return at_line("sequence " + std::to_string(event->sequence) + " where " +
                     std::to_string(number) + " was expected");
    }
    if (event->causation >= event->sequence) return at_line("causation must point backwards");
  }
  if (out.events == 0) return invalid_event("there are no events");
  return out;
}

}  // namespace drover::contract
