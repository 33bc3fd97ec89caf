#pragma once
// Model calls that may wait for hours go to their provider in batches, at the batch tier's price.
// Calls that come within a short time for one endpoint, one tenant and one class of data share one.
//
//   std::optional<BatchState> known = batches.ask(key);             // it is in one already
//   BatchState state = co_await batches.add(ctx, std::move(call));  // until its batch is accepted
//
// A call is named by its idempotency key; its line (custom_id, and its key in the ledger) is that
// and "/batch", so that an ordinary call after it is another. Whoever waits for it need not stay:
// `wake` is called when its batch has ended, again and again until ask() was told what became of
// it.
//
// Money: each line reserves in its caller's accounts before its batch is sent, and is settled once
// from the usage in its answer, or released. It stands in the ledger under the tier "batch", also
// where nobody asks for the answer any more. A batch that was accepted and whose end cannot be
// learnt is booked as an estimate, at most, until a bill corrects it.
//
// A kill at any moment loses and doubles nothing. A batch is a document (collection "batches"; no
// prompt and no answer stands in it) before its file is sent, and carries a key of ours in the
// provider's metadata: start() finds a batch whose acceptance was not written down by that key,
// reserves anew for what is open (books.h leaves it alone: goes_on()), and reads answers again that
// nobody took. Lines whose settlement the ledger has are not settled again.
//
// Failure: a batch that is refused, expires, is cancelled or takes longer than its callers allowed,
// or a line with an error: the state is kFailed with the reason and its reservation is released;
// its caller goes the ordinary way. Limits: limits/batch.h. Loop thread only.
//
// batches.cc collects; batches_send.cc hands over, batches_end.cc brings back,
// batches_document.cc keeps what a start needs.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/scope.h"
#include "async/sync.h"
#include "base/limits/batch.h"
#include "catalog/catalog.h"
#include "providers/batch_client.h"
#include "road/accounts.h"
#include "road/books.h"
#include "road/road.h"
#include "store/documents.h"

namespace drover::road {

struct BatchCall {
  std::string key;
  std::string tenant, api_key, agent, session, tree;
  std::string endpoint;
  std::string data_class;
  /// Why it goes there and not elsewhere, as batch_road.cc writes it down and reads it.
  std::string placed;
  /// Encoded for that endpoint.
  std::string body;
  Ask most;
  /// How long its caller lets it wait.
  Duration within = limits::kBatchWithinMax;
  std::string line() const { return key + "/batch"; }
};

/// What is known of a call.
struct BatchState {
  enum class What : uint8_t { kWaiting, kAnswered, kFailed };
  What what = What::kFailed;
  std::string batch;  // the provider's id
  std::string endpoint;
  std::string placed;  // as the call's
  WallTime since{};
  WallTime until{};                 // it has an outcome by then
  contract::ChatResponse response;  // kAnswered
  Money cost;
  bool cost_known = false;
  Error error;  // kFailed
};

struct BatchesParts {
  async::Loop* loop = nullptr;
  Random* random = nullptr;
  catalog::CatalogHolder* catalog = nullptr;
  store::Documents* documents = nullptr;
  Accounts* accounts = nullptr;
  Books* books = nullptr;
  trace::Metrics* metrics = nullptr;  // may be null
  /// The batches of that endpoint's provider; null: it has none.
  std::function<providers::BatchClient*(const catalog::Endpoint&)> client;
  /// Whether the rules of now leave that endpoint to the tenant's data of that class: asked before
  /// requests are sent, some of which wait for minutes. Null: it is as it was.
  std::function<async::Task<bool>(async::Context ctx, std::string endpoint, std::string tenant,
                                  std::string data_class)>
      allowed;
  /// The calls of that session have an outcome.
  std::function<void(const std::string& session, const std::string& tenant)> wake;
};

class Batches {
 public:
  Batches(async::Context ctx, BatchesParts parts);
  ~Batches();
  /// Reads what was under way; before Books::start(), which asks goes_on().
  async::Task<Result<void>> load(async::Context ctx);
  /// Whether the call with that key in the ledger is a line of a batch that goes on.
  bool goes_on(std::string_view call_key) const;
  /// Takes it up again; after Books::start() and before any session.
  async::Task<Result<void>> start(async::Context ctx);
  /// What is under way goes on at the next start.
  async::Task<void> close();

