#include "app/demo/day_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "app/demo/acts/act.h"
#include "app/demo/day_agents.h"
#include "app/demo/enclave.h"

namespace drover::app {
namespace {

using contract::Event;

TEST(DayReport, PercentilesAreOfTheNearestRank) {
  std::vector<int64_t> values;
  for (int64_t i = 100; i >= 1; --i) values.push_back(i);
  Percentiles p = Percentiles::of(values);
  EXPECT_EQ(p.count, 100u);
  EXPECT_EQ(p.p50, 50);
  EXPECT_EQ(p.p95, 95);
  EXPECT_EQ(p.p99, 99);
  EXPECT_EQ(p.max, 100);
  Percentiles one = Percentiles::of({7});
  EXPECT_EQ(one.p50, 7);
  EXPECT_EQ(one.p99, 7);
  EXPECT_EQ(Percentiles::of({1, 2, 3}).p50, 2);
  EXPECT_EQ(Percentiles::of({}).count, 0u);
}

/// A journal in small: times in microseconds since its beginning.
class Journal {
 public:
  Journal() {
    add(0, contract::kind::kSessionStarted,
        R"({"agent":{"name":"support","version":"1","models":["m"]},"tenant":"default"})");
    add(0, contract::kind::kObservation, R"({"message":{"role":"user","content":"hello"}})");
  }
  uint64_t add(int64_t us, std::string_view kind, std::string payload, uint64_t causation = 0,
               uint32_t attempt = 0) {
    Event e;
    e.session = SessionId("ses_1");
    e.sequence = events.size() + 1;
    e.time = wall_from_unix_nanos(us * 1000);
    e.kind = std::string(kind);
    e.payload = std::move(payload);
    e.causation = causation;
    e.attempt = attempt;
    events.push_back(std::move(e));
    return events.back().sequence;
  }
  std::vector<Event> events;
};

std::string answer(std::string calls) {
  return R"({"message":{"role":"assistant","content":"x")" +
         (calls.empty() ? "" : R"(,"tool_calls":)" + calls) +
         R"(},"finish_reason":"stop","model":"m","provider":"p","endpoint":"azure/eastus2/gpt-4o",)"
         R"("usage":{"input_tokens":10,"output_tokens":5},"cost_usd":"0.5","first_token_us":300,)"
         R"("latency_us":{"queue":1,"placement":2,"network":100,"model":500,"other":7}})";
}

constexpr const char* kTwoCalls =
    R"([{"id":"a","type":"function","function":{"name":"look","arguments":"{}"}},)"
    R"({"id":"b","type":"function","function":{"name":"look","arguments":"{}"}}])";

TEST(DayFacts, TheSlowestToolIsWaitedForAndTheRestIsTheJournals) {
  Journal j;
  uint64_t call = j.add(1000, contract::kind::kModelCall, R"({"step":1})", 2, 1);
  j.add(2000, contract::kind::kModelResult, answer(kTwoCalls), call, 1);  // 610 measured, 390 left
  uint64_t a = j.add(2000, contract::kind::kToolCall,
                     R"({"index":0,"call_index":0,"name":"look","arguments":"{}"})", 4, 1);
  uint64_t b = j.add(2000, contract::kind::kToolCall,
                     R"({"index":1,"call_index":1,"name":"look","arguments":"{}"})", 4, 1);
  j.add(2500, contract::kind::kToolResult, R"({"content":"1","latency_us":300})", b, 1);
  j.add(3000, contract::kind::kToolResult, R"({"content":"2","latency_us":900})", a, 1);
  SessionFacts facts = read_facts(j.events);
  ASSERT_EQ(facts.broken, "");
  ASSERT_EQ(facts.steps.size(), 1u);
  const StepFact& step = facts.steps[0];
  EXPECT_EQ(step.wall_us, 2000);
  EXPECT_EQ(step.parts["model"], 500);
  EXPECT_EQ(step.parts["tool"], 900);
  EXPECT_EQ(step.parts["store"], 390 + 100);
  EXPECT_EQ(step.parts.total(), step.wall_us);
  EXPECT_EQ(step.commits, 2);
  EXPECT_EQ(facts.widest_fan_out, 2u);
  EXPECT_EQ(facts.duplicated, 0u);

  DayReport report;
  report.drover.facts.push_back(facts);
  report.sum_up(Duration(200'000));  // two syncs of 200 µs
  EXPECT_EQ(report.parts["sync"], 400);
  EXPECT_EQ(report.parts["store"], 90);
  EXPECT_TRUE(report.parts_sum());
  report.wall_us += 1000;  // time that nobody accounts for
  EXPECT_FALSE(report.parts_sum());
}

TEST(DayFacts, AFailoverCountsFromTheFailureToTheFirstTokenElsewhere) {
  Journal j;
  uint64_t call = j.add(1000, contract::kind::kModelCall, R"({"step":1})", 2, 1);
  j.add(2000, contract::kind::kFailover,
        R"({"from":"aws/us-east-1/claude","to":"azure/eastus2/gpt-4o","took_us":40})", call, 1);
  j.add(2000, contract::kind::kModelResult, answer(""), call, 1);
  SessionFacts facts = read_facts(j.events);
  ASSERT_EQ(facts.failovers.size(), 1u);
  EXPECT_EQ(facts.failovers[0].from, "aws/claude");
  EXPECT_EQ(facts.failovers[0].to, "azure/gpt-4o");
  EXPECT_EQ(facts.failovers[0].switch_us, 260);
  EXPECT_TRUE(facts.answered);
}

TEST(DayFacts, AnAnswerThatWasCutAndAskedAgainIsAFailoverToo) {
  Journal j;
  uint64_t call = j.add(1000, contract::kind::kModelCall, R"({"step":1})", 2, 1);
  j.add(1500, contract::kind::kPlacementDecided,
        R"({"endpoints":["aws/us-east-1/claude"],"rejected":[]})", call, 1);
  j.add(1500, contract::kind::kModelResult,
        R"({"error":{"code":"unavailable","message":"cut","retry":"later"}})", call, 1);
  j.add(2500, contract::kind::kModelCall, "{}", call, 2);
  j.add(3500, contract::kind::kModelResult, answer(""), call, 2);
  SessionFacts facts = read_facts(j.events);
  ASSERT_EQ(facts.broken, "");
  EXPECT_EQ(facts.failed_calls, 1u);
  ASSERT_EQ(facts.failovers.size(), 1u);
  EXPECT_EQ(facts.failovers[0].switch_us, 1000 + 300);
  ASSERT_EQ(facts.steps.size(), 1u);
  EXPECT_EQ(facts.steps[0].parts["queue"], 1000 + 1);
  EXPECT_EQ(facts.steps[0].parts["network"], 500 + 100);
  EXPECT_EQ(facts.steps[0].parts.total(), facts.steps[0].wall_us);
}

DayReport good_report() {
  DayReport r;
  r.drover.sessions = r.drover.finished = 3;
  ActReport act;
  act.name = "act";
  act.findings.push_back({true, "fine"});
  r.acts.push_back(act);
  BooksLine books;
  books.cloud = "aws";
  books.journal_input = books.billed_input = 10;
  r.drover.books.push_back(books);
  return r;
}

TEST(DayReport, OneLossOneFindingOrOneTokenTooManyFailsTheDay) {
  EXPECT_TRUE(good_report().ok());
  DayReport lost = good_report();
  lost.drover.lost = 1;
  EXPECT_FALSE(lost.ok());
  DayReport unfinished = good_report();
  unfinished.drover.finished = 2;
  EXPECT_FALSE(unfinished.ok());
  DayReport twice = good_report();
  twice.drover.duplicated = 1;
  EXPECT_FALSE(twice.ok());
  DayReport act = good_report();
  act.acts[0].findings.push_back({false, "not fine"});
  EXPECT_FALSE(act.ok());
  DayReport books = good_report();
  books.drover.books[0].billed_input = 11;
  EXPECT_FALSE(books.ok());
  DayReport nothing = good_report();
  nothing.drover.sessions = nothing.drover.finished = 0;
  EXPECT_FALSE(nothing.ok());
}

TEST(DayReport, AnAttemptTakenForFreeFailsTheBill) {
  DayReport day;
  day.bill.agreed = 5;
  day.bill.estimated = 2;
  ActReport fine, free;
  make_bill_act()->check({}, day, fine);
  EXPECT_TRUE(fine.ok());
  day.bill.added = 1;
  make_bill_act()->check({}, day, free);
  EXPECT_FALSE(free.ok());
  EXPECT_NE(free.findings.at(1).text.find("1 were taken for free"), std::string::npos);
}

TEST(DayReport, PrintsWithinItsWidthAndWithoutColoursUnlessAsked) {
  DayReport r = good_report();
  r.acts[0].asked = std::string(300, 'x') + " and then some more words that go on for a while";
  for (size_t width : {80u, 100u}) {
    std::string text = print_day(r, false, width);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_NE(text.find("Nothing was lost."), std::string::npos);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      size_t columns = 0;
      for (char c : line) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      EXPECT_LE(columns, width) << line;
    }
  }
  EXPECT_NE(print_day(r, true, 80).find("\033[1m"), std::string::npos);
}

TEST(DayAgents, AreTheFilesInExamples) {
  for (const AgentText& agent : day_agent_texts()) {
    std::ifstream file(std::string(DROVER_SOURCE_DIR) + "/examples/agents/" +
                       std::string(agent.file));
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_EQ(text.str(), agent.text) << agent.file;
  }
  auto agents = day_agents();
  ASSERT_TRUE(agents.has_value()) << agents.error().to_string();
  std::vector<DemoEndpoint> endpoints = day_endpoints();
  for (const auto& [name, spec] : *agents) {
    for (const std::string& model : spec.models) {
      EXPECT_TRUE(model == DemoEnclave::kModel ||
                  std::any_of(endpoints.begin(), endpoints.end(),
                              [&](const DemoEndpoint& e) { return e.model == model; }))
          << name << " " << model;
    }
  }
}

}  // namespace
}  // namespace drover::app
