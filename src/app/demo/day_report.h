#pragma once
// The report of the day: values, their arithmetic, and its two forms (text for people in
// day_print.cc, JSON for machines). Pure.

#include <map>
#include <string>
#include <vector>

#include "app/demo/day_facts.h"
#include "base/time.h"

namespace drover::app {

struct Percentiles {
  size_t count = 0;
  int64_t p50 = 0, p95 = 0, p99 = 0, max = 0;
  /// Nearest rank: the smallest value with at least that share of all at or below it.
  static Percentiles of(std::vector<int64_t> values);
};

/// What was used of one model at one cloud.
struct ModelSums {
  std::string cloud, model;
  int64_t calls = 0, failed = 0;
  int64_t input = 0, cached = 0, output = 0;
  Money cost;
};

/// A provider's books against the journals.
struct BooksLine {
  std::string cloud;
  int64_t journal_input = 0, journal_output = 0;  // of accepted answers whose usage arrived
  int64_t billed_input = 0, billed_output = 0;    // of requests that the cloud answered whole
  int64_t cut_calls = 0;                          // billed, but their usage never arrived
  int64_t cut_tokens = 0;
  bool agrees() const { return journal_input == billed_input && journal_output == billed_output; }
};

struct SideReport {
  size_t sessions = 0, finished = 0, lost = 0;
  uint64_t questions = 0, answered = 0;
  uint64_t steps = 0, tool_calls = 0, failed_calls = 0, duplicated = 0, failovers = 0;
  std::vector<ModelSums> models;
  std::vector<BooksLine> books;
  Money cost() const;
  int64_t tokens() const;
  std::vector<SessionFacts> facts;  // not part of the JSON form
};

struct FailoverSums {
  std::string from, to;
  Percentiles switch_us;
};

/// The day's bill: the ledger against the clouds' own books.
struct BillReport {
  int64_t agreed = 0;     // calls with usage, to the token
  int64_t wrong = 0;      // with usage, and otherwise in the books
  int64_t estimated = 0;  // without usage, failed ones too: the bill corrected them
  int64_t added = 0;      // billed, and taken for free: there should be none
  Money booked, settled;  // before the bill, and after
  int64_t ledger_tokens = 0, billed_tokens = 0;
  std::vector<std::string> lines;
};

/// What an act asked of the day, what it found, and the command that shows more.
struct Finding {
  bool ok = true;
  std::string text;
};
struct ActReport {
  std::string name;
  std::string asked;
  std::vector<Finding> findings;
  std::vector<std::string> lines;
  std::string session;            // one to look at
  std::vector<std::string> more;  // commands that show more, without "drover" and the data folder
  bool ok() const;
};

struct DayReport {
  uint64_t seed = 0;
  Duration took{};
  /// The day's clock: when it was midnight, and how long 24 hours take.
  WallTime midnight{};
  Duration length{};
  double hour_of(WallTime t) const;
  std::string data;
  std::vector<ActReport> acts;
  SideReport drover, naive;
  BillReport bill;
  std::vector<FailoverSums> failovers;
  Percentiles step_us, first_token_us;
  TimeParts parts;
  int64_t wall_us = 0;
  int64_t excess_us = 0;
  std::string example_session;  // with a failover, if there is one

  /// Fills failovers, percentiles and parts from drover.facts. `sync`: the mean of the syncs seen.
  void sum_up(Duration sync);
  /// The parts sum to the wall time of all steps, but for what clocks differ (under 1 %).
  bool parts_sum() const;
  /// Nothing was lost and every check passed.
  bool ok() const;
  Json to_json() const;
};

/// For people; `colours` for a terminal; `width` columns.
std::string print_day(const DayReport& report, bool colours, size_t width);

}  // namespace drover::app
