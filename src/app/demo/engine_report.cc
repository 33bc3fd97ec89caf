// What is told of a talk with a real model: figures of a turn, the sums, JSON. Pure.

#include <fmt/format.h>

#include <algorithm>

#include "app/demo/engine_talk.h"
#include "app/output.h"

namespace drover::app {
namespace {

std::string engine_millis(int64_t us) {
  if (us >= 1'000'000) return fmt::format("{:.2f} s", static_cast<double>(us) / 1e6);
  return fmt::format("{:.0f} ms", static_cast<double>(us) / 1e3);
}

}  // namespace

std::string EngineTurn::figures() const {
  std::string out = fmt::format("{} tokens in, {} out{}", input_tokens.value_or(0),
                                output_tokens.value_or(0), estimated ? " (estimated)" : "");
  out += "; first token after " + engine_millis(first_token_us);
  int64_t writing = took_us - first_token_us;
  if (output_tokens.value_or(0) > 1 && writing > 0) {
    double rate = static_cast<double>(*output_tokens - 1) * 1e6 / static_cast<double>(writing);
    out += fmt::format(", then {:.0f} tokens/s", rate);
  }
  if (finish_reason == "length") out += "; cut at its limit of tokens";
  if (attempts > 1) out += fmt::format("; asked {} times", attempts);
  return out;
}

bool EngineTalkReport::ok() const {
  return !interrupted && !turns.empty() &&
         std::all_of(turns.begin(), turns.end(), [](const EngineTurn& t) { return t.ok(); });
}

Json EngineTalkReport::to_json() const {
  Json list = Json::array();
  for (const EngineTurn& turn : turns) {
    Json one = Json::object().set("asked", turn.asked).set("ok", turn.ok());
    if (!turn.ok()) {
      one.set("error", turn.error);
      list.push(std::move(one));
      continue;
    }
    one.set("answer", turn.answer).set("finish_reason", turn.finish_reason);
    if (turn.input_tokens) one.set("input_tokens", *turn.input_tokens);
    if (turn.output_tokens) one.set("output_tokens", *turn.output_tokens);
    one.set("estimated", turn.estimated);
    one.set("first_token_us", turn.first_token_us).set("took_us", turn.took_us);
    one.set("attempts", static_cast<int64_t>(turn.attempts));
    list.push(std::move(one));
  }
  Json out = Json::object();
  out.set("engine", engine).set("model", model).set("session", session);
  out.set("trace_id", trace_id).set("data", data).set("interrupted", interrupted);
  out.set("turns", std::move(list));
  return out;
}

std::string EngineTalkReport::text() const {
  int64_t in = 0, generated = 0;
  std::vector<int64_t> first;
  for (const EngineTurn& turn : turns) {
    if (!turn.ok()) continue;
    in += turn.input_tokens.value_or(0);
    generated += turn.output_tokens.value_or(0);
    first.push_back(turn.first_token_us);
  }
  std::string out = "\n";
  if (interrupted) out += "interrupted: ";
  out += counted(first.size(), "answer") + " to " + counted(turns.size(), "question");
  if (!first.empty()) {
    std::sort(first.begin(), first.end());
    out += fmt::format("; {} tokens in, {} out; first token after {} at the median", in, generated,
                       engine_millis(first[first.size() / 2]));
  }
  out += "\n";
  if (session.empty()) return out;
  out += fmt::format(
      "All of it is in the journal of {} in {}\n"
      "  drover trace {} --data {}             where time and tokens went\n"
      "  drover session events {} --data {}    what happened, event by event\n",
      session, data, session, data, session, data);
  return out;
}

}  // namespace drover::app
