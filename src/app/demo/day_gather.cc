// After the day: journals and books become the report's sums.

#include "app/demo/day.h"

namespace drover::app {
namespace {

Task<Result<std::vector<contract::Event>>> all_events(Context ctx,
                                                      session::SessionManager* sessions,
                                                      identity::Principal who, SessionId id) {
  std::vector<contract::Event> all;
  for (;;) {
    CO_TRY(auto events, co_await sessions->events(ctx, who, id, all.size() + 1, 512));
    if (events.empty()) break;
    for (contract::Event& e : events) all.push_back(std::move(e));
  }
  co_return all;
}

/// `both`: its conversation was had on both sides, so it counts in their comparison.
void add_session(const SessionFacts& s, bool both, SideReport& out) {
  out.steps += s.steps.size();
  out.tool_calls += s.tools.size();
  out.failed_calls += s.failed_calls;
  out.duplicated += s.duplicated;
  out.failovers += s.failovers.size();
  if (!both) return;
  ++out.sessions;
  out.questions += s.questions;
  bool done = s.status == session::Status::kEnded
                  ? s.reason == "completed"
                  : s.status == session::Status::kWaiting && s.reason == "message";
  if (done && s.answered && s.broken.empty()) ++out.finished;
}

Task<Result<std::vector<store::SessionRow>>> all_sessions(Context ctx,
                                                          session::SessionManager* sessions,
                                                          identity::Principal who) {
  std::vector<store::SessionRow> all;
  store::SessionFilter filter;
  filter.limit = 500;
  for (;;) {
    CO_TRY(auto rows, co_await sessions->list(ctx, who, filter));
    bool more = rows.size() == filter.limit;
    for (store::SessionRow& row : rows) all.push_back(std::move(row));
    if (!more) co_return all;
    filter.before = all.back().id;
  }
}

}  // namespace

Task<Result<void>> Day::gather(Context ctx, Side* side, SideReport* out) {
  std::set<std::string> ours;
  CO_TRY(auto all, co_await all_sessions(ctx, &side->runtime->sessions(), who_));
  if (!side->naive) {
    CO_TRY(auto clinic, co_await all_sessions(ctx, &side->runtime->sessions(), clinic_));
    for (store::SessionRow& row : clinic) all.push_back(std::move(row));
  }
  for (const store::SessionRow& row : all) {
    CO_TRY(auto events,
           co_await all_events(ctx, &side->runtime->sessions(), who_of(row.id), row.id));
    out->facts.push_back(read_facts(events));
    // Children belong to the act of their tree.
    if (side->acts.count(row.id) == 0) side->acts[row.id] = side->acts[row.root];
    bool both = side->naive || (row.parent.empty() && side->asides.count(row.id) == 0);
    add_session(out->facts.back(), both, *out);
    ours.insert(row.id.str());
  }
  out->lost = side->lost;
  out->answered = side->answered;
  // The ledger also knows what failed attempts cost.
  CO_TRY(auto rows, side->runtime->ledger().query({}, {"session", "endpoint", "model"}));
  std::map<std::pair<std::string, std::string>, ModelSums> sums;
  for (const trace::LedgerRow& row : rows) {
    if (ours.count(row.key.session) == 0) continue;
    std::string cloud = cloud_of(row.key.endpoint);
    size_t slash = row.key.endpoint.rfind('/');
    std::string model =
        slash == std::string::npos ? row.key.model : row.key.endpoint.substr(slash + 1);
    ModelSums& m = sums[{cloud, model}];
    m.cloud = cloud;
    m.model = model;
    m.calls += row.sums.calls;
    m.failed += row.sums.failed;
    m.input += row.sums.input_tokens;
    m.cached += row.sums.cache_read_tokens;
    m.output += row.sums.output_tokens;
    m.cost += row.sums.cost;
  }
  for (auto& [key, m] : sums) out->models.push_back(std::move(m));
  count_books(*side, *out);
  co_return Result<void>();
}

void Day::count_books(Side& side, SideReport& out) {
  std::map<std::string, BooksLine> lines;
  std::set<std::string> journalled, given_up;
  for (const SessionFacts& s : out.facts) {
    given_up.insert(s.given_up.begin(), s.given_up.end());
    for (const auto* list : {&s.answers, &s.cut}) {
      for (const AnswerFact& a : *list) {
        journalled.insert(a.request_id);
        if (a.usage.estimated) continue;
        BooksLine& line = lines[cloud_of(a.endpoint)];
        line.journal_input += a.usage.input_tokens.value_or(0);
        line.journal_output += a.usage.output_tokens.value_or(0);
      }
    }
  }
  for (sim::CloudKind kind :
       {sim::CloudKind::kAws, sim::CloudKind::kAzure, sim::CloudKind::kCoreWeave}) {
    sim::SimCloud& cloud = side.clouds->cloud(kind);
    BooksLine& line = lines[cloud.name()];
    for (const sim::LedgerEntry& entry : cloud.ledger().entries()) {
      // An answer that nobody waited for any more: billed, and not in the journal.
      bool lost =
          journalled.count(entry.request_id) == 0 && given_up.count(entry.idempotency_key) != 0;
      if (entry.outcome == "ok" && !lost) {
        line.billed_input += entry.billed.input;
        line.billed_output += entry.billed.output;
      } else if (entry.billed.input + entry.billed.output > 0) {
        ++line.cut_calls;
        line.cut_tokens += entry.billed.input + entry.billed.output;
      }
    }
  }
  for (auto& [name, line] : lines) {
    line.cloud = name;
    out.books.push_back(std::move(line));
  }
}

}  // namespace drover::app
