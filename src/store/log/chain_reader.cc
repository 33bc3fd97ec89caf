#include "store/log/chain_reader.h"

#include <algorithm>

#include "base/limits/store.h"

namespace drover::store::log {

Result<Commit> ChainReader::read_commit(const SessionId& session, Position position) const {
  TRY(InFrame frame, log_.read(position));
  TRY(auto commit, decode_body(frame.body));
  if (commit && commit->row.id == session) return std::move(*commit);
  return fail(Code::kDataLoss, "the journal is damaged in " + log_.place(position));
}

Result<ChainReader::Link> ChainReader::read_link(const SessionId& session, Position position) {
  TRY(Commit commit, read_commit(session, position));
  Link link;
  link.position = position;
  link.first = commit.expected_last + 1;
  link.last = commit.row.last_sequence;
  link.previous = commit.previous;
  if (link.last >= wanted_from_ && link.first <= wanted_to_) {
    fresh_.emplace(position, std::move(commit));
  }
  return link;
}

Result<ChainReader::Link> ChainReader::around_damage(const SessionId& session, Position damaged,
                                                     uint64_t upper) {
  Link link;
  link.position = damaged;
  link.first = 1;
  link.last = upper;
  link.damage = log_.place(damaged);
  const auto look = [&](const InFrame& frame) -> Result<void> {
    Result<std::optional<Commit>> commit = decode_body(frame.body);
    if (!commit || !*commit || (*commit)->row.id != session) return {};
    link.previous = frame.position;
    link.first = (*commit)->row.last_sequence + 1;
    return {};
  };
  TRY_VOID(log_.scan(0, damaged, look, nullptr));
  return link;
}

Result<std::vector<ChainReader::Link>> ChainReader::walk(const SessionId& session,
                                                         Position from_position, Position stop,
                                                         uint64_t from, uint64_t upper) {
  std::vector<Link> newest_first;
  Position at = from_position;
  while (at != 0 && at != stop) {
    Result<Link> link = read_link(session, at);
    if (!link && link.error().code == Code::kDataLoss) link = around_damage(session, at, upper);
    if (!link) return fail(std::move(link).error());
    upper = link->first - 1;
    at = link->previous;
    newest_first.push_back(std::move(*link));
    if (newest_first.back().first <= from) break;
  }
  std::reverse(newest_first.begin(), newest_first.end());
  return newest_first;
}

Result<void> ChainReader::extend(const SessionId& session, Chain& chain, Position last,
                                 uint64_t from) {
  if (chain.links.empty() || chain.links.back().position != last) {
    const Position known = chain.links.empty() ? 0 : chain.links.back().position;
    TRY(auto newer, walk(session, last, known, from, wanted_to_));
    const bool joined = !newer.empty() && known != 0 && newer.front().previous == known;
    if (!joined) {
      links_ -= chain.links.size();
      chain.links.clear();
    }
    links_ += newer.size();
    for (Link& link : newer) chain.links.push_back(std::move(link));
  }
  const Link oldest = chain.links.empty() ? Link() : chain.links.front();
  if (oldest.first <= from || oldest.previous == 0) return {};
  TRY(auto older, walk(session, oldest.previous, 0, from, oldest.first - 1));
  links_ += older.size();
  chain.links.insert(chain.links.begin(), std::make_move_iterator(older.begin()),
                     std::make_move_iterator(older.end()));
  return {};
}

ChainReader::Chain& ChainReader::chain_of(const SessionId& session) {
  auto [it, fresh] = chains_.try_emplace(session);
  Chain& chain = it->second;
  if (fresh) {
    chain.in_use = used_.insert(used_.end(), session);
  } else {
    used_.splice(used_.end(), used_, chain.in_use);
  }
  return chain;
}

void ChainReader::forget_oldest() {
  while (!used_.empty() &&
         (chains_.size() > limits::kLogChainsMax || links_ > limits::kLogChainCommitsMax)) {
    auto it = chains_.find(used_.front());
    links_ -= it->second.links.size();
    chains_.erase(it);
    used_.pop_front();
  }
}

Result<std::vector<Commit>> ChainReader::read(const SessionId& session, Position last,
                                              uint64_t from, uint64_t to) {
  wanted_from_ = from;
  wanted_to_ = to;
  fresh_.clear();
  Chain& chain = chain_of(session);
  TRY_VOID(extend(session, chain, last, from));
  std::vector<Commit> out;
  for (const Link& link : chain.links) {
    if (link.last < from || link.first > to || link.first > link.last) continue;
    if (!link.damage.empty()) {
      return fail(Code::kDataLoss, "events " + std::to_string(link.first) + " to " +
                                       std::to_string(link.last) + " of " + session.str() +
                                       " are damaged (" + link.damage +
                                       "); its other events are readable, and a backup may hold "
                                       "these");
    }
    auto known = fresh_.find(link.position);
    if (known != fresh_.end()) {
      if (!known->second.erased) out.push_back(std::move(known->second));
      continue;
    }
    TRY(Commit commit, read_commit(session, link.position));
    if (!commit.erased) out.push_back(std::move(commit));
  }
  fresh_.clear();
  forget_oldest();
  return out;
}

}  // namespace drover::store::log