  /// Whether there is room for one more.
  bool has_room() const;
  std::optional<BatchState> ask(std::string_view key);
  /// Encodes a call for a batch at that endpoint.
  Result<BatchCall> prepare(const catalog::Endpoint& endpoint, ModelCall& call);
  /// Ends early with kFailed if `ctx` does, and its line is taken out if it was not sent yet.
  async::Task<BatchState> add(async::Context ctx, BatchCall call);
  /// It failed, and its caller goes another way.
  void forget(std::string_view key);
  /// Nobody waits for that session's calls any more: a batch of such calls alone is cancelled, and
  /// what was done of it is booked.
  void leave(std::string_view session);
  size_t waiting() const;

 private:
  struct Item;
  struct Run;
  using ItemPtr = std::shared_ptr<Item>;
  using RunPtr = std::shared_ptr<Run>;
  /// Where a run's requests go; the endpoint lives as long as it.
  struct Target {
    std::shared_ptr<const catalog::Catalog> catalog;
    const catalog::Endpoint* endpoint = nullptr;
    providers::BatchClient* client = nullptr;
  };

  async::Task<void> drive(async::Context ctx, RunPtr run);
  Result<Target> target_of(Run& run) const;
  RunPtr collecting(const BatchCall& call);
  void take_out(Run& run, const ItemPtr& item);
  // Handing over.
  async::Task<Result<void>> send(async::Context ctx, RunPtr run);
  async::Task<Result<void>> hand_over(async::Context ctx, RunPtr run);
  async::Task<Result<void>> check_rules(async::Context ctx, RunPtr run);
  async::Task<Result<void>> upload(async::Context ctx, RunPtr run, Target target);
  async::Task<Result<void>> find_file(async::Context ctx, RunPtr run, Target target);
  async::Task<Result<void>> reserve(async::Context ctx, RunPtr run);
  async::Task<Result<bool>> reserve_one(async::Context ctx, ItemPtr item, Target target);
  async::Task<Result<bool>> recover(async::Context ctx, RunPtr run);
  async::Task<void> accepted(async::Context ctx, RunPtr run, dialect::BatchStatus status);
  // Its end.
  async::Task<Result<dialect::BatchStatus>> follow(async::Context ctx, RunPtr run);
  async::Task<Result<void>> take_answers(async::Context ctx, RunPtr run,
                                         dialect::BatchStatus status);
  async::Task<Result<void>> read_file(async::Context ctx, RunPtr run, Target target,
                                      std::string file);
  async::Task<void> keep_answers(async::Context ctx, RunPtr run);
  async::Task<void> clear_away(async::Context ctx, RunPtr run);
  async::Task<Result<void>> remove_file(async::Context ctx, Target target, std::string file);
  void take_line(Run& run, const catalog::Endpoint& endpoint, dialect::BatchLine line);
  void settle(Item& item, const catalog::Endpoint& endpoint, bool ok);
  void fail_open(Run& run, const Error& error);
  void wake(const Run& run);
  // Documents.
  async::Task<Result<void>> write(async::Context ctx, RunPtr run);
  async::Task<Result<std::set<std::string>>> settled_lines(async::Context ctx);
  RunPtr run_of(const Json& json, std::string token);

  BatchState state_of(const Item& item) const;
  void count(const char* outcome);

  BatchesParts p_;
  async::Scope scope_;
  std::map<std::string, ItemPtr, std::less<>> items_;      // by key
  std::map<std::string, RunPtr, std::less<>> collecting_;  // by what they share
  std::vector<RunPtr> loaded_;
  size_t runs_ = 0;
  size_t bytes_ = 0;  // of requests that are not handed over yet
  trace::Family* counted_ = nullptr;
};

}  // namespace drover::road
