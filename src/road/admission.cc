#include "road/admission.h"

#include <algorithm>

namespace drover::road {
namespace {

uint32_t calls_of(const catalog::Endpoint& endpoint) {
  const Json* stated = endpoint.facts.value("calls_in_flight");
  double most = stated == nullptr ? 0 : stated->number().value_or(0);
  if (most < 1) return Room::kUnlimited;
  return static_cast<uint32_t>(std::min<double>(most, limits::kCallsConfiguredMost));
}

/// A slow call waits for its first model; whoever is in a hurry takes what there is.
bool wants(const Seat& seat, const Placement& placement, const catalog::Endpoint& endpoint) {
  return seat.path == ServiceClass::kFast || endpoint.model == placement.endpoints.front()->model;
}

}  // namespace

Admission::Admission(ClassSettings settings) { configure(std::move(settings), MonoTime()); }

void Admission::configure(ClassSettings settings, MonoTime now) {
  settings_ = std::move(settings);
  process_.configure(settings_.calls, settings_);
  catalog_ = nullptr;  // all rooms are configured anew
  serve(now);
}

void Admission::configure(Room& room, const catalog::Endpoint& endpoint) {
  room.configure(calls_of(endpoint), settings_);
}

void Admission::load(const catalog::Catalog& catalog) {
  catalog_ = &catalog;
  epoch_ = catalog.epoch();
  by_index_.clear();
  for (const catalog::Endpoint& endpoint : catalog.endpoints()) {
    std::unique_ptr<Room>& room = by_name_[endpoint.id];
    if (!room) room = std::make_unique<Room>(endpoint.id, &changed_);
    configure(*room, endpoint);
    by_index_.push_back(room.get());
  }
  std::erase_if(by_name_, [&](const auto& r) {
    const Room& room = *r.second;
    if (catalog.find(r.first) != nullptr || room.calls() > 0 || room.wanted() > 0) return false;
    std::erase(changed_, &room);
    return true;
  });
}

Room& Admission::room(const catalog::Catalog& catalog, const catalog::Endpoint& endpoint) {
  if (&catalog == catalog_ && catalog.epoch() == epoch_) {
    return *by_index_[catalog.index_of(&endpoint)];
  }
  if (catalog_ == nullptr || catalog.epoch() > epoch_) {
    load(catalog);
    return *by_index_[catalog.index_of(&endpoint)];
  }
  // A call that was placed before a reload.
  std::unique_ptr<Room>& room = by_name_[endpoint.id];
  if (!room) {
    room = std::make_unique<Room>(endpoint.id, &changed_);
    configure(*room, endpoint);
  }
  return *room;
}

ServiceClass Admission::path_of(ServiceClass service_class, const Placement& placement,
                                MonoTime now) {
  if (service_class != ServiceClass::kAuto) return service_class;
  if (process_.heavy(now) || !process_.has_place(false)) return ServiceClass::kSlow;
  for (const catalog::Endpoint* endpoint : placement.endpoints) {
    Room& there = room(*placement.catalog, *endpoint);
    if (!there.heavy(now) && there.has_place(false)) return ServiceClass::kFast;
  }
  return ServiceClass::kSlow;
}

bool Admission::enter(Seat& seat, const Placement& placement, MonoTime now) {
  if (!process_.has_place(seat.fast)) return false;
  for (const catalog::Endpoint* endpoint : placement.endpoints) {
    Room& there = room(*placement.catalog, *endpoint);
    if (!there.has_place(seat.fast) || !wants(seat, placement, *endpoint)) continue;
    process_.take(seat.fast, now);
    there.take(seat.fast, now);
    seat.room = &there;
    seat.endpoint = endpoint;
    seat.taken = now;
    return true;
  }
  return false;
}

Result<void> Admission::wait(Ticket& ticket, const Seat& seat, const Placement& placement,
                             MonoTime now) {
  ticket.fast = seat.fast;
  for (const catalog::Endpoint* endpoint : placement.endpoints) {
    if (!wants(seat, placement, *endpoint)) continue;
    ticket.wants.push_back(&room(*placement.catalog, *endpoint));
  }
  std::optional<Duration> wait = queue(ticket.fast).wait_of(ticket, now);
  if (wait && *wait > ticket.until - now) {
    return fail(refusal(ticket, "a place would be free only after " + format_duration(*wait), now));
  }
  TRY_VOID(make_room_for(ticket, now));
  queue(ticket.fast).add(ticket, now);
  return {};
}

Result<void> Admission::make_room_for(Ticket& ticket, MonoTime now) {
  if (all_waiting() < settings_.waiting) return {};
  // Slow work makes room for fast work; among equals whoever has most waiting.
  Ticket* out = others_.newest_of_largest();
  FairQueue* from = &others_;
  if (out == nullptr && ticket.fast) {
    out = fast_.newest_of_largest();
    from = &fast_;
  }
  bool mine = out == nullptr;
  if (!mine && from == &queue(ticket.fast)) {
    mine = from->backlog(*out) <= from->backlog(ticket) + 1 / ticket.weight;
  }
  if (mine) return fail(refusal(ticket, "too many calls wait", now));
  from->remove(*out);
  out->state = Ticket::State::kPushedOut;
  out->changed.wake_all();
  return {};
}

Error Admission::refusal(const Ticket& ticket, std::string why, MonoTime now) const {
  const FairQueue& mine = queue(ticket.fast);
  Duration wait = mine.wait_of(ticket, now).value_or(limits::kShedWaitLeast);
  wait = std::clamp<Duration>(wait, limits::kShedWaitLeast, limits::kShedWaitMost);
  // Whoever has most of what waits has it in his hands.
  const Ticket* most = mine.newest_of_largest();
  bool own = most != nullptr && most->tenant == ticket.tenant;
  std::string text = "too much to do: " + std::move(why) + "; come back in " +
                     format_duration(std::chrono::ceil<std::chrono::seconds>(wait));
  Error out(own ? Code::kResourceExhausted : Code::kUnavailable, std::move(text), Retry::kAfter);
  out.retry_after = wait;
  out.reason = "overloaded";
  return out;
}

void Admission::take(Ticket& ticket, Seat& seat, const Placement& placement, MonoTime now) {
  seat.room = ticket.room;
  seat.taken = now;
  ticket.room = nullptr;
  for (const catalog::Endpoint* endpoint : placement.endpoints) {
    if (endpoint->id != seat.room->name()) continue;
    seat.endpoint = endpoint;
    break;
  }
}

void Admission::give_up(Ticket& ticket, MonoTime now) {
  queue(ticket.fast).remove(ticket);
  if (ticket.room == nullptr) return;
  ticket.room->put(ticket.fast, Duration::zero(), now);
  process_.put(ticket.fast, Duration::zero(), now);
  ticket.room = nullptr;
  serve(now);
}

void Admission::leave(Seat& seat, MonoTime now) {
  if (seat.room == nullptr) return;
  Duration took = now - seat.taken;
  seat.room->put(seat.fast, took, now);
  process_.put(seat.fast, took, now);
  seat.room = nullptr;
  serve(now);
}

void Admission::serve(MonoTime now) {
  for (FairQueue* queue : {&fast_, &others_}) {
    bool fast = queue == &fast_;
    while (!queue->empty() && process_.has_place(fast)) {
      Ticket* next = queue->take_first(fast, now);
      if (next == nullptr) break;
      process_.take(fast, now);
      next->room->take(fast, now);
      next->changed.wake_all();
    }
  }
}

void Admission::close() {
  for (FairQueue* queue : {&fast_, &others_}) {
    while (Ticket* ticket = queue->newest_of_largest()) {
      queue->remove(*ticket);
      ticket->state = Ticket::State::kPushedOut;
      ticket->changed.wake_all();
    }
  }
}

bool Admission::move(Seat& seat, const catalog::Catalog& catalog, const catalog::Endpoint& endpoint,
                     MonoTime now) {
  Room& next = room(catalog, endpoint);
  if (&next != seat.room && !next.has_place(seat.fast)) return false;
  seat.endpoint = &endpoint;
  if (&next == seat.room) return true;
  seat.room->put(seat.fast, now - seat.taken, now);
  next.take(seat.fast, now);
  seat.room = &next;
  seat.taken = now;
  serve(now);
  return true;
}

Room* Admission::take_beside(const Seat& seat, const catalog::Catalog& catalog,
                             const catalog::Endpoint& endpoint, MonoTime now) {
  Room& there = room(catalog, endpoint);
  if (!there.has_place(seat.fast)) return nullptr;
  there.take(seat.fast, now);
  return &there;
}

void Admission::put_beside(Room* room, const Seat& seat, Duration took, MonoTime now) {
  if (room == nullptr) return;
  room->put(seat.fast, took, now);
  serve(now);
}

bool Admission::rest() {
  if (all_waiting() >= settings_.waiting) return false;
  ++resting_;
  return true;
}

}  // namespace drover::road
