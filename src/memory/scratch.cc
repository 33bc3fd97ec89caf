#include "memory/scratch.h"

#include "base/limits/memory.h"
#include "base/limits/store.h"
#include "base/log.h"
#include "contract/data_class.h"

namespace drover::memory {
namespace {

/// Where a store keeps the notes of moves to it: a name that no tenant has.
const TenantId& notes_tenant() {
  static const TenantId kTenant("drover");
  return kTenant;
}
constexpr const char* kNotes = "scratch moves";

/// A record that came after the question whether the other store may hold what is here.
Result<void> check_class(const store::Record& record, const std::string& asked) {
  if (contract::join_texts(asked, record.data_class) == asked) return {};
  return fail(Error(Code::kAborted,
                    "a record of class '" + record.data_class +
                        "' was written meanwhile, which the other store was not asked about",
                    Retry::kAfter));
}

uint64_t bytes_of(const store::Record& record) {
  return record.key.size() + record.text.size() + record.value.dump().size();
}

}  // namespace

Task<Result<void>> Scratch::open(Context ctx) {
  for (const auto& [name, records] : memory_.stores()) {
    std::string after;
    for (bool more = true; more;) {
      CO_TRY(auto notes,
             co_await records->list(ctx, notes_tenant(), kNotes, "", after, limits::kStoreRowsMax));
      more = notes.size() == limits::kStoreRowsMax;
      if (more) after = notes.back().key;
      for (const store::Record& record : notes) {
        Move move;
        move.owner.session = SessionId(record.key);
        move.owner.tenant = TenantId(record.value.get_text("tenant"));
        move.owner.name_space = record.value.get_text("namespace");
        move.from = record.value.get_text("from");
        move.to = name;
        moves_[move.owner.session] = std::move(move);
      }
    }
  }
  co_return Result<void>();
}

std::vector<SessionId> Scratch::unsettled() const {
  std::vector<SessionId> out;
  for (const auto& [session, move] : moves_) out.push_back(session);
  return out;
}

bool Scratch::moving(const TenantId& tenant, const std::string& name_space) const {
  for (const auto& [session, move] : moves_) {
    if (move.owner.tenant == tenant && move.owner.name_space == name_space) return true;
  }
  return false;
}

void Scratch::changed(const TenantId& tenant, const std::string& name_space) {
  sizes_.erase({tenant, name_space});
}

Task<Result<ScratchSize>> Scratch::size(Context ctx, ScratchOwner owner, std::string store) {
  const std::pair key(owner.tenant, owner.name_space);
  auto known = sizes_.find(key);
  if (known != sizes_.end() && known->second.store == store) co_return known->second.size;
  CO_TRY(store::Records * records, memory_.records_of(store));
  ScratchSize out;
  std::string after;
  std::string last;  // class: most records have that of their session
  for (bool more = true; more;) {
    CO_TRY(auto slice, co_await records->list(ctx, owner.tenant, owner.name_space, "", after,
                                              limits::kScratchChunkRecords));
    more = slice.size() == limits::kScratchChunkRecords;
    if (more) after = slice.back().key;
    for (const store::Record& record : slice) {
      ++out.records;
      out.bytes += bytes_of(record);
      if (record.data_class == last) continue;
      last = record.data_class;
      out.data_class = contract::join_texts(out.data_class, last);
    }
  }
  if (sizes_.size() >= limits::kScratchSizesKept) sizes_.clear();
  Known& kept = sizes_[key];
  kept.store = std::move(store);
  kept.size = out;
  co_return out;
}

Task<Result<void>> Scratch::note(Context ctx, const Move* move) {
  CO_TRY(store::Records * records, memory_.records_of(move->to));
  store::Record record;
  record.name_space = kNotes;
  record.key = move->owner.session.str();
  record.value = Json::object().set("tenant", move->owner.tenant.str());
  record.value.set("namespace", move->owner.name_space).set("from", move->from);
  CO_TRY(uint64_t version,
         co_await records->put(ctx, notes_tenant(), std::move(record), std::nullopt));
  (void)version;
  co_return Result<void>();
}

Task<Result<ScratchSize>> Scratch::copy(Context ctx, const Move* move, store::Records* from,
                                        store::Records* to) {
  const ScratchOwner* owner = &move->owner;
  // What an earlier try left there is not this copy's.
  CO_TRY(uint64_t left, co_await to->clear(ctx, owner->tenant, owner->name_space));
  (void)left;
  ScratchSize out;
  std::string after;
  for (bool more = true; more;) {
    CO_TRY(auto slice, co_await from->list(ctx, owner->tenant, owner->name_space, "", after,
                                           limits::kScratchChunkRecords));
    more = slice.size() == limits::kScratchChunkRecords;
    if (more) after = slice.back().key;
    std::vector<store::Record> chunk;
    uint64_t bytes = 0;
    for (store::Record& record : slice) {
      CO_TRY_VOID(check_class(record, move->asked));
      ++out.records;
      bytes += bytes_of(record);
      chunk.push_back(std::move(record));
      if (bytes < limits::kScratchChunkBytes) continue;
      CO_TRY_VOID(co_await to->take_over(ctx, owner->tenant, std::move(chunk)));
      chunk.clear();
      out.bytes += std::exchange(bytes, 0);
    }
    if (!chunk.empty()) {
      CO_TRY_VOID(co_await to->take_over(ctx, owner->tenant, std::move(chunk)));
    }
    out.bytes += bytes;
  }
  co_return out;
}

Task<Result<ScratchSize>> Scratch::note_and_copy(Context ctx, const Move* move,
                                                 store::Records* from, store::Records* to) {
  CO_TRY_VOID(co_await note(ctx, move));
  co_return co_await copy(ctx, move, from, to);
}

Task<Result<ScratchSize>> Scratch::move(Context ctx, ScratchOwner owner, std::string from,
                                        std::string to, std::string asked) {
  const SessionId session = owner.session;
  if (unsettled(session)) CO_TRY_VOID(co_await settle(ctx, session, from));
  CO_TRY(store::Records * source, memory_.records_of(from));
  CO_TRY(store::Records * target, memory_.records_of(to));
  Move move;
  move.owner = std::move(owner);
  move.from = from;
  move.to = std::move(to);
  move.asked = std::move(asked);
  const Move* kept = &(moves_[session] = std::move(move));
  Result<ScratchSize> copied = co_await note_and_copy(ctx, kept, source, target);
  if (copied) co_return copied;
  Context after = ctx.detached();
  Result<void> undone = co_await settle(after, session, from);
  if (!undone) {
    LOG_WARN("session {}: what was copied of its scratch data stays in '{}' for now: {}",
             session.str(), moves_[session].to, undone.error().to_string());
  }
  co_return copied;
}

Task<Result<void>> Scratch::settle(Context ctx, SessionId session, std::string live) {
  auto it = moves_.find(session);
  if (it == moves_.end()) co_return Result<void>();
  const Move move = it->second;
  for (const std::string* store : {&move.from, &move.to}) {
    if (*store == live) continue;
    CO_TRY(store::Records * records, memory_.records_of(*store));
    CO_TRY(uint64_t gone, co_await records->clear(ctx, move.owner.tenant, move.owner.name_space));
    (void)gone;
  }
  CO_TRY(store::Records * target, memory_.records_of(move.to));
  CO_TRY(bool noted, co_await target->remove(ctx, notes_tenant(), kNotes, session.str()));
  (void)noted;
  changed(move.owner.tenant, move.owner.name_space);
  moves_.erase(session);
  co_return Result<void>();
}

}  // namespace drover::memory
