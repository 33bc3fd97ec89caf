#include "contract/payload_fields.h"

namespace drover::contract {
namespace {

using Type = PayloadType;
using Need = PayloadNeed;

// clang-format off
constexpr PayloadField kPayloadFields[] = {
    {"session.started", "agent", Type::kAgent, Need::kAlways},
    {"session.started", "tenant", Type::kNonempty, Need::kAlways},
    {"session.started", "trace_id", Type::kString, Need::kOptional},
    {"session.started", "labels", Type::kObject, Need::kOptional},
    {"session.started", "user", Type::kString, Need::kOptional},
    {"session.started", "limits", Type::kObject, Need::kOptional},
    {"session.started", "recording", Type::kObject, Need::kOptional},
    {"session.started", "root", Type::kNonempty, Need::kOptional},
    {"session.started", "parent", Type::kNonempty, Need::kOptional},
    {"session.started", "parent_sequence", Type::kCount, Need::kOptional},
    {"session.started", "depth", Type::kCount, Need::kOptional},
    {"session.started", "tree", Type::kObject, Need::kOptional},
    {"session.started", "budget", Type::kObject, Need::kOptional},
    {"session.ended", "reason", Type::kNonempty, Need::kAlways},
    {"session.ended", "explanation", Type::kString, Need::kOptional},
    {"session.ended", "result", Type::kString, Need::kOptional},
    {"observation", "message", Type::kMessage, Need::kAlways},
    {"plan.requested", "step", Type::kCount, Need::kFirstAttempt},
    {"plan.requested", "planner", Type::kNonempty, Need::kFirstAttempt},
    {"plan.requested", "given_back", Type::kNonempty, Need::kOptional},
    {"plan", "effects", Type::kObjects, Need::kOptional},
    {"plan", "planner", Type::kString, Need::kOptional},
    {"plan", "explanation", Type::kString, Need::kOptional},
    {"plan", "error", Type::kError, Need::kOptional},
    {"plan", "ignored", Type::kNonempty, Need::kOptional},
    {"model.call", "step", Type::kCount, Need::kFirstAttempt},
    {"model.call", "models", Type::kStrings, Need::kFirstAttempt},
    {"model.call", "messages", Type::kCount, Need::kFirstAttempt},
    {"model.call", "prompt_hash", Type::kString, Need::kFirstAttempt},
    {"model.call", "tools_hash", Type::kString, Need::kOptional},
    {"model.call", "needs", Type::kObject, Need::kOptional},
    {"model.result", "message", Type::kMessage, Need::kOptional},
    {"model.result", "finish_reason", Type::kFinish, Need::kOptional},
    {"model.result", "model", Type::kString, Need::kOptional},
    {"model.result", "provider", Type::kString, Need::kOptional},
    {"model.result", "endpoint", Type::kString, Need::kOptional},
    {"model.result", "region", Type::kString, Need::kOptional},
    {"model.result", "response_id", Type::kString, Need::kOptional},
    {"model.result", "request_id", Type::kString, Need::kOptional},
    {"model.result", "system_fingerprint", Type::kString, Need::kOptional},
    {"model.result", "prompt_hash", Type::kString, Need::kOptional},
    {"model.result", "usage", Type::kUsage, Need::kOptional},
    {"model.result", "cost_usd", Type::kMoney, Need::kOptional},
    {"model.result", "first_token_us", Type::kCount, Need::kOptional},
    {"model.result", "latency_us", Type::kCounts, Need::kOptional},
    {"model.result", "attempts", Type::kCount, Need::kOptional},
    {"model.result", "messages_left_out", Type::kCount, Need::kOptional},
    {"model.result", "error", Type::kError, Need::kOptional},
    {"model.result", "ignored", Type::kNonempty, Need::kOptional},
    {"tool.call", "index", Type::kCount, Need::kAlways},
    {"tool.call", "call_index", Type::kCount, Need::kOptional},
    {"tool.call", "call_id", Type::kString, Need::kFirstAttempt},
    {"tool.call", "name", Type::kString, Need::kFirstAttempt},
    {"tool.call", "arguments", Type::kString, Need::kFirstAttempt},
    {"tool.call", "idempotency_key", Type::kNonempty, Need::kFirstAttempt},
    {"tool.call", "executor", Type::kString, Need::kOptional},
    {"tool.call", "given_back", Type::kNonempty, Need::kOptional},
    {"tool.call", "refused", Type::kNonempty, Need::kOptional},
    {"tool.result", "call_id", Type::kString, Need::kOptional},
    {"tool.result", "name", Type::kString, Need::kOptional},
    {"tool.result", "content", Type::kString, Need::kOptional},
    {"tool.result", "is_error", Type::kBool, Need::kOptional},
    {"tool.result", "latency_us", Type::kCount, Need::kOptional},
    {"tool.result", "coalesced", Type::kBool, Need::kOptional},
    {"tool.result", "batch", Type::kCount, Need::kOptional},
    {"tool.result", "tries", Type::kCount, Need::kOptional},
    {"tool.result", "ignored", Type::kNonempty, Need::kOptional},
    {"memory.read", "namespace", Type::kNonempty, Need::kAlways},
    {"memory.read", "op", Type::kNonempty, Need::kAlways},
    {"memory.read", "key", Type::kString, Need::kOptional},
    {"memory.read", "prefix", Type::kString, Need::kOptional},
    {"memory.read", "query", Type::kString, Need::kOptional},
    {"memory.read", "found", Type::kCount, Need::kOptional},
    {"memory.read", "keys", Type::kStrings, Need::kOptional},
    {"memory.read", "latency_us", Type::kCount, Need::kOptional},
    {"memory.write", "namespace", Type::kNonempty, Need::kAlways},
    {"memory.write", "op", Type::kNonempty, Need::kAlways},
    {"memory.write", "key", Type::kNonempty, Need::kAlways},
    {"memory.write", "version", Type::kCount, Need::kOptional},
    {"memory.write", "ok", Type::kBool, Need::kOptional},
    {"memory.write", "latency_us", Type::kCount, Need::kOptional},
    {"child.spawned", "child", Type::kNonempty, Need::kAlways},
    {"child.spawned", "agent", Type::kString, Need::kOptional},
    {"child.spawned", "call_index", Type::kCount, Need::kOptional},
    {"child.spawned", "task", Type::kString, Need::kOptional},
    {"child.spawned", "spec", Type::kAgent, Need::kOptional},
    {"child.spawned", "budget", Type::kObject, Need::kOptional},
    {"child.spawned", "index", Type::kCount, Need::kOptional},
    {"child.ended", "child", Type::kNonempty, Need::kAlways},
    {"child.ended", "reason", Type::kNonempty, Need::kAlways},
    {"child.ended", "result", Type::kString, Need::kOptional},
    {"child.ended", "steps", Type::kCount, Need::kOptional},
    {"child.ended", "tokens", Type::kCount, Need::kOptional},
    {"child.ended", "cost_usd", Type::kMoney, Need::kOptional},
    {"wait.started", "for", Type::kNonempty, Need::kAlways},
    {"wait.started", "wait_id", Type::kString, Need::kOptional},
    {"wait.started", "until", Type::kTime, Need::kOptional},
    {"wait.started", "name", Type::kString, Need::kOptional},
    {"wait.started", "call_index", Type::kCount, Need::kOptional},
    {"wait.started", "tool", Type::kString, Need::kOptional},
    {"wait.started", "arguments", Type::kString, Need::kOptional},
    {"wait.started", "request_id", Type::kString, Need::kOptional},
    {"wait.started", "question", Type::kString, Need::kOptional},
    {"wait.started", "explanation", Type::kString, Need::kOptional},
    {"wait.started", "effect", Type::kBool, Need::kOptional},
    {"wait.resolved", "wait_id", Type::kString, Need::kOptional},
    {"wait.resolved", "for", Type::kString, Need::kOptional},
    {"wait.resolved", "outcome", Type::kNonempty, Need::kAlways},
    {"wait.resolved", "arguments", Type::kString, Need::kOptional},
    {"wait.resolved", "payload", Type::kAny, Need::kOptional},
    {"wait.resolved", "explanation", Type::kString, Need::kOptional},
    {"signal", "name", Type::kNonempty, Need::kAlways},
    {"signal", "payload", Type::kAny, Need::kOptional},
    {"budget.reserved", "reservation", Type::kNonempty, Need::kAlways},
    {"budget.reserved", "cost_usd", Type::kMoney, Need::kOptional},
    {"budget.reserved", "tokens", Type::kCount, Need::kOptional},
    {"budget.reserved", "time_ms", Type::kCount, Need::kOptional},
    {"budget.reserved", "output_tokens", Type::kCount, Need::kOptional},
    {"budget.reserved", "budget", Type::kString, Need::kOptional},
    {"budget.reserved", "scope", Type::kString, Need::kOptional},
    {"budget.reserved", "limit", Type::kString, Need::kOptional},
    {"budget.reserved", "limit_of", Type::kNonempty, Need::kOptional},
    {"budget.settled", "reservation", Type::kNonempty, Need::kAlways},
    {"budget.settled", "cost_usd", Type::kMoney, Need::kOptional},
    {"budget.settled", "tokens", Type::kCount, Need::kOptional},
    {"budget.settled", "time_ms", Type::kCount, Need::kOptional},
    {"budget.settled", "step_tokens", Type::kCount, Need::kOptional},
    {"budget.settled", "estimated", Type::kBool, Need::kOptional},
    {"budget.exceeded", "budget", Type::kNonempty, Need::kAlways},
    {"budget.exceeded", "limit", Type::kString, Need::kOptional},
    {"budget.exceeded", "limit_of", Type::kNonempty, Need::kOptional},
    {"budget.exceeded", "used", Type::kString, Need::kOptional},
    {"budget.exceeded", "scope", Type::kString, Need::kOptional},
    {"budget.exceeded", "explanation", Type::kString, Need::kOptional},
    {"budget.exceeded", "effect", Type::kString, Need::kOptional},
    {"budget.extension_requested", "request_id", Type::kNonempty, Need::kAlways},
    {"budget.extension_requested", "budget", Type::kNonempty, Need::kAlways},
    {"budget.extension_requested", "amount", Type::kString, Need::kAlways},
    {"budget.extension_requested", "explanation", Type::kString, Need::kOptional},
    {"budget.extension_requested", "reason_code", Type::kString, Need::kOptional},
    {"budget.extension_requested", "tokens", Type::kCount, Need::kOptional},
    {"budget.extension_requested", "time_ms", Type::kCount, Need::kOptional},
    {"budget.extension_requested", "cost_usd", Type::kMoney, Need::kOptional},
    {"budget.extension_requested", "expected_gain", Type::kString, Need::kOptional},
    {"budget.extension_requested", "effect", Type::kBool, Need::kOptional},
    {"budget.extension_decided", "request_id", Type::kNonempty, Need::kAlways},
    {"budget.extension_decided", "granted", Type::kBool, Need::kAlways},
    {"budget.extension_decided", "amount", Type::kString, Need::kOptional},
    {"budget.extension_decided", "explanation", Type::kString, Need::kOptional},
    {"budget.extension_decided", "tokens", Type::kCount, Need::kOptional},
    {"budget.extension_decided", "time_ms", Type::kCount, Need::kOptional},
    {"budget.extension_decided", "cost_usd", Type::kMoney, Need::kOptional},
    {"budget.extension_decided", "by", Type::kString, Need::kOptional},
    {"budget.extension_decided", "budget", Type::kString, Need::kOptional},
    {"budget.extension_decided", "steps", Type::kCount, Need::kOptional},
    {"budget.extension_decided", "spawns", Type::kCount, Need::kOptional},
    {"placement.decided", "endpoints", Type::kStrings, Need::kAlways},
    {"placement.decided", "rejected", Type::kRejections, Need::kAlways},
    {"placement.decided", "removed", Type::kCount, Need::kOptional},
    {"placement.decided", "data_class", Type::kString, Need::kOptional},
    {"placement.decided", "needs", Type::kString, Need::kOptional},
    {"placement.decided", "request", Type::kObject, Need::kOptional},
    {"placement.decided", "epochs", Type::kObject, Need::kOptional},
    {"placement.decided", "scratch", Type::kObject, Need::kOptional},
    {"failover", "from", Type::kNonempty, Need::kAlways},
    {"failover", "to", Type::kNonempty, Need::kAlways},
    {"failover", "error", Type::kError, Need::kAlways},
    {"failover", "took_us", Type::kCount, Need::kOptional},
    {"downgrade", "from", Type::kNonempty, Need::kAlways},
    {"downgrade", "to", Type::kNonempty, Need::kAlways},
    {"downgrade", "reason", Type::kNonempty, Need::kAlways},
    {"downgrade", "level", Type::kCount, Need::kOptional},
    {"downgrade", "signal", Type::kString, Need::kOptional},
    {"downgrade", "zone", Type::kString, Need::kOptional},
    {"downgrade", "models", Type::kStrings, Need::kOptional},
    {"downgrade", "context_tokens", Type::kCount, Need::kOptional},
    {"downgrade", "parallel_tool_calls", Type::kBool, Need::kOptional},
    {"downgrade", "service_class", Type::kString, Need::kOptional},
    {"agent.changed", "agent", Type::kAgent, Need::kAlways},
    {"agent.changed", "from", Type::kString, Need::kAlways},
    {"agent.changed", "to", Type::kString, Need::kAlways},
    {"agent.changed", "explanation", Type::kString, Need::kOptional},
    {"reward", "name", Type::kNonempty, Need::kAlways},
    {"reward", "value", Type::kNumber, Need::kAlways},
    {"reward", "step", Type::kCount, Need::kOptional},
    {"reward", "source", Type::kString, Need::kOptional},
    {"reward", "explanation", Type::kString, Need::kOptional},
    {"purge", "reason", Type::kNonempty, Need::kAlways},
    {"purge", "from", Type::kCount, Need::kOptional},
    {"purge", "to", Type::kCount, Need::kOptional},
};
// clang-format on

}  // namespace

std::span<const PayloadField> payload_fields() { return kPayloadFields; }

std::string_view type_phrase(PayloadType type) {
  switch (type) {
    case Type::kString:
      return "a string";
    case Type::kNonempty:
      return "a string that is not empty";
    case Type::kAny:
      return "any JSON";
    case Type::kCount:
      return "an integer of at least 0";
    case Type::kNumber:
      return "a number";
    case Type::kBool:
      return "true or false";
    case Type::kObject:
      return "an object";
    case Type::kObjects:
      return "an array of objects";
    case Type::kStrings:
      return "an array of strings";
    case Type::kCounts:
      return "an object of integers of at least 0";
    case Type::kMoney:
      return "a decimal number in a string";
    case Type::kTime:
      return "an RFC 3339 time";
    case Type::kAgent:
      return "an object with a name";
    case Type::kMessage:
      return "a message";
    case Type::kUsage:
      return "an object of token counts";
    case Type::kError:
      return "an object with code and message";
    case Type::kFinish:
      return "a finish reason";
    case Type::kRejections:
      return "an array of {endpoint, reason}";
  }
  return "of another type";
}

}  // namespace drover::contract
