#pragma once
// An act: one thing that the demo's day shows, in one file. It says what it asks of the day, runs
// on the day's clock, and at the end checks on the journals that it went as it should and adds
// lines to the report. A new act is one file here and one line in acts.cc.

#include <memory>
#include <string>
#include <vector>

#include "app/demo/day.h"

namespace drover::app {

class Act {
 public:
  virtual ~Act() = default;
  /// One or two words.
  virtual std::string name() const = 0;
  /// What it asks of the day; one line.
  virtual std::string asks() const = 0;
  /// How many talks it will have, for the progress.
  virtual size_t talks() const { return 0; }
  /// Returns when the act is over. An error fails the day.
  virtual Task<Result<void>> run(Context ctx, Day* day) = 0;
  /// `facts` are those of the sessions that the act had.
  virtual void check(const std::vector<const SessionFacts*>& facts, const DayReport& report,
                     ActReport& out) const = 0;
};

/// The acts, in the order of the report.
std::vector<std::unique_ptr<Act>> make_acts(uint64_t seed);

std::unique_ptr<Act> make_support_act(uint64_t seed);
std::unique_ptr<Act> make_research_act(uint64_t seed);
std::unique_ptr<Act> make_scarcity_act();
std::unique_ptr<Act> make_outage_act();
std::unique_ptr<Act> make_runaway_act();
std::unique_ptr<Act> make_extension_act();
std::unique_ptr<Act> make_approval_act();
std::unique_ptr<Act> make_european_act();
std::unique_ptr<Act> make_bill_act();

/// Every session answered all that it was asked, and nothing was done twice.
void check_finished(const std::vector<const SessionFacts*>& facts, ActReport& out);

}  // namespace drover::app
