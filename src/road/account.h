#pragma once
// One account: what was used of one budget by one party in the window that runs, and what is
// reserved for calls in flight. Arithmetic only; accounts.h owns them, finds them and makes them
// durable.
//
// Reserved is of now and belongs to no window: what is in flight when a window ends is settled into
// the next one. A clock that is set back frees nothing: what was used in the window that it left,
// and before in the one that it comes back to, counts together in that. Loop thread only.

#include <memory>
#include <string>
#include <vector>

#include "road/budget.h"

namespace drover::road {

/// Which limit a call would break.
enum class Lack : uint8_t { kNothing, kRequests, kTokens, kMoney };

class Account {
 public:
  Account(std::shared_ptr<const Budget> budget, std::string name, DimensionValues whose)
      : budget_(std::move(budget)), name_(std::move(name)), whose_(std::move(whose)) {}

  const Budget& budget() const { return *budget_; }
  /// The same budget with other limits, perhaps.
  void set_budget(std::shared_ptr<const Budget> budget) {
    budget_ = std::move(budget);
    plenty_ = kNever;
  }
  /// What it is stored under.
  const std::string& name() const { return name_; }
  /// The values of those dimensions that the budget is for.
  const DimensionValues& whose() const { return whose_; }

  /// What of `more` does not fit beside what is used and reserved at this second.
  Lack lacks(const Use& more, int64_t now);
  /// Quick: it fits, and leaves so much that nothing else needs to be looked at. False says
  /// nothing: lacks() tells.
  bool has_plenty(const Use& more, int64_t now);
  /// So much is plenty: what is used and reserved up to `sums` and the limits. Until the window,
  /// the limits or the promise are others.
  void set_plenty(const Use& sums);
  void reserve(const Use& use) { reserved_ += use; }
  /// Replaces a reservation by what was used: once, whatever the two are.
  void settle(const Use& held, const Use& used, int64_t now);
  /// Counts what was used then, if that is in the window that runs: at a start, from the ledger.
  void count(const Use& used, int64_t when, int64_t now);

  const Use& used(int64_t now);
  const Use& reserved() const { return reserved_; }
  /// Seconds until `more` can fit by itself; nullopt: never (a total, or more than the limit).
  std::optional<int64_t> frees_in(const Use& more, int64_t now);
  /// When the window that runs ends; INT64_MAX for a total.
  int64_t window_end(int64_t now);
  /// Nothing is used, nothing reserved: it can be forgotten.
  bool idle(int64_t now) { return reserved_.empty() && used(now).empty(); }

  // What is kept over a restart.
  Json to_json() const;
  void restore(const Json& json);
  /// The last row of the ledger that is counted in it.
  uint64_t counted_to = 0;
  /// What may be used before the disk must be told again; see accounts.h.
  const Use& promised() const { return promised_; }
  void set_promised(const Use& use) {
    promised_ = use;
    plenty_ = kNever;
  }
  Use promise_underway;  // being written
  Use asked;             // the largest call that waits for one
  bool promising = false;
  /// Changed since it was written down.
  bool dirty = false;

 private:
  struct Piece {
    int64_t number = 0;
    Use use;
  };
  /// No sum is within it.
  static constexpr Use kNever{INT64_MIN, INT64_MIN, Money()};
  void roll(int64_t now);
  void roll_pieces(int64_t now);
  void add(const Use& use, int64_t when);
  bool fits(const Use& base, const Use& more, Lack* lack) const;
  int64_t piece_seconds() const;

  std::shared_ptr<const Budget> budget_;
  std::string name_;
  DimensionValues whose_;
  Use used_;
  Use reserved_;
  Use promised_;
  Use plenty_ = kNever;
  Window window_{INT64_MIN, INT64_MIN};
  // The window before, in case the clock goes back to it.
  Window window_before_{INT64_MIN, INT64_MIN};
  Use used_before_;
  std::vector<Piece> pieces_;  // of a rolling window, oldest first
};

}  // namespace drover::road
