// The day's bill: what Drover's ledger says was used, against the clouds' own books.

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

class BillAct final : public Act {
 public:
  std::string name() const override { return "the bill"; }
  std::string asks() const override {
    return "at midnight the clouds' own books come, and the ledger must agree to the token";
  }
  Task<Result<void>> run(Context, Day*) override { co_return Result<void>(); }

  void check(const std::vector<const SessionFacts*>&, const DayReport& report,
             ActReport& out) const override {
    const BillReport& b = report.bill;
    out.findings.push_back({b.agreed > 0 && b.wrong == 0,
                            std::to_string(b.agreed) +
                                " calls with usage agree with the clouds' books to the token, " +
                                std::to_string(b.wrong) + " differ"});
    const std::string free =
        b.added == 0 ? "none that was billed was" : std::to_string(b.added) + " were";
    out.findings.push_back(
        {b.added == 0, std::to_string(b.estimated) +
                           " attempts whose usage never came were estimates, and " + free +
                           " taken for free: the bill makes $" + b.booked.usd() + " to $" +
                           b.settled.usd()});
    out.findings.push_back({b.ledger_tokens == b.billed_tokens,
                            "then the ledger holds the " + std::to_string(b.billed_tokens) +
                                " tokens that the clouds billed"});
    out.lines = b.lines;
  }
};

}  // namespace

std::unique_ptr<Act> make_bill_act() { return std::make_unique<BillAct>(); }

}  // namespace drover::app
