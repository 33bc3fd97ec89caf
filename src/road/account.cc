#include "road/account.h"

#include <algorithm>

#include "base/limits/money.h"

namespace drover::road {
namespace {

Json use_json(const Use& use) {
  Json out = Json::object();
  out.set("requests", use.requests).set("tokens", use.tokens).set("money", use.money.usd());
  return out;
}

Use read_use(const Json* json) {
  Use out;
  if (json == nullptr) return out;
  out.requests = json->get_int("requests").value_or(0);
  out.tokens = json->get_int("tokens").value_or(0);
  Result<Money> money = Money::parse_usd(json->get_string("money").value_or("0"));
  if (money) out.money = *money;
  return out;
}

}  // namespace

int64_t Account::piece_seconds() const {
  return std::max<int64_t>(1, seconds_of(budget_->per) / limits::kRollingPieces);
}

void Account::roll_pieces(int64_t now) {
  // The clock was set back: what is dated later is as good as now.
  const int64_t current = now / piece_seconds();
  if (!pieces_.empty() && pieces_.back().number > current) {
    Use later;
    while (!pieces_.empty() && pieces_.back().number >= current) {
      later += pieces_.back().use;
      pieces_.pop_back();
    }
    pieces_.push_back(Piece{current, later});
  }
  // A piece counts until all of it is older than the window.
  const int64_t oldest = now - seconds_of(budget_->per);
  size_t gone = 0;
  while (gone < pieces_.size() && (pieces_[gone].number + 1) * piece_seconds() <= oldest) {
    used_ -= pieces_[gone].use;
    ++gone;
  }
  if (gone > 0) pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(gone));
}

void Account::roll(int64_t now) {
  if (budget_->rolling) return roll_pieces(now);
  if (now >= window_.begin && now < window_.end) return;
  Window window = window_at(budget_->per, now);
  if (now >= window_.end) {
    window_before_ = window_;
    used_before_ = used_;
    used_ = Use();
  } else if (window.begin == window_before_.begin) {
    used_ += used_before_;
    used_before_ = Use();
  }
  window_ = window;
  set_promised(Use());
}

bool Account::fits(const Use& base, const Use& more, Lack* lack) const {
  const Budget& b = *budget_;
  // A limit that nothing is asked of does not refuse: what is over by a bill's correction stays.
  if (b.requests && more.requests > 0 && base.requests + more.requests > *b.requests) {
    *lack = Lack::kRequests;
  } else if (b.tokens && more.tokens > 0 && base.tokens + more.tokens > *b.tokens) {
    *lack = Lack::kTokens;
  } else if (b.money && more.money > Money() && base.money + more.money > *b.money) {
    *lack = Lack::kMoney;
  } else {
    return true;
  }
  return false;
}

Lack Account::lacks(const Use& more, int64_t now) {
  roll(now);
  Use base = used_;
  base += reserved_;
  Lack lack = Lack::kNothing;
  fits(base, more, &lack);
  return lack;
}

bool Account::has_plenty(const Use& more, int64_t now) {
  roll(now);
  Use sum = used_;
  sum += reserved_;
  sum += more;
  return sum.within(plenty_);
}

void Account::set_plenty(const Use& sums) {
  const Budget& b = *budget_;
  plenty_ = sums;
  if (b.requests) plenty_.requests = std::min(plenty_.requests, *b.requests);
  if (b.tokens) plenty_.tokens = std::min(plenty_.tokens, *b.tokens);
  if (b.money) plenty_.money = std::min(plenty_.money, *b.money);
}

void Account::settle(const Use& held, const Use& used, int64_t now) {
  roll(now);
  reserved_ -= held;
  add(used, now);
}

void Account::count(const Use& use, int64_t when, int64_t now) {
  roll(now);
  if (budget_->rolling) {
    if (when < now - seconds_of(budget_->per)) return;
  } else if (when < window_.begin) {
    return;
  }
  add(use, std::min(when, now));
}

void Account::add(const Use& use, int64_t when) {
  if (use.empty()) return;
  used_ += use;
  dirty = true;
  if (!budget_->rolling) return;
  const int64_t number = when / piece_seconds();
  auto at = std::lower_bound(pieces_.begin(), pieces_.end(), number,
                             [](const Piece& p, int64_t n) { return p.number < n; });
  if (at == pieces_.end() || at->number != number) at = pieces_.insert(at, Piece{number, Use()});
  at->use += use;
}

const Use& Account::used(int64_t now) {
  roll(now);
  return used_;
}

int64_t Account::window_end(int64_t now) {
  roll(now);
  if (!budget_->rolling) return window_.end;
  if (pieces_.empty()) return now;
  return (pieces_.back().number + 1) * piece_seconds() + seconds_of(budget_->per);
}

std::optional<int64_t> Account::frees_in(const Use& more, int64_t now) {
  roll(now);
  Use base = reserved_;
  Lack lack = Lack::kNothing;
  // What is in flight is likely to be over by then, and may cost less than it reserves.
  if (!fits(Use(), more, &lack)) return std::nullopt;
  if (!budget_->rolling) {
    if (budget_->per == Per::kTotal) return std::nullopt;
    return std::max<int64_t>(1, window_.end - now);
  }
  base += used_;
  for (const Piece& piece : pieces_) {
    base -= piece.use;
    if (!fits(base, more, &lack)) continue;
    int64_t over = (piece.number + 1) * piece_seconds() + seconds_of(budget_->per);
    return std::max<int64_t>(1, over - now);
  }
  return 1;
}

Json Account::to_json() const {
  Json out = Json::object();
  Json whose = Json::array();
  for (const std::string& value : whose_) whose.push(value);
  out.set("whose", std::move(whose));
  out.set("used", use_json(used_)).set("counted_to", counted_to);
  // Whichever of two writes comes last must hold the larger promise.
  Use most = promised_;
  most.requests = std::max(most.requests, promise_underway.requests);
  most.tokens = std::max(most.tokens, promise_underway.tokens);
  most.money = std::max(most.money, promise_underway.money);
  out.set("promised", use_json(most));
  if (!budget_->rolling) {
    out.set("begin", window_.begin).set("end", window_.end);
    return out;
  }
  Json pieces = Json::array();
  for (const Piece& p : pieces_) {
    pieces.push(Json::object().set("number", p.number).set("use", use_json(p.use)));
  }
  out.set("pieces", std::move(pieces));
  return out;
}

void Account::restore(const Json& json) {
  used_ = Use();
  counted_to = static_cast<uint64_t>(json.get_int("counted_to").value_or(0));
  set_promised(read_use(json.find("promised")));
  window_.begin = json.get_int("begin").value_or(INT64_MIN);
  window_.end = json.get_int("end").value_or(INT64_MIN);
  if (!budget_->rolling) {
    used_ = read_use(json.find("used"));
    return;
  }
  const Json* pieces = json.find("pieces");
  if (pieces == nullptr || pieces->array_items() == nullptr) return;
  for (const Json& item : *pieces->array_items()) {
    Piece piece;
    piece.number = item.get_int("number").value_or(0);
    piece.use = read_use(item.find("use"));
    used_ += piece.use;
    pieces_.push_back(std::move(piece));
  }
}

}  // namespace drover::road
