// Support agents serve many customers at once: orders, refunds, flights.

#include <cmath>

#include "app/demo/acts/act.h"

namespace drover::app {
namespace {

constexpr size_t kCustomers = 240;
constexpr const char* kCities[] = {"Graz", "Lund", "Porto", "Bergen", "Ghent", "Turin"};

class SupportAct final : public Act {
 public:
  explicit SupportAct(uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < kCustomers; ++i) customers_.push_back(make_customer(i));
  }
  std::string name() const override { return "support desk"; }
  std::string asks() const override {
    size_t turns = 0;
    for (const Customer& c : customers_) turns += c.talk.turns.size();
    return std::to_string(customers_.size()) + " customers with " + std::to_string(turns) +
           " questions on orders, refunds and flights";
  }
  size_t talks() const override { return customers_.size(); }

  Task<Result<void>> run(Context ctx, Day* day) override {
    async::Scope scope(ctx);
    for (const Customer& customer : customers_) {
      scope.spawn(serve(scope.context(), day, &customer));
    }
    co_await scope.join();
    co_return Result<void>();
  }

  void check(const std::vector<const SessionFacts*>& facts, const DayReport&,
             ActReport& out) const override {
    check_finished(facts, out);
    size_t refunds = 0, lookups = 0, flights = 0, failed = 0;
    bool once = true;
    for (const SessionFacts* s : facts) {
      for (const ToolFact& tool : s->tools) {
        refunds += tool.name == "refund_order" && !tool.is_error ? 1 : 0;
        lookups += tool.name == "lookup_order" ? 1 : 0;
        flights += tool.name == "search_flights" ? 1 : 0;
        failed += tool.is_error ? 1 : 0;
        once = once && tool.results == 1;
      }
    }
    size_t wanted = 0;
    for (const Customer& c : customers_) wanted += c.refund ? 1 : 0;
    out.findings.push_back(
        {refunds == wanted && once,
         std::to_string(refunds) + " of " + std::to_string(wanted) + " refunds made, each once"});
    out.findings.push_back({failed == 0, std::to_string(lookups) + " orders and " +
                                             std::to_string(flights) + " flights looked up, " +
                                             std::to_string(failed) + " tool calls failed"});
    if (!facts.empty()) out.session = facts.front()->id.str();
  }

 private:
  struct Customer {
    double arrives = 0;
    bool refund = false;
    Talk talk;
  };

  /// Few at night, most around noon.
  double arrival() {
    for (int tries = 0; tries < 1000; ++tries) {
      double hour = 0.3 + random_.unit() * 22.5;
      double busy = 0.12 + std::exp(-(hour - 12.5) * (hour - 12.5) / 18);
      if (random_.unit() < busy) return hour;
    }
    return 12;
  }

  Customer make_customer(size_t number) {
    Customer c;
    c.arrives = arrival();
    c.talk.act = name();
    c.talk.user = "customer-" + std::to_string(number + 1);
    c.talk.think = Duration(120'000'000 + static_cast<int64_t>(random_.below(300'000'000)));
    std::vector<std::string>& turns = c.talk.turns;
    if (random_.chance(0.25)) {
      c.talk.agent = "travel";
      size_t from = random_.below(std::size(kCities));
      size_t to = (from + 1 + random_.below(std::size(kCities) - 1)) % std::size(kCities);
      turns.push_back(std::string("Find me a flight from ") + kCities[from] + " to " + kCities[to] +
                      " on 2026-12-0" + std::to_string(1 + random_.below(9)) + ".");
    } else {
      c.refund = random_.chance(0.35);
      // Who only asks where something is gets the cheaper agent.
      c.talk.agent = c.refund || random_.chance(0.5) ? "support" : "orders";
      turns.push_back("Where is my order A-" + std::to_string(1000 + number) + "?");
      if (c.refund) turns.push_back("It came too late. I want my money back.");
      if (random_.chance(0.3)) {
        turns.push_back("And what about order B-" + std::to_string(3000 + number) + "?");
      }
    }
    turns.push_back("Thank you!");
    return c;
  }

  Task<void> serve(Context ctx, Day* day, const Customer* customer) {
    auto there = co_await day->until(ctx, customer->arrives);
    if (!there) co_return;
    Talk talk = customer->talk;
    co_await day->converse(ctx, std::move(talk));
  }

  SeededRandom random_;
  std::vector<Customer> customers_;
};

}  // namespace

std::unique_ptr<Act> make_support_act(uint64_t seed) { return std::make_unique<SupportAct>(seed); }

}  // namespace drover::app
