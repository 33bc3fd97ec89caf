#pragma once
// The tools of the demo's day: a shop's orders and refunds, flights, weather, a web search over a
// small corpus written for this project, and exchange rates. All answers follow from arguments and
// seed, so a day repeats. Each call takes the latency that was set, with jitter.
//
// A refund is an effect: an order is refunded once, and refunds() and refund_repeats() tell.
// Loop thread only. Limits: kDemoRefundsMax refunds are remembered.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "sim/mcp_server.h"

namespace drover::sim {

inline constexpr size_t kDemoRefundsMax = 1'000'000;

struct DemoToolsOptions {
  uint64_t seed = 1;
  Duration latency = 0ns;
  double jitter = 0.3;
  /// Chance that a call fails the way tools do: with a result that says so.
  double error_chance = 0;
};

class DemoTools final : public McpTools {
 public:
  explicit DemoTools(DemoToolsOptions options = {});
  std::string name() const override { return "drover-demo-tools"; }
  std::vector<McpTool> list() const override;
  async::Task<Result<McpResult>> call(async::Context ctx, McpCall call) override;
  /// Distinct refunds made, and calls that repeated one.
  size_t refunds() const { return refunds_.size(); }
  uint64_t refund_repeats() const { return refund_repeats_; }

 private:
  using Function = McpResult (DemoTools::*)(const Json& arguments, const McpCall& call);
  struct Entry {
    McpTool tool;
    Function function;
  };
  void add(std::string name, std::string description, std::vector<std::string> required,
           Json properties, Function function);

  McpResult lookup_order(const Json& arguments, const McpCall& call);
  McpResult refund_order(const Json& arguments, const McpCall& call);
  McpResult search_flights(const Json& arguments, const McpCall& call);
  McpResult get_weather(const Json& arguments, const McpCall& call);
  McpResult search_web(const Json& arguments, const McpCall& call);
  McpResult convert_currency(const Json& arguments, const McpCall& call);
  SeededRandom random_for(std::string_view text) const;
  std::string make_receipt(std::string_view id) const;

  DemoToolsOptions options_;
  SeededRandom random_;
  std::vector<Entry> entries_;
  std::map<std::string, std::string> refunds_;  // answer by order
  uint64_t refund_repeats_ = 0;
};

/// A page of the built-in corpus.
struct DemoPage {
  const char* title;
  const char* text;
};
const std::vector<DemoPage>& demo_corpus();

}  // namespace drover::sim
