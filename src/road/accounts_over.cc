// Accounts: those "for each" session or tree, and their end with it.

#include "road/accounts.h"

namespace drover::road {
namespace {

/// The session or tree that the account is for, if its budget opens one for each; else "".
const std::string& each_of(const Account& account, Dimension dimension) {
  static const std::string kNone;
  const size_t at = static_cast<size_t>(dimension);
  return account.budget().whom[at] == kEach ? account.whose()[at] : kNone;
}

constexpr Dimension kEnding[] = {Dimension::kSession, Dimension::kTree};

}  // namespace

void Accounts::session_over(std::string_view session) {
  if (!names_by_id_.empty()) to_look_at_.emplace(session);
}

void Accounts::note_party(const Account& account) {
  for (Dimension dimension : kEnding) {
    const std::string& id = each_of(account, dimension);
    if (id.empty()) continue;
    names_by_id_[id].insert(account.name());
    // It may be made of what came late: a bill, a settlement, the ledger at a start.
    to_look_at_.insert(id);
  }
}

std::vector<std::string> Accounts::drop_over(const Ids& sessions, const Ids& trees) {
  std::vector<std::string> out;
  if (sessions.empty() && trees.empty()) return out;
  std::set<const Account*> in_flight;
  for (const auto& line : old_lines_) {
    in_flight.insert(line->accounts.begin(), line->accounts.end());
  }
  std::erase_if(lines_, [&](const auto& entry) {
    const AccountLine& line = *entry.second;
    if (!sessions.contains(line.line.session) && !trees.contains(line.line.tree)) return false;
    // Without a call in flight it is resolved again if it is ever needed.
    if (line.open == 0) return true;
    in_flight.insert(line.accounts.begin(), line.accounts.end());
    return false;
  });
  auto drop = [&](const std::string& id, Dimension dimension) {
    auto names = names_by_id_.find(id);
    if (names == names_by_id_.end()) return;
    std::erase_if(names->second, [&](const std::string& name) {
      auto found = accounts_.find(name);
      if (found == accounts_.end()) return true;  // idle, and forgotten before
      const Account& account = *found->second;
      if (each_of(account, dimension) != id) return false;
      // While it is promising its document is being written.
      if (account.promising || in_flight.contains(&account)) {
        to_look_at_.insert(id);
        return false;
      }
      if (!account.budget().is_rate()) out.push_back(name);
      accounts_.erase(found);
      return true;
    });
    if (names->second.empty()) names_by_id_.erase(names);
  };
  for (const std::string& id : sessions) drop(id, Dimension::kSession);
  for (const std::string& id : trees) drop(id, Dimension::kTree);
  return out;
}

}  // namespace drover::road
