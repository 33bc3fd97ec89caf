#include "contract/event.h"

#include <array>

#include "base/assert.h"
#include "base/decimal.h"
#include "base/json_scan.h"
#include "base/limits/contract.h"

namespace drover::contract {

bool is_known_kind(std::string_view k) {
  for (std::string_view known : {kind::kSessionStarted,
                                 kind::kSessionEnded,
                                 kind::kObservation,
                                 kind::kPlanRequested,
                                 kind::kPlan,
                                 kind::kModelCall,
                                 kind::kModelResult,
                                 kind::kToolCall,
                                 kind::kToolResult,
                                 kind::kMemoryRead,
                                 kind::kMemoryWrite,
                                 kind::kChildSpawned,
                                 kind::kChildEnded,
                                 kind::kWaitStarted,
                                 kind::kWaitResolved,
                                 kind::kSignal,
                                 kind::kBudgetReserved,
                                 kind::kBudgetSettled,
                                 kind::kBudgetExceeded,
                                 kind::kBudgetExtensionRequested,
                                 kind::kBudgetExtensionDecided,
                                 kind::kPlacementDecided,
                                 kind::kFailover,
                                 kind::kDowngrade,
                                 kind::kAgentChanged,
                                 kind::kReward,
                                 kind::kPurge}) {
    if (k == known) return true;
  }
  return false;
}

namespace {

/// An envelope of usual names has less.
constexpr size_t kEnvelopeBytesUsual = 384;

Failure bad_event(std::string message) {
  return fail(Error(Code::kInvalidArgument, std::move(message)).with_reason("invalid_event"));
}

// The members of a line stand in a fixed order, so that each one's name is written with its quotes
// and with the comma before it.
void text(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  append_json_string(out, value);
}
void text_if(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) text(out, name, value);
}
void number(std::string& out, std::string_view name, uint64_t value) {
  out += name;
  append_decimal(out, value);
}
void time(std::string& out, std::string_view name, WallTime value) {
  std::array<char, kRfc3339Chars + 2> quoted;
  quoted.front() = quoted.back() = '"';
  put_rfc3339(value, quoted.data() + 1);
  out += name;
  out.append(quoted.data(), quoted.size());
}

void append_envelope(std::string& out, const Event& e) {
  text(out, R"({"id":)", e.id.str());
  text(out, R"(,"session":)", e.session.str());
  number(out, R"(,"sequence":)", e.sequence);
  time(out, R"(,"time":)", e.time);
  text(out, R"(,"kind":)", e.kind);
  if (e.causation != 0) number(out, R"(,"causation":)", e.causation);
  if (e.attempt != 0) number(out, R"(,"attempt":)", e.attempt);
  text(out, R"(,"actor":{"type":)", e.actor.type);
  text_if(out, R"(,"id":)", e.actor.id);
  out += '}';
  text_if(out, R"(,"data_class":)", e.data_class);
}

void append_extra(std::string& out, const Json::Object& extra) {
  for (const Json::Member& m : extra) {
    out += ',';
    append_json_string(out, m.first);
    out += ':';
    m.second.dump_to(out);
  }
}

// Reads one line's members one after another.
class Reader {
 public:
  explicit Reader(std::string_view line) : line_(line), scan_(line) {}

  Result<Event> read() {
    if (line_.find_first_of("\r\n") != std::string_view::npos) {
      return bad_event("an event is one line");
    }
    if (!is_utf8_fast(line_)) return bad_event("the event is not valid UTF-8");
    if (!scan_.enter_object()) return bad_event("the event is " + scan_.error().message);
    std::string_view name;
    while (scan_.next_key(name)) {
      key_ = name;
      TRY_VOID(member());
    }
    if (Result<void> end = scan_.finish(); !end) {
      return bad_event("the event is " + end.error().message);
    }
    for (unsigned i = 0; i < sizeof kRequired / sizeof kRequired[0]; ++i) {
      if (!seen(kRequired[i])) return bad_event(std::string(kRequired[i]) + " is missing");
    }
    return std::move(event_);
  }

 private:
  static constexpr std::string_view kRequired[] = {"id",   "session", "sequence",
                                                   "time", "kind",    "actor"};

  bool seen(std::string_view name) const {
    for (const std::string& s : seen_) {
      if (s == name) return true;
    }
    return false;
  }

