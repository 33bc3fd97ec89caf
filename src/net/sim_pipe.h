#pragma once
// Private to the simulated network: one direction of one connection.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/loop.h"
#include "async/wait.h"
#include "base/random.h"
#include "net/sim_net.h"

namespace drover::net {

/// A host as the network sees it; shared with the connections to it.
struct SimHost {
  bool partitioned = false;
};

class SimPipe : public std::enable_shared_from_this<SimPipe> {
 public:
  SimPipe(async::Loop& loop, LinkOptions link, std::shared_ptr<SimHost> host, uint64_t seed)
      : loop_(&loop), link_(link), host_(std::move(host)), random_(seed) {}

  static Task<Result<size_t>> read(std::shared_ptr<SimPipe> pipe, Context ctx,
                                   std::span<char> buffer);
  static Task<Result<void>> write(std::shared_ptr<SimPipe> pipe, Context ctx,
                                  std::string_view data);

  /// A fault of this direction, with after_bytes drawn.
  void add_fault(const Fault& fault) { faults_.push_back(fault); }
  /// The connection that both directions belong to ends: called when a fault cuts or resets it.
  void set_other(std::weak_ptr<SimPipe> other) { other_ = std::move(other); }

  /// The writer ends: the reader sees the end after what is on the way.
  void finish();
  /// The reader's side closed: its pending reads end, later writes fail.
  void close_reader();
  /// The writer's side closed: its pending writes end.
  void close_writer();
  /// Both see an error, the reader after what is on the way.
  void reset();
  /// Looks again at what may be delivered (a partition has healed).
  void wake();

 private:
  struct Segment {
    MonoTime at;
    std::string bytes;
    size_t taken = 0;
  };

  bool due(MonoTime t) const { return !host_->partitioned && t <= loop_->mono(); }
  size_t deliver(std::span<char> buffer);
  /// What a write meets before it may send more; nullopt while there is room.
  std::optional<Error> writer_error() const;
  size_t send(std::string_view data);
  void strike(const Fault& fault);
  MonoTime arrival(size_t bytes);
  void wake_reader_at(MonoTime t);

  async::Loop* loop_;
  LinkOptions link_;
  std::shared_ptr<SimHost> host_;
  SeededRandom random_;
  std::weak_ptr<SimPipe> other_;
  std::vector<Fault> faults_;

  std::deque<Segment> segments_;
  size_t held_ = 0;
  uint64_t sent_ = 0;
  MonoTime wire_free_at_{};
  MonoTime last_arrival_{};
  std::optional<MonoTime> end_at_;
  std::optional<MonoTime> reset_at_;
  bool stalled_ = false;
  bool finished_ = false;
  bool reader_closed_ = false;
  bool writer_closed_ = false;
  async::WaitQueue readers_;
  async::WaitQueue writers_;
};

}  // namespace drover::net
