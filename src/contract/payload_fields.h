#pragma once
// Internal to src/contract: the fields of each known kind's payload, as /contract/schemas/kinds
// and /contract/README.md have them. Change the three together; the vectors find what differs.

#include <span>
#include <string_view>

namespace drover::contract {

enum class PayloadType : unsigned char {
  kString,
  kNonempty,
  kAny,
  kCount,  // an integer of at least 0
  kNumber,
  kBool,
  kObject,
  kObjects,
  kStrings,
  kCounts,
  kMoney,
  kTime,
  kAgent,
  kMessage,
  kUsage,
  kError,
  kFinish,
  kRejections,
};
enum class PayloadNeed : unsigned char { kAlways, kFirstAttempt, kOptional };

struct PayloadField {
  std::string_view kind;
  std::string_view name;
  PayloadType type;
  PayloadNeed need;
};

std::span<const PayloadField> payload_fields();
/// "a string", "an object with …", for messages.
std::string_view type_phrase(PayloadType type);

}  // namespace drover::contract
