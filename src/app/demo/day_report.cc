#include "app/demo/day_report.h"

#include <algorithm>
#include <cstdlib>

namespace drover::app {
namespace {

Json percentiles_json(const Percentiles& p) {
  Json out = Json::object();
  out.set("count", uint64_t{p.count}).set("p50", p.p50).set("p95", p.p95);
  out.set("p99", p.p99).set("max", p.max);
  return out;
}

Json side_json(const SideReport& side) {
  Json out = Json::object();
  out.set("sessions", uint64_t{side.sessions}).set("finished", uint64_t{side.finished});
  out.set("lost", uint64_t{side.lost}).set("questions", side.questions);
  out.set("answered", side.answered).set("steps", side.steps);
  out.set("tool_calls", side.tool_calls).set("failed_calls", side.failed_calls);
  out.set("failovers", side.failovers).set("duplicated", side.duplicated);
  out.set("cost_usd", side.cost().usd()).set("tokens", side.tokens());
  Json models = Json::array();
  for (const ModelSums& m : side.models) {
    Json one = Json::object();
    one.set("cloud", m.cloud).set("model", m.model).set("calls", m.calls).set("failed", m.failed);
    one.set("input_tokens", m.input).set("cache_read_tokens", m.cached);
    one.set("output_tokens", m.output).set("cost_usd", m.cost.usd());
    models.push(std::move(one));
  }
  out.set("models", std::move(models));
  Json books = Json::array();
  for (const BooksLine& b : side.books) {
    Json one = Json::object();
    one.set("cloud", b.cloud).set("agrees", b.agrees());
    one.set("journal_input_tokens", b.journal_input).set("billed_input_tokens", b.billed_input);
    one.set("journal_output_tokens", b.journal_output).set("billed_output_tokens", b.billed_output);
    one.set("cut_calls", b.cut_calls).set("cut_tokens", b.cut_tokens);
    books.push(std::move(one));
  }
  out.set("books", std::move(books));
  return out;
}

Json act_json(const ActReport& act) {
  Json out = Json::object();
  out.set("name", act.name).set("asked", act.asked).set("ok", act.ok());
  Json findings = Json::array();
  for (const Finding& f : act.findings) {
    findings.push(Json::object().set("ok", f.ok).set("text", f.text));
  }
  out.set("findings", std::move(findings));
  Json lines = Json::array();
  for (const std::string& line : act.lines) lines.push(line);
  out.set("lines", std::move(lines));
  if (!act.session.empty()) out.set("session", act.session);
  return out;
}

/// The share of the journal's time that was spent in syncs.
void split_store(TimeParts& parts, int64_t gap_us, int64_t commits, Duration sync) {
  int64_t in_sync = std::min(gap_us, commits * (sync.count() / 1000));
  parts["store"] -= in_sync;
  parts["sync"] += in_sync;
}

}  // namespace

Percentiles Percentiles::of(std::vector<int64_t> values) {
  Percentiles out;
  out.count = values.size();
  if (values.empty()) return out;
  std::sort(values.begin(), values.end());
  auto rank = [&](size_t percent) {
    size_t n = (values.size() * percent + 99) / 100;
    return values[std::max<size_t>(n, 1) - 1];
  };
  out.p50 = rank(50);
  out.p95 = rank(95);
  out.p99 = rank(99);
  out.max = values.back();
  return out;
}

Money SideReport::cost() const {
  Money sum;
  for (const ModelSums& m : models) sum += m.cost;
  return sum;
}

int64_t SideReport::tokens() const {
  int64_t sum = 0;
  for (const ModelSums& m : models) sum += m.input + m.output;
  return sum;
}

bool ActReport::ok() const {
  return std::all_of(findings.begin(), findings.end(), [](const Finding& f) { return f.ok; });
}

void DayReport::sum_up(Duration sync) {
  std::map<std::pair<std::string, std::string>, std::vector<int64_t>> switches;
  std::vector<int64_t> steps, first_tokens;
  int64_t most_failovers = 0;
  for (const SessionFacts& s : drover.facts) {
    for (const FailoverFact& f : s.failovers) switches[{f.from, f.to}].push_back(f.switch_us);
    if (static_cast<int64_t>(s.failovers.size()) > most_failovers) {
      most_failovers = static_cast<int64_t>(s.failovers.size());
      example_session = s.id.str();
    }
    for (const StepFact& step : s.steps) {
      steps.push_back(step.wall_us);
      TimeParts split = step.parts;
      split_store(split, split["store"], step.commits, sync);
      parts += split;
      wall_us += step.wall_us;
      excess_us += step.excess_us;
    }
    for (const AnswerFact& a : s.answers) {
      if (a.first_token_us > 0) first_tokens.push_back(a.first_token_us);
    }
  }
  if (example_session.empty() && !drover.facts.empty()) {
    example_session = drover.facts.front().id.str();
  }
  for (auto& [way, values] : switches) {
    FailoverSums sums;
    sums.from = way.first;
    sums.to = way.second;
    sums.switch_us = Percentiles::of(std::move(values));
    failovers.push_back(std::move(sums));
  }
  std::sort(failovers.begin(), failovers.end(), [](const FailoverSums& a, const FailoverSums& b) {
    return a.switch_us.count > b.switch_us.count;
  });
  step_us = Percentiles::of(std::move(steps));
  first_token_us = Percentiles::of(std::move(first_tokens));
}

double DayReport::hour_of(WallTime t) const {
  if (length <= Duration::zero()) return 0;
  return 24.0 * static_cast<double>((t - midnight).count()) / static_cast<double>(length.count());
}

bool DayReport::parts_sum() const {
  int64_t off = std::abs(parts.total() - excess_us - wall_us);
  // Times in the journal are whole microseconds: two of them for each phase of a step.
  int64_t rounding = static_cast<int64_t>(step_us.count) * 8;
  return off <= rounding && excess_us * 100 <= wall_us;
}

bool DayReport::ok() const {
  bool acts_ok = std::all_of(acts.begin(), acts.end(), [](const ActReport& a) { return a.ok(); });
  bool books_ok = std::all_of(drover.books.begin(), drover.books.end(),
                              [](const BooksLine& b) { return b.agrees(); });
  return acts_ok && books_ok && parts_sum() && drover.lost == 0 && drover.duplicated == 0 &&
         drover.finished == drover.sessions && drover.sessions > 0;
}

Json DayReport::to_json() const {
  Json out = Json::object();
  out.set("ok", ok()).set("seed", seed).set("took_ms", took.count() / 1'000'000);
  out.set("data", data);
  Json list = Json::array();
  for (const ActReport& act : acts) list.push(act_json(act));
  out.set("acts", std::move(list));
  out.set("drover", side_json(drover)).set("naive", side_json(naive));
  Json moved = Json::array();
  for (const FailoverSums& f : failovers) {
    Json one = Json::object();
    one.set("from", f.from).set("to", f.to).set("switch_us", percentiles_json(f.switch_us));
    moved.push(std::move(one));
  }
  out.set("failovers", std::move(moved));
  out.set("step_us", percentiles_json(step_us));
  out.set("first_token_us", percentiles_json(first_token_us));
  Json causes = Json::object();
  for (std::string_view name : TimeParts::kNames) causes.set(std::string(name), parts[name]);
  out.set("time_us", std::move(causes)).set("wall_us", wall_us).set("parts_sum", parts_sum());
  out.set("example_session", example_session);
  return out;
}

}  // namespace drover::app