  Result<void> member() {
    if (seen(key_)) return bad_event(key_ + " stands twice");
    seen_.push_back(key_);
    Event& e = event_;
    std::string value;
    if (key_ == "id") {
      TRY_VOID(string(value));
      TRY(e.id, EventId::parse(value));
    } else if (key_ == "session") {
      TRY_VOID(string(value));
      TRY(e.session, SessionId::parse(value));
    } else if (key_ == "time") {
      TRY_VOID(string(value));
      TRY(e.time, parse_rfc3339(value));
    } else if (key_ == "sequence") {
      TRY(e.sequence, natural());
      if (e.sequence == 0) return bad_event("sequence starts at 1");
    } else if (key_ == "causation") {
      TRY(e.causation, natural());
    } else if (key_ == "attempt") {
      TRY(uint64_t attempt, natural());
      if (attempt > UINT32_MAX) return bad_event("attempt is out of range");
      e.attempt = static_cast<uint32_t>(attempt);
    } else if (key_ == "payload") {
      char first = scan_.peek();
      size_t begin = scan_.offset();
      if (first != '{') return bad_event("payload must be an object");
      if (!scan_.skip_object()) return bad_event("the event is " + scan_.error().message);
      e.payload = std::string(line_.substr(begin, scan_.offset() - begin));
    } else if (key_ == "actor") {
      TRY_VOID(actor());
    } else if (std::string* text = text_member()) {
      TRY_VOID(string(*text));
      if (e.kind.empty() && key_ == "kind") return bad_event("kind must not be empty");
    } else {
      if (e.extra.size() >= limits::kEventUnknownMembersMax)
        return bad_event("too many unknown members");
      TRY(Json other, value_tree());
      e.extra.emplace_back(key_, std::move(other));
    }
    return {};
  }

  std::string* text_member() {
    Event& e = event_;
    if (key_ == "kind") return &e.kind;
    if (key_ == "data_class") return &e.data_class;
    if (key_ == "payload_ref") return &e.payload_ref;
    if (key_ == "salt") return &e.salt;
    if (key_ == "commitment") return &e.commitment;
    if (key_ == "previous_hash") return &e.previous_hash;
    if (key_ == "hash") return &e.hash;
    return nullptr;
  }

  Result<void> string(std::string& out) {
    if (scan_.peek() != '"') return bad_event(key_ + " must be a string");
    if (!scan_.read_string(out)) return bad_event("the event is " + scan_.error().message);
    return {};
  }

  Result<uint64_t> natural() {
    std::optional<int64_t> value;
    if (!scan_.read_int(value) || !value || *value < 0) {
      return bad_event(key_ + " must be an integer of at least 0");
    }
    return static_cast<uint64_t>(*value);
  }

  Result<Json> value_tree() {
    scan_.peek();
    size_t begin = scan_.offset();
    if (!scan_.skip_value()) return bad_event("the event is " + scan_.error().message);
    return Json::parse(line_.substr(begin, scan_.offset() - begin));
  }

  Result<void> actor() {
    TRY(Json actor, value_tree());
    std::optional<std::string_view> type = actor.get_string("type");
    if (!type || type->empty()) return bad_event("actor must be an object with a string type");
    const Json* id = actor.find("id");
    if (id != nullptr && !id->is_string()) return bad_event("actor.id must be a string");
    if (actor.members()->size() != (id == nullptr ? 1u : 2u)) {
      return bad_event("actor has only type and id");
    }
    event_.actor.type = std::string(*type);
    if (id != nullptr) event_.actor.id = *id->string();
    return {};
  }

  std::string_view line_;
  JsonScanner scan_;
  Event event_;
  std::string key_;
  std::vector<std::string> seen_;
};

}  // namespace

std::string encode_event(const Event& e) {
  DROVER_ASSERT(e.payload.find_first_of("\r\n") == std::string::npos);
  std::string out;
  out.reserve(e.payload.size() + kEnvelopeBytesUsual + 320);
  append_envelope(out, e);
  if (!e.payload.empty()) {
    out += R"(,"payload":)";
    out += e.payload;
  }
  text_if(out, R"(,"payload_ref":)", e.payload_ref);
  text_if(out, R"(,"salt":)", e.salt);
  text_if(out, R"(,"commitment":)", e.commitment);
  text_if(out, R"(,"previous_hash":)", e.previous_hash);
  text_if(out, R"(,"hash":)", e.hash);
  append_extra(out, e.extra);
  out += '}';
  return out;
}

std::string envelope_bytes(const Event& e) {
  std::string out;
  out.reserve(kEnvelopeBytesUsual);
  append_envelope(out, e);
  append_extra(out, e.extra);
  out += '}';
  return out;
}

Result<Event> decode_event(std::string_view line) {
  // A line of an export that left out what it could not read.
  if (line.starts_with(R"({"damaged":)")) {
    return bad_event("events are left out here, since they were damaged: this is no whole export");
  }
  return Reader(line).read();
}

}  // namespace drover::contract
