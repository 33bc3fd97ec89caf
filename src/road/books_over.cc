// Books: accounts of sessions and trees that have ended, dropped with their documents. Otherwise a
// budget in total "for each" of them would fill what one server keeps, and lock new ones out.

#include "base/log.h"
#include "road/books.h"

namespace drover::road {
namespace {

/// So many ids the journal is asked about at once, and so many rows it answers with.
constexpr size_t kLookSlice = 1'000;

std::set<SessionId> take_slice(std::set<std::string>& ids) {
  std::set<SessionId> out;
  while (!ids.empty() && out.size() < kLookSlice) {
    out.emplace(std::move(ids.extract(ids.begin()).value()));
  }
  return out;
}

void put_ids(const std::set<SessionId>& ids, std::set<std::string>& out) {
  for (const SessionId& id : ids) out.insert(id.str());
}

/// Takes those trees out in which somebody goes on. An answer that is full takes out one at least,
/// and the next is about the others.
async::Task<Result<void>> leave_open(async::Context ctx, store::Journal* journal,
                                     std::set<SessionId>* trees) {
  store::SessionFilter filter;
  filter.open = true;
  filter.limit = kLookSlice;
  while (!trees->empty()) {
    filter.roots = *trees;
    CO_TRY(auto rows, co_await journal->list(ctx, filter));
    for (const store::SessionRow& row : rows) trees->erase(row.root);
    if (rows.size() < filter.limit) break;
  }
  co_return Result<void>();
}

}  // namespace

async::Task<void> Books::forget_over(async::Context ctx) {
  Accounts& a = *p_.accounts;
  Accounts::Ids ids = std::exchange(a.to_look_at_, {});
  if (p_.journal == nullptr) co_return;
  Accounts::Ids sessions, roots, trees;
  while (!ids.empty()) {
    // What the journal does not know it cannot call ended.
    store::SessionFilter ended;
    ended.status = "ended";
    ended.ids = take_slice(ids);
    ended.limit = ended.ids.size();
    auto rows = co_await p_.journal->list(ctx, ended);
    if (!rows) {
      put_ids(ended.ids, a.to_look_at_);
      continue;
    }
    for (const store::SessionRow& row : *rows) {
      const std::string& id = row.id.str();
      if (a.names_by_id_.contains(id)) sessions.insert(id);
      const std::string& root = row.root.empty() ? id : row.root.str();
      if (a.names_by_id_.contains(root)) roots.insert(root);
    }
  }
  while (!roots.empty()) {
    // Children may go on when the session at the top has ended; the last one's end comes here
    // again.
    std::set<SessionId> over = take_slice(roots);
    auto asked = co_await leave_open(ctx, p_.journal, &over);
    put_ids(over, asked ? trees : a.to_look_at_);
  }
  std::vector<std::string> dropped = a.drop_over(sessions, trees);
  for (std::string& name : dropped) {
    auto removed = co_await p_.documents->remove(ctx, kAccountDocuments, std::move(name));
    // The next start reads it, and looks at it again.
    if (!removed) LOG_DEBUG("an account was not removed: {}", removed.error().message);
  }
}

async::Task<void> Books::keep_room(async::Context ctx) {
  for (;;) {
    auto slept = co_await async::sleep_for(ctx, p_.write_every);
    if (!slept) co_return;
    co_await forget_over(ctx);
  }
}

}  // namespace drover::road
