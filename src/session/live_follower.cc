#include "session/live_follower.h"

#include <charconv>

#include "base/limits/live.h"

namespace drover::session {
namespace {

using contract::Event;
namespace kind = contract::kind;

/// Events read at once: a follower holds no more of the journal than this.
constexpr size_t kJournalSlice = 32;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// How much of the text is whole characters: all but one that is cut off at its end.
size_t whole_characters(std::string_view text) {
  size_t lead = text.size();
  size_t back = 0;
  while (lead > 0 && back < 4 && continues(text[lead - 1])) {
    --lead;
    ++back;
  }
  if (lead == 0) return text.size();  // no character begins here: not ours to mend
  const auto c = static_cast<unsigned char>(text[lead - 1]);
  const size_t need = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
  return back + 1 < need ? lead - 1 : text.size();
}

LiveEvent event_of(std::string_view name, const Json& data, std::optional<LivePosition> position) {
  LiveEvent out;
  out.name = name;
  out.data = data.dump();
  out.position = position;
  return out;
}

LivePosition at_event(const Event& event) {
  LivePosition p;
  p.sequence = event.sequence;
  return p;
}

void copy_member(const Json& from, Json& to, std::string_view name) {
  if (const Json* value = from.find(name)) to.set(std::string(name), *value);
}

/// The call that an attempt belongs to.
uint64_t call_of_event(const Event& event) {
  return event.attempt > 1 ? event.causation : event.sequence;
}

}  // namespace

std::string LivePosition::text() const {
  return std::to_string(sequence) + "." + std::to_string(attempt) + "." + std::to_string(offset);
}

Result<LivePosition> LivePosition::parse(std::string_view text) {
  LivePosition out;
  const char* at = text.data();
  const char* end = at + text.size();
  auto number = [&](auto& value) {
    auto [next, error] = std::from_chars(at, end, value);
    bool ok = error == std::errc() && next != at;
    at = next;
    return ok;
  };
  auto dot = [&] { return at != end && *at++ == '.'; };
  if (!number(out.sequence) || !dot() || !number(out.attempt) || !dot() || !number(out.offset) ||
      at != end) {
    return fail(Code::kInvalidArgument,
                "a position in live output is sequence.attempt.offset, such as 12.1.340");
  }
  return out;
}

Task<Result<void>> LiveFollower::begin_at(Context ctx, uint64_t sequence) {
  CO_TRY(auto row, co_await sessions_.find(ctx, who_, id_));
  CO_TRY(watch_, live_.watch(id_));
  cursor_ = std::max<uint64_t>(sequence, 1);
  over_ = row.status == "ended" && cursor_ > row.last_sequence;
  co_return Result<void>();
}

Task<Result<void>> LiveFollower::begin_after(Context ctx, LivePosition seen) {
  CO_TRY_VOID(co_await begin_at(ctx, seen.sequence + 1));
  if (seen.sequence == 0) co_return Result<void>();
  CO_TRY(auto events, co_await sessions_.events(ctx, who_, id_, seen.sequence, 1));
  if (events.empty()) {
    co_return fail(Code::kOutOfRange, "the session has no event " + std::to_string(seen.sequence));
  }
  const std::string& what = events.front().kind;
  wait_told_ = what == kind::kWaitStarted;
  over_ = over_ || what == kind::kSessionEnded;
  if (what == kind::kModelCall) {
    open_ = seen;
    open_->attempt = std::max<uint32_t>(seen.attempt, 1);
  }
  co_return Result<void>();
}

Task<Result<std::vector<LiveEvent>>> LiveFollower::next(Context ctx) {
  std::vector<LiveEvent> out;
  while (!over_) {
    if (live_.stopping()) {
      co_return fail(Code::kUnavailable, "the server is stopping", Retry::kSameTarget);
    }
    const uint64_t journal = watch_->journal;
    const uint64_t text = watch_->text;
    if (read_ != journal) {
      CO_TRY_VOID(co_await read_journal(ctx, &out, journal));
      if (!out.empty()) break;
      if (read_ != journal) continue;  // there is more of it
    }
    if (open_) CO_TRY_VOID(co_await read_text(ctx, &out));
    if (out.empty() && !state_read_) CO_TRY_VOID(co_await read_state(ctx, &out));
    if (!out.empty()) break;
    if (over_ || watch_->journal != journal || watch_->text != text) continue;
    async::Wake wake = co_await watch_->queue.wait(ctx);
    if (wake != async::Wake::kWoken) co_return fail(async::wake_error(wake, ctx));
  }
  co_return out;
}

Task<Result<void>> LiveFollower::read_journal(Context ctx, Out* out, uint64_t version) {
  CO_TRY(auto events, co_await sessions_.events(ctx, who_, id_, cursor_, kJournalSlice));
  for (const Event& event : events) {
    cursor_ = event.sequence + 1;
    CO_TRY_VOID(take(event, *out));
  }
  if (events.size() < kJournalSlice) read_ = version;
  if (!events.empty()) state_read_ = false;
  co_return Result<void>();
}

Result<void> LiveFollower::take(const Event& event, Out& out) {
  if (event.kind == kind::kModelCall) {
    take_model_call(event, out);
    return {};
  }
  const bool told = event.kind == kind::kModelResult || event.kind == kind::kToolCall ||
                    event.kind == kind::kWaitStarted || event.kind == kind::kSessionEnded ||
                    event.kind == kind::kPlan;
  if (event.kind == kind::kObservation || event.kind == kind::kWaitResolved) wait_told_ = false;
  if (!told) return {};
  Json payload = Json::object();
  if (!event.payload.empty()) {  // purged otherwise
    TRY(payload, Json::parse(event.payload));
  }
  if (event.kind == kind::kModelResult) {
    if (payload.find("ignored") != nullptr) return {};
    const Json* error = payload.find("error");
    wait_ = Json::object().set("for", error != nullptr ? "model" : "message");
    if (error != nullptr) wait_.set("error", *error);
    wait_told_ = false;
    const Json* message = payload.find("message");
    if (message != nullptr) take_answer(event, payload, *message, out);
  } else if (event.kind == kind::kToolCall && event.attempt <= 1) {
    Json data = Json::object();
    for (std::string_view name : {"name", "call_id", "arguments"}) copy_member(payload, data, name);
    // While a call's text is under way the client's place is in that text.
    std::optional<LivePosition> place;
    if (!open_) place = at_event(event);
    out.push_back(event_of("tool_call", data, place));
  } else if (event.kind == kind::kWaitStarted) {
    std::optional<LivePosition> place;
    if (!open_) place = at_event(event);
    out.push_back(event_of("waiting", payload, place));
    wait_told_ = true;
  } else if (event.kind == kind::kPlan) {
    take_plan(event, payload, out);
  } else if (event.kind == kind::kSessionEnded) {
    out.push_back(event_of("ended", payload, at_event(event)));
    over_ = true;
  }
  return {};
}

void LiveFollower::take_model_call(const Event& event, Out& out) {
  wait_told_ = false;
  const uint64_t call = call_of_event(event);
  if (open_ && open_->sequence == call) {
    if (event.attempt > open_->attempt) reset(event.attempt, out);
    return;
  }
  open_.emplace();
  open_->sequence = call;
  open_->attempt = std::max<uint32_t>(event.attempt, 1);
}

/// The text of the open call is void; the client begins anew with that attempt.
void LiveFollower::reset(uint32_t attempt, Out& out) {
  LivePosition from = *open_;
  from.offset = 0;
  const bool seen = open_->offset > 0;
  open_->attempt = attempt;
  open_->offset = 0;
  if (!seen) return;  // nothing to take back
  Json data = Json::object().set("from", from.text()).set("attempt", attempt);
  out.push_back(event_of("reset", data, open_));
}

void LiveFollower::take_answer(const Event& event, const Json& payload, const Json& message,
                               Out& out) {
  auto parsed = contract::message_from_json(message);
  const std::string text = parsed ? parsed->text() : "";
  if (!open_ || open_->sequence != event.causation) {
    open_.emplace();  // the client joined in between: it gets all of it
    open_->sequence = event.causation;
    open_->attempt = std::max<uint32_t>(event.attempt, 1);
  }
  const bool other = event.attempt > 0 && event.attempt != open_->attempt;
  const bool fits = open_->offset == text.size() ||
                    (open_->offset < text.size() && !continues(text[open_->offset]));
  if (other || !fits) reset(std::max<uint32_t>(event.attempt, 1), out);
  std::string_view rest = std::string_view(text).substr(open_->offset);
  while (!rest.empty()) {
    std::string_view piece = rest.substr(0, limits::kLiveEventBytesMax);
    piece = piece.substr(0, whole_characters(piece));
    tell_text(piece, out);
    rest.remove_prefix(piece.size());
  }
  LivePosition end = *open_;
  end.sequence = event.sequence;
  open_.reset();
  Json data = Json::object().set("message", message);
  for (std::string_view name : {"finish_reason", "model"}) copy_member(payload, data, name);
  out.push_back(event_of("message", data, end));
}

/// What a planner says itself is a message at once.
void LiveFollower::take_plan(const Event& event, const Json& payload, Out& out) {
  const Json* effects = payload.find("effects");
  if (payload.find("ignored") != nullptr || effects == nullptr) return;
  if (effects->array_items() == nullptr) return;
  wait_told_ = false;
  const size_t before = out.size();
  for (const Json& effect : *effects->array_items()) {
    if (effect.get_string("kind") != "say") continue;
    std::string text(effect.get_string("text").value_or(""));
    auto message = contract::Message::of_text(contract::Role::kAssistant, std::move(text));
    Json data = Json::object().set("message", contract::to_json(message));
    out.push_back(event_of("message", data, {}));
  }
  if (out.size() > before) out.back().position = at_event(event);
}

void LiveFollower::tell_text(std::string_view text, Out& out) {
  open_->offset += text.size();
  LiveEvent event;
  event.name = "delta";
  event.position = open_;
  event.data = R"({"text":)";
  append_json_string(event.data, text);
  event.data += '}';
  out.push_back(std::move(event));
}

Task<Result<void>> LiveFollower::read_text(Context ctx, Out* out) {
  store::StreamKey key;
  key.session = id_;
  key.sequence = open_->sequence;
  key.attempt = open_->attempt;
  auto text = co_await live_.read(ctx, std::move(key), open_->offset, limits::kLiveEventBytesMax);
  // What the log lost the journal will have.
  if (!text && text.error().code == Code::kNotFound) co_return Result<void>();
  if (!text) co_return fail(std::move(text).error());
  if (!text->empty() && open_->offset > 0 && continues(text->front())) {
    // No position of ours is inside a character: the client begins anew.
    reset(open_->attempt, *out);
    co_return Result<void>();
  }
  text->resize(whole_characters(*text));
  if (!text->empty()) tell_text(*text, *out);
  co_return Result<void>();
}

Task<Result<void>> LiveFollower::read_state(Context ctx, Out* out) {
  CO_TRY(auto row, co_await sessions_.find(ctx, who_, id_));
  if (row.last_sequence >= cursor_) co_return Result<void>();  // its news is on the way
  state_read_ = true;
  if (row.status == "ended") {
    over_ = true;
  } else if (row.status == "waiting" && !wait_told_) {
    Json data = wait_;
    if (!row.waiting_for.empty()) data.set("for", row.waiting_for);
    out->push_back(event_of("waiting", data, {}));
    wait_told_ = true;
  }
  co_return Result<void>();
}

}  // namespace drover::session
