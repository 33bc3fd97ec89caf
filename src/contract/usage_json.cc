#include "contract/chat.h"

namespace drover::contract {
namespace {

struct Field {
  const char* name;
  std::optional<int64_t> Usage::* member;
};
constexpr Field kUsageFields[] = {
    {"input_tokens", &Usage::input_tokens},
    {"output_tokens", &Usage::output_tokens},
    {"cache_read_tokens", &Usage::cache_read_tokens},
    {"cache_write_tokens", &Usage::cache_write_tokens},
    {"cache_write_1h_tokens", &Usage::cache_write_1h_tokens},
    {"reasoning_tokens", &Usage::reasoning_tokens},
    {"audio_input_tokens", &Usage::audio_input_tokens},
    {"audio_output_tokens", &Usage::audio_output_tokens},
    {"image_input_tokens", &Usage::image_input_tokens},
    {"accepted_prediction_tokens", &Usage::accepted_prediction_tokens},
    {"rejected_prediction_tokens", &Usage::rejected_prediction_tokens},
};

}  // namespace

Json to_json(const Usage& usage) {
  Json out = Json::object();
  for (const Field& field : kUsageFields) {
    if (usage.*field.member) out.set(field.name, *(usage.*field.member));
  }
  if (usage.estimated) out.set("estimated", true);
  return out;
}

Usage usage_from_json(const Json& json) {
  Usage usage;
  for (const Field& field : kUsageFields) {
    std::optional<int64_t> count = json.get_int(field.name);
    if (count && *count >= 0) usage.*field.member = count;
  }
  usage.estimated = json.get_bool("estimated").value_or(false);
  return usage;
}

}  // namespace drover::contract
