#include "road/fair_queue.h"

#include <algorithm>
#include <cmath>

namespace drover::road {
namespace {

/// A rate is a mean over about so many seconds.
constexpr double kRateSeconds = 10;
/// Fewer than these say nothing about a rate.
constexpr int kServedLeast = 3;

/// What is served in a second: an exponential mean, right from the first second on.
class Rate {
 public:
  explicit Rate(MonoTime now) : since_(now), at_(now) {}
  void add(double served, MonoTime now) {
    sum_ = sum_ * std::exp(-to_seconds(now - at_) / kRateSeconds) + served;
    at_ = now;
    ++count_;
  }
  std::optional<double> per_second(MonoTime now) const {
    if (count_ < kServedLeast || now <= since_) return std::nullopt;
    double left = sum_ * std::exp(-to_seconds(now - at_) / kRateSeconds);
    return left / (kRateSeconds * (1 - std::exp(-to_seconds(now - since_) / kRateSeconds)));
  }

 private:
  MonoTime since_;
  MonoTime at_;
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace

struct Ticket::Flow {
  std::string tenant;
  double weight = 1;
  double finish = 0;  // the tag after its last call
  size_t waiting = 0;
  Ticket* newest = nullptr;
};

struct Ticket::Group {
  explicit Group(MonoTime now) : served(now) {}
  std::set<Ticket*, FairQueue::ByTag> order;
  double cost = 0;  // of all that wait
  Rate served;
};

FairQueue::FairQueue() = default;
FairQueue::~FairQueue() = default;

void FairQueue::add(Ticket& ticket, MonoTime now) {
  std::unique_ptr<Flow>& flow = flows_[ticket.tenant];
  if (!flow) {
    flow = std::make_unique<Flow>();
    flow->tenant = ticket.tenant;
  }
  if (flow->waiting == 0) {
    flow->weight = ticket.weight;
    weight_ += flow->weight;
  }
  std::unique_ptr<Group>& group = groups_[ticket.wants];
  if (!group) group = std::make_unique<Group>(now);
  ticket.flow_ = flow.get();
  ticket.group_ = group.get();
  ticket.tag_ = std::max(virtual_time_, flow->finish);
  ticket.number_ = ++next_;
  flow->finish = ticket.tag_ + ticket.cost / flow->weight;
  ++flow->waiting;
  ticket.older_ = flow->newest;
  if (flow->newest != nullptr) flow->newest->newer_ = &ticket;
  flow->newest = &ticket;
  group->order.insert(&ticket);
  group->cost += ticket.cost;
  for (Room* room : ticket.wants) room->want();
  ticket.state = Ticket::State::kWaiting;
  ++size_;
}

void FairQueue::unlink(Ticket& ticket) {
  Flow& flow = *ticket.flow_;
  Group& group = *ticket.group_;
  if (ticket.older_ != nullptr) ticket.older_->newer_ = ticket.newer_;
  (ticket.newer_ != nullptr ? ticket.newer_->older_ : flow.newest) = ticket.older_;
  ticket.older_ = ticket.newer_ = nullptr;
  if (--flow.waiting == 0) weight_ -= flow.weight;
  group.order.erase(&ticket);
  group.cost -= ticket.cost;
  for (Room* room : ticket.wants) room->want_no_more();
  --size_;
  if (group.order.empty()) groups_.erase(ticket.wants);
  ticket.flow_ = nullptr;
  ticket.group_ = nullptr;
  if (size_ == 0) {
    // Nobody waits: nobody has an advantage to make up for.
    flows_.clear();
    virtual_time_ = 0;
    weight_ = 0;
  } else if (flows_.size() > 2 * size_ + 64) {
    forget_idle_flows();
  }
}

void FairQueue::forget_idle_flows() {
  std::erase_if(flows_, [](const auto& f) { return f.second->waiting == 0; });
}

void FairQueue::remove(Ticket& ticket) {
  if (ticket.state != Ticket::State::kWaiting) return;
  // What was never served is given back, where nothing is counted on top of it.
  if (ticket.flow_->newest == &ticket) ticket.flow_->finish = ticket.tag_;
  unlink(ticket);
  ticket.state = Ticket::State::kNew;
}

Ticket* FairQueue::take_first(bool fast, MonoTime now) {
  Ticket* best = nullptr;
  Room* where = nullptr;
  for (auto& [wants, group] : groups_) {
    Ticket* first = *group->order.begin();
    if (best != nullptr && !ByTag()(first, best)) continue;
    for (Room* room : wants) {
      if (!room->has_place(fast)) continue;
      best = first;
      where = room;
      break;
    }
  }
  if (best == nullptr) return nullptr;
  virtual_time_ = std::max(virtual_time_, best->tag_);
  best->group_->served.add(best->cost, now);
  unlink(*best);
  best->state = Ticket::State::kGranted;
  best->room = where;
  return best;
}

std::optional<Duration> FairQueue::wait_of(const Ticket& ticket, MonoTime now) const {
  const Group* group = ticket.group_;
  const Flow* flow = ticket.flow_;
  if (ticket.state != Ticket::State::kWaiting) {
    auto g = groups_.find(ticket.wants);
    auto f = flows_.find(ticket.tenant);
    group = g == groups_.end() ? nullptr : g->second.get();
    flow = f == flows_.end() ? nullptr : f->second.get();
  }
  std::optional<double> rate = group == nullptr ? std::nullopt : group->served.per_second(now);
  if (!rate) {
    // Nobody was served out of the queue yet: by how many calls end there.
    double ends = 0;
    for (const Room* room : ticket.wants) ends += room->ends_per_second();
    if (ends > 0) rate = ends * ticket.cost;
  }
  if (!rate || *rate <= 0) return std::nullopt;
  bool waits = ticket.state == Ticket::State::kWaiting;
  double tag = waits ? ticket.tag_ : std::max(virtual_time_, flow == nullptr ? 0 : flow->finish);
  bool joins = !waits && (flow == nullptr || flow->waiting == 0);
  double weight = weight_ + (joins ? ticket.weight : 0);
  double fair = (tag - virtual_time_) * weight + ticket.cost;
  double all = (group == nullptr ? 0 : group->cost) + (waits ? 0 : ticket.cost);
  double wait = std::min(fair, all) / *rate;
  constexpr double kMost = 24 * 3600;
  return Duration(static_cast<int64_t>(std::min(wait, kMost) * 1e9));
}

Ticket* FairQueue::newest_of_largest() const {
  const Flow* largest = nullptr;
  for (const auto& [tenant, flow] : flows_) {
    if (flow->waiting == 0) continue;
    double mine = static_cast<double>(flow->waiting) / flow->weight;
    double most = largest == nullptr ? 0 : static_cast<double>(largest->waiting) / largest->weight;
    if (mine > most || (mine == most && largest != nullptr && tenant < largest->tenant)) {
      largest = flow.get();
    }
  }
  return largest == nullptr ? nullptr : largest->newest;
}

double FairQueue::backlog(const Ticket& ticket) const {
  auto it = flows_.find(ticket.tenant);
  return it == flows_.end() ? 0 : static_cast<double>(it->second->waiting) / ticket.weight;
}

}  // namespace drover::road
