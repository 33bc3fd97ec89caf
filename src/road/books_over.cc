// Books: accounts of sessions and trees that have ended, dropped with their documents. Otherwise a
// budget in total "for each" of them would fill what one server keeps, and lock new ones out.

#include "base/log.h"
#include "road/books.h"

namespace drover::road {

async::Task<void> Books::forget_over(async::Context ctx) {
  Accounts& a = *p_.accounts;
  const Accounts::Ids ids = std::exchange(a.to_look_at_, {});
  if (p_.journal == nullptr) co_return;
  Accounts::Ids sessions, roots, trees;
  for (const std::string& id : ids) {
    SessionId session(id);
    auto row = co_await p_.journal->find(ctx, session);
    // What the journal does not know it cannot call ended.
    if (!row && row.error().code != Code::kNotFound) a.to_look_at_.insert(id);
    if (!row || row->status != "ended") continue;
    if (a.names_by_id_.contains(id)) sessions.insert(id);
    const std::string root = row->root.empty() ? id : row->root.str();
    if (a.names_by_id_.contains(root)) roots.insert(root);
  }
  for (const std::string& root : roots) {
    SessionId session(root);
    auto totals = co_await p_.journal->tree(ctx, session);
    if (!totals) a.to_look_at_.insert(root);
    // Children may go on when the session at the top has ended; the last one's end comes here
    // again.
    if (totals && totals->open == 0) trees.insert(root);
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
