#pragma once
// One request to a simulated cloud, from its first byte to its entry in the ledger. Lives on the
// handler's coroutine frame. Used by cloud.cc alone; exchange.cc has the road of a request,
// exchange_answer.cc the sending of answers and the faults in them.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/cloud.h"
#include "sim/stream_plan.h"

namespace drover::sim {

class Exchange {
 public:
  Exchange(SimCloud& cloud, SimSite& site, async::Context ctx, http::ServerRequest& request,
           http::ServerResponse& response);
  /// Everything, to the closing of the ledger's entry.
  async::Task<void> run();

 private:
  template <typename T = void>
  using Task = async::Task<T>;

  // exchange.cc
  Task<void> serve();
  Task<void> call_model(ModelCall call);
  Task<void> serve_batch(BatchCall call);
  /// Decodes, admits and asks the model; the Answer of the first thing that is wrong.
  std::optional<Answer> prepare(const ModelCall& call);
  std::optional<Answer> admit();
  /// Under which service tier it is served; the Answer if there is no such tier.
  std::optional<Answer> choose_tier();
  void settle_usage(const std::string& prompt);
  contract::ChatResponse make_response() const;
  LedgerEntry& entry();
  std::optional<Answer> fault_answer();
  /// vLLM's Prometheus page.
  Answer metrics_answer() const;
  bool has_fault(FaultKind kind) const { return fault_ && fault_->kind == kind; }

  // exchange_answer.cc
  Task<void> send(Answer answer);
  Task<void> send_whole();
  Task<void> send_broken(Answer answer);
  Task<void> send_stream();
  Task<Result<void>> pump(dialect::StreamEncoder& encoder);
  /// The bytes of events, batched while nothing waits between them.
  Task<Result<void>> put(const std::vector<dialect::WireEvent>& events, bool flush);
  Task<Result<void>> put_bytes(std::string bytes);
  Task<Result<void>> fault_before_event(dialect::StreamEncoder& encoder, int64_t sent);
  Task<Result<void>> pause(Duration d);
  Result<void> broken(std::string outcome);
  void add_running_usage(dialect::WireEvent& event) const;

  SimCloud& cloud_;
  SimSite& site_;
  async::Context ctx_;
  http::ServerRequest& request_;
  http::ServerResponse& response_;
  MonoTime began_;
  uint64_t number_ = 0;
  LedgerEntry forgotten_;  // stands in when the ledger has dropped the entry meanwhile
  std::string outcome_;    // set where it is not what the status says
  std::string body_;

  const dialect::Dialect* dialect_ = nullptr;
  contract::ChatRequest chat_;
  std::string session_;
  bool stream_ = false;
  bool continuous_usage_ = false;
  std::optional<Fault> fault_;
  const SimModel* model_ = nullptr;
  QuotaState quota_;
  ModelAnswer answer_;
  contract::Usage usage_;
  int64_t prompt_tokens_ = 0;
  int64_t answer_tokens_ = 0;
  int64_t sent_tokens_ = 0;
  std::string tier_;  // as it is told
  std::string request_id_;
  std::string response_id_;
  std::string buffer_;
};

}  // namespace drover::sim
