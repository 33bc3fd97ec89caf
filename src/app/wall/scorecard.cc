#include "app/wall/scorecard.h"

#include "app/output.h"

namespace drover::app::wall {
namespace {

using sim::wall::Scenario;
using sim::wall::Seen;

constexpr size_t kScoredTextShown = 22;
constexpr size_t kTextBytesKept = 400;

std::string status_of(const Seen& seen) {
  return seen.status == 0 ? "none" : std::to_string(seen.status);
}

std::string scored_error_of(const Seen& seen) {
  if (!seen.error_code.empty()) return one_line(seen.error_code, kScoredTextShown);
  return one_line(seen.error_type, kScoredTextShown);
}

std::string requests_of(const Verdict& verdict) {
  std::string out;
  for (const sim::wall::Traffic& t : verdict.traffic) {
    out += (out.empty() ? "" : "+") + std::to_string(t.requests);
  }
  return out;
}

int64_t scored_millis(Duration d) { return d.count() / 1'000'000; }

/// The call to show: the first that went wrong is not known, the last says most.
const Seen& shown(const Verdict& verdict) {
  static const Seen nothing;
  return verdict.seen.empty() ? nothing : verdict.seen.back();
}

size_t passed(const std::vector<Verdict>& verdicts) {
  size_t out = 0;
  for (const Verdict& v : verdicts) out += v.passed() ? 1 : 0;
  return out;
}

Json call_json(const Seen& seen) {
  Json out = Json::object();
  out.set("end", sim::wall::end_name(seen.end)).set("status", seen.status);
  out.set("error_type", seen.error_type).set("error_code", seen.error_code);
  out.set("message", printable(seen.message));
  out.set("text", printable(std::string_view(seen.text).substr(0, kTextBytesKept)));
  out.set("text_bytes", static_cast<int64_t>(seen.text.size()));
  if (!seen.tool_arguments.empty()) out.set("tool_arguments", printable(seen.tool_arguments));
  out.set("finish_reason", seen.finish_reason).set("events", seen.events);
  out.set("first_text_ms", scored_millis(seen.first_text)).set("took_ms", scored_millis(seen.took));
  return out;
}

Json verdict_json(const Verdict& verdict) {
  Json faults = Json::array();
  for (const std::string& fault : verdict.faults) faults.push(printable(fault));
  Json calls = Json::array();
  for (const Seen& seen : verdict.seen) calls.push(call_json(seen));
  Json upstreams = Json::array();
  for (size_t i = 0; i < verdict.traffic.size(); ++i) {
    const sim::wall::Traffic& t = verdict.traffic[i];
    Json one = Json::object();
    one.set("name", verdict.scenario->upstreams[i].name).set("requests", t.requests);
    one.set("bytes", t.bytes).set("left_early", t.left);
    upstreams.push(std::move(one));
  }
  Json out = Json::object();
  out.set("name", verdict.scenario->name).set("passed", verdict.passed());
  out.set("faults", std::move(faults)).set("story", verdict.scenario->story);
  out.set("right", verdict.scenario->right).set("calls", std::move(calls));
  return out.set("upstreams", std::move(upstreams));
}

std::string painted(std::string text, const char* colour, bool colours) {
  return colours ? "\x1b[" + std::string(colour) + "m" + text + "\x1b[0m" : text;
}

}  // namespace

std::string scorecard_text(const std::string& gateway, const std::vector<Verdict>& verdicts,
                           Duration took, bool colours) {
  Table table({"SCENARIO", "STATUS", "END", "ERROR", "TEXT", "TIME", "REQUESTS", "VERDICT"});
  for (const Verdict& v : verdicts) {
    const Seen& seen = shown(v);
    table.add({std::string(v.scenario->name), status_of(seen), std::string(end_name(seen.end)),
               scored_error_of(seen), one_line(seen.text, kScoredTextShown),
               format_duration(seen.took), requests_of(v), v.passed() ? "passed" : "FAILED"});
  }
  std::string out = table.text(colours);
  for (const Verdict& v : verdicts) {
    if (v.passed()) continue;
    out += "\n" + painted(std::string(v.scenario->name), "1;31", colours) + ": " +
           std::string(v.scenario->story) + "\n  right: " + std::string(v.scenario->right) + "\n";
    for (const std::string& fault : v.faults) out += "  " + printable(fault) + "\n";
    const std::string& message = shown(v).message;
    if (!message.empty()) out += "  the client was told: " + one_line(message, 200) + "\n";
  }
  size_t good = passed(verdicts);
  out += "\n" + gateway + ": " + std::to_string(good) + " of " + std::to_string(verdicts.size()) +
         " passed in " + format_duration(took) + "\n";
  return out;
}

Json scorecard_json(const std::string& gateway, const std::vector<Verdict>& verdicts,
                    Duration took) {
  Json list = Json::array();
  for (const Verdict& v : verdicts) list.push(verdict_json(v));
  Json out = Json::object();
  out.set("gateway", gateway).set("scenarios", static_cast<int64_t>(verdicts.size()));
  out.set("passed", static_cast<int64_t>(passed(verdicts))).set("took_ms", scored_millis(took));
  return out.set("verdicts", std::move(list));
}

std::string scenario_list(bool colours) {
  Table table({"SCENARIO", "WHAT HAPPENS", "WHAT THE CLIENT MUST SEE"});
  for (const Scenario& s : sim::wall::scenarios()) {
    table.add({std::string(s.name), std::string(s.story), std::string(s.right)});
  }
  return table.text(colours);
}

Json scenario_list_json() {
  Json out = Json::array();
  for (const Scenario& s : sim::wall::scenarios()) {
    Json one = Json::object();
    one.set("name", s.name).set("model", s.model()).set("story", s.story).set("right", s.right);
    out.push(std::move(one));
  }
  return out;
}

}  // namespace drover::app::wall
