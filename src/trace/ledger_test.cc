#include "trace/ledger.h"

#include <gtest/gtest.h>

#include <cstring>

#include "async/sim_loop.h"
#include "async/sync.h"
#include "base/crc32c.h"
#include "base/limits/money.h"
#include "store/memory/memory_store.h"
#include "store/memory/sim_disk.h"
#include "store/posix_disk.h"
#include "trace/ledger_log.h"

namespace drover::trace {
namespace {

using async::Context;
using async::Task;

class LedgerTest : public testing::Test {
 protected:
  LedgerRecord settled(int64_t in, std::string_view cost) {
    LedgerRecord out;
    out.kind = RecordKind::kSettle;
    out.sequence = next_++;
    out.at = loop_.wall();
    out.ok = true;
    out.billing.usage.input_tokens = in;
    out.billing.usage.output_tokens = 1;
    out.billing.cost = *Money::parse_usd(cost);
    out.billing.cost_known = true;
    return out;
  }
  static LedgerLine line(std::string session) {
    LedgerLine out;
    out.tenant = "ten_1";
    out.key = "key_1";
    out.session = std::move(session);
    out.model = "m";
    return out;
  }
  static LedgerSums sums(const Ledger& ledger, LedgerFilter filter = {}) {
    auto rows = ledger.query(filter, {});
    return rows && !rows->empty() ? rows->front().sums : LedgerSums();
  }
  Result<void> flush(Ledger& ledger, store::Documents& documents) {
    return loop_.run_task(ledger.flush(Context(loop_), &documents, loop_.wall()));
  }

  async::SimLoop loop_;
  SeededRandom random_{1};
  store::MemoryStore store_{random_};
  uint64_t next_ = 1;
};

TEST_F(LedgerTest, SumsGroupsAndSurvivesARestart) {
  Ledger ledger;
  Ledger::Slot slot;
  ledger.add(settled(10, "0.000000000001"), line("s1"), &slot);
  ledger.add(settled(20, "0.1"), line("s1"), &slot);
  ledger.add(settled(5, "0.2"), line("s2"));
  LedgerRecord unpriced = settled(7, "5");
  unpriced.billing.cost_known = false;
  unpriced.ok = false;
  unpriced.billing.usage.estimated = true;
  ledger.add(unpriced, line("s2"));
  auto rows = ledger.query(LedgerFilter(), {"session"});
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).sums.cost.usd(), "0.100000000001");
  EXPECT_EQ(rows->at(1).sums.calls, 1);
  EXPECT_EQ(rows->at(1).sums.failed, 1);
  EXPECT_EQ(rows->at(1).sums.estimated, 1);
  EXPECT_EQ(rows->at(1).sums.unpriced, 1);
  EXPECT_EQ(rows->at(1).sums.cost.usd(), "0.2");
  EXPECT_FALSE(ledger.query(LedgerFilter(), {"colour"}));
  LedgerFilter mine;
  mine.session = "s1";
  EXPECT_EQ(sums(ledger, mine).input_tokens, 30);

  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_FALSE(ledger.dirty());
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  next.add(settled(1, "0.5"), line("s1"));
  ASSERT_TRUE(flush(next, store_.documents()));
  Ledger third;
  ASSERT_TRUE(loop_.run_task(third.load(Context(loop_), &store_.documents())));
  EXPECT_EQ(sums(third, mine).cost.usd(), "0.600000000001");
  EXPECT_EQ(sums(third, mine).calls, 3);
  EXPECT_EQ(third.sequence(), next_ - 1);
}

TEST_F(LedgerTest, AReplayAddsWhatIsNewerAndNothingTwice) {
  Ledger ledger;
  LedgerRecord one = settled(1, "1");
  LedgerRecord two = settled(1, "2");
  LedgerRecord other = settled(1, "4");
  ledger.add(one, line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  ledger.add(two, line("s1"));
  ledger.add(other, line("s2"));
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  for (int times = 0; times < 2; ++times) {
    next.replay(one, line("s1"));
    next.replay(two, line("s1"));
    next.replay(other, line("s2"));
    EXPECT_EQ(sums(next), sums(ledger));
  }
}

TEST_F(LedgerTest, ACorrectionReplacesWhatWasSettled) {
  Ledger ledger;
  LedgerRecord estimate = settled(100, "3");
  estimate.billing.usage.estimated = true;
  ledger.add(estimate, line("s1"));
  EXPECT_EQ(sums(ledger).estimated_cost.usd(), "3");
  LedgerRecord correction = settled(40, "1");
  correction.kind = RecordKind::kCorrect;
  correction.before = estimate.billing;
  ledger.add(correction, line("s1"));
  LedgerSums s = sums(ledger);
  EXPECT_EQ(s.calls, 1);
  EXPECT_EQ(s.estimated, 0);
  EXPECT_EQ(s.input_tokens, 40);
  EXPECT_EQ(s.cost.usd(), "1");
  EXPECT_EQ(s.estimated_cost.usd(), "0");
}

/// Fails until told otherwise, and lets the ledger go on meanwhile.
class SlowDocuments final : public store::Documents {
 public:
  Task<Result<void>> put(Context ctx, std::string collection, std::string name,
                         Json value) override {
    Result<void> slept = co_await async::sleep_for(ctx, 10ms);
    if (failing) co_return fail(Code::kUnavailable, "disk full");
    stored[name] = std::move(value);
    co_return slept;
  }
  Task<Result<std::optional<Json>>> get(Context ctx, std::string c, std::string name) override {
    co_return std::optional<Json>();
  }
  Task<Result<bool>> remove(Context ctx, std::string c, std::string name) override {
    co_return false;
  }
  Task<Result<std::vector<std::pair<std::string, Json>>>> list(Context ctx,
                                                               std::string c) override {
    co_return std::vector<std::pair<std::string, Json>>();
  }
  bool failing = true;
  std::map<std::string, Json> stored;
};

TEST_F(LedgerTest, SumsByTheTierThatWasServed) {
  Ledger ledger;
  Ledger::Slot slot;
  auto under = [&](std::string tier, int64_t in) {
    LedgerRecord out = settled(in, "1");
    out.tier = std::move(tier);
    return out;
  };
  ledger.add(under("default", 1), line("s1"), &slot);
  ledger.add(under("flex", 10), line("s1"), &slot);
  ledger.add(under("default", 2), line("s1"), &slot);
  ledger.add(under("", 4), line("s1"), &slot);
  ledger.add(under("something-new", 8), line("s1"), &slot);
  ledger.add(under("something-newer", 16), line("s1"), &slot);
  auto rows = ledger.query(LedgerFilter(), {"tier"});
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ(rows->at(0).key.tier, "");
  EXPECT_EQ(rows->at(0).sums.input_tokens, 4);
  EXPECT_EQ(rows->at(1).key.tier, "default");
  EXPECT_EQ(rows->at(1).sums.input_tokens, 3);
  EXPECT_EQ(rows->at(2).key.tier, "flex");
  EXPECT_EQ(rows->at(3).key.tier, "other") << "words of providers make no rows without end";
  EXPECT_EQ(rows->at(3).sums.calls, 2);
  LedgerFilter flex;
  flex.tier = "flex";
  EXPECT_EQ(sums(ledger, flex).input_tokens, 10);
  // The bill says that it was another tier: the call, its tokens and its money are there then.
  LedgerRecord was = under("flex", 10);
  LedgerRecord correction = was;
  correction.kind = RecordKind::kCorrect;
  correction.before = was.billing;
  correction.billing.cost = *Money::parse_usd("3");
  correction.tier_before = "flex";
  correction.tier = "default";
  ledger.add(correction, line("s1"));
  EXPECT_EQ(sums(ledger, flex), LedgerSums());
  LedgerFilter plain;
  plain.tier = "default";
  EXPECT_EQ(sums(ledger, plain).calls, 3);
  EXPECT_EQ(sums(ledger, plain).cost.usd(), "5");
  // A restart keeps them apart, and takes nothing twice.
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger again;
  ASSERT_TRUE(loop_.run_task(again.load(Context(loop_), &store_.documents())));
  again.replay(correction, line("s1"));
  EXPECT_EQ(sums(again, plain), sums(ledger, plain));
  EXPECT_EQ(sums(again), sums(ledger));
}

TEST_F(LedgerTest, RowsOfBeforeThereWereTiersAreNotCountedTwice) {
  LedgerRecord call = settled(10, "1");
  call.tier = "flex";
  {
    Ledger before;
    LedgerRecord untold = call;
    untold.tier.clear();
    before.add(untold, line("s1"));
    ASSERT_TRUE(flush(before, store_.documents()));
    auto listed = loop_.run_task(store_.documents().list(Context(loop_), "ledger"));
    ASSERT_EQ(listed->size(), 1u);
    // As the version before wrote it.
    Json old = Json::object();
    for (const Json::Member& m : *listed->begin()->second.members()) {
      if (m.first != "all_tiers_to") old.set(m.first, m.second);
    }
    ASSERT_TRUE(loop_.run_task(
        store_.documents().put(Context(loop_), "ledger", listed->begin()->first, std::move(old))));
  }
  Ledger ledger;
  ASSERT_TRUE(loop_.run_task(ledger.load(Context(loop_), &store_.documents())));
  ledger.replay(call, line("s1"));
  EXPECT_EQ(sums(ledger).calls, 1);
  // A newer call without a tier in that row does not hide newer ones with a tier.
  LedgerRecord flex = settled(5, "1");
  flex.tier = "flex";
  ledger.add(settled(7, "1"), line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger killed;
  ASSERT_TRUE(loop_.run_task(killed.load(Context(loop_), &store_.documents())));
  killed.replay(call, line("s1"));
  killed.replay(flex, line("s1"));
  EXPECT_EQ(sums(killed).input_tokens, 22);
}

TEST_F(LedgerTest, WhatChangesDuringAFlushIsWrittenByTheNext) {
  SlowDocuments documents;
  Ledger ledger;
  ledger.add(settled(10, "1"), line("s1"));
  EXPECT_FALSE(flush(ledger, documents));
  EXPECT_TRUE(ledger.dirty());
  documents.failing = false;
  loop_.call_after(5ms, [&] { ledger.add(settled(10, "2"), line("s1")); });
  ASSERT_TRUE(flush(ledger, documents));
  EXPECT_TRUE(ledger.dirty());
  ASSERT_TRUE(flush(ledger, documents));
  EXPECT_FALSE(ledger.dirty());
  ASSERT_EQ(documents.stored.size(), 1u);
  EXPECT_EQ(documents.stored.begin()->second.get_string("cost_usd"), "3");
}

TEST_F(LedgerTest, IsBoundedAndLosesNoAmount) {
  Ledger ledger(10);
  for (int i = 0; i < 100; ++i) ledger.add(settled(1, "1"), line("s" + std::to_string(i)));
  EXPECT_LE(ledger.rows(), 11u);
  EXPECT_EQ(sums(ledger).cost.usd(), "100");
}

TEST_F(LedgerTest, OldDaysAreRolledUpAndKeepTheirSums) {
  Ledger ledger;
  for (int i = 0; i < 20; ++i) ledger.add(settled(1, "1"), line("s" + std::to_string(i)));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_EQ(ledger.rows(), 20u);
  loop_.run_for(limits::kLedgerSessionsAge + 48h);
  ledger.add(settled(1, "1"), line("s1"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  EXPECT_EQ(ledger.rows(), 2u);
  EXPECT_EQ(sums(ledger).cost.usd(), "21");
  // A correction of what was rolled up lands in the sum, and so does a restart.
  LedgerRecord correction = settled(1, "0.5");
  correction.kind = RecordKind::kCorrect;
  correction.at = loop_.wall() - limits::kLedgerSessionsAge - 48h;
  correction.before = settled(1, "1").billing;
  ledger.add(correction, line("s3"));
  ASSERT_TRUE(flush(ledger, store_.documents()));
  Ledger next;
  ASSERT_TRUE(loop_.run_task(next.load(Context(loop_), &store_.documents())));
  EXPECT_EQ(next.rows(), 2u);
  EXPECT_EQ(sums(next).cost.usd(), "20.5");
}

// --- The log ---

struct Seen {
  std::vector<LedgerRecord> records;
  std::vector<std::string> sessions;
  LedgerLog::Visit visit() {
    return [this](const LedgerRecord& r, const LedgerLine& l) {
      records.push_back(r);
      sessions.push_back(l.session);
    };
  }
};

TEST_F(LedgerTest, TheLogReadsBackEveryFieldOverManyFiles) {
  store::SimDisk disk(random_);
  auto log = LedgerLog::open(disk, "/data/ledger", 7, 4096);
  ASSERT_TRUE(log) << log.error().message;
  std::vector<LedgerRecord> written;
  LineMark marks[3];
  for (int i = 0; i < 200; ++i) {
    LedgerRecord r = settled(i, "0.000000000003");
    r.call = static_cast<uint64_t>(i);
    r.first = i % 2 == 0;
    r.billing.usage.cache_write_1h_tokens = i;
    r.billing.usage.image_input_tokens = 0;  // zero is a value
    r.request_id = "req-" + std::to_string(i);
    r.tier = "flex";
    ASSERT_TRUE((*log)->append(r, marks[i % 3], line("s" + std::to_string(i % 3))));
    written.push_back(r);
  }
  EXPECT_GT((*log)->file(), 5u);
  auto again = LedgerLog::open(disk, "/data/ledger", 7, 4096);
  Seen seen;
  ASSERT_TRUE((*again)->replay(0, seen.visit()));
  ASSERT_EQ(seen.records.size(), written.size());
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ(seen.records[i].sequence, written[i].sequence);
    EXPECT_EQ(seen.records[i].call, written[i].call);
    EXPECT_EQ(seen.records[i].at, written[i].at);
    EXPECT_EQ(seen.records[i].first, written[i].first);
    EXPECT_EQ(seen.records[i].billing, written[i].billing);
    EXPECT_EQ(seen.records[i].request_id, written[i].request_id);
    EXPECT_EQ(seen.records[i].tier, "flex");
    EXPECT_EQ(seen.sessions[i], "s" + std::to_string(i % 3));
  }
  EXPECT_FALSE((*again)->power_lost()) << "the same boot: only the process ended";
  auto rebooted = LedgerLog::open(disk, "/data/ledger", 8, 4096);
  ASSERT_TRUE((*rebooted)->replay(0, Seen().visit()));
  EXPECT_TRUE((*rebooted)->power_lost());
  ASSERT_TRUE((*log)->close());
  ASSERT_TRUE((*rebooted)->replay(0, Seen().visit()));
  EXPECT_FALSE((*rebooted)->power_lost()) << "it had ended in order";
}

TEST_F(LedgerTest, ACorrectionReadsBackWithAndWithoutTiers) {
  LedgerRecord r = settled(3, "1");
  r.kind = RecordKind::kCorrect;
  r.call = 9;
  r.why = "bill";
  r.lost = true;
  r.tier_before = "flex";
  r.tier = "default";
  std::string bytes;
  append_record(bytes, r);
  auto read = parse_record(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->record.why, "bill");
  EXPECT_EQ(read->record.tier_before, "flex");
  EXPECT_EQ(read->record.tier, "default");
  EXPECT_TRUE(read->record.ok && read->record.lost);
  // As it was written before: it ends behind the reason.
  constexpr size_t kFrame = 8;
  std::string body = bytes.substr(kFrame, bytes.size() - kFrame - 1 - (2 + 4) - (2 + 7));
  std::string old(kFrame, '\0');
  const auto size = static_cast<uint32_t>(body.size());
  const uint32_t crc = crc32c(body);
  std::memcpy(old.data(), &size, 4);
  std::memcpy(old.data() + 4, &crc, 4);
  old += body;
  auto before = parse_record(old);
  ASSERT_TRUE(before) << before.error().message;
  EXPECT_EQ(before->bytes, old.size());
  EXPECT_EQ(before->record.why, "bill");
  EXPECT_EQ(before->record.billing, r.billing);
  EXPECT_EQ(before->record.tier, "");
}

TEST_F(LedgerTest, ATornEndLosesOnlyWhatWasNotSynced) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    store::SimDisk disk(random);
    auto log = LedgerLog::open(disk, "/l", 1, 8192);
    LineMark mark;
    for (int i = 0; i < 10; ++i) {
      LedgerRecord r = settled(i, "1");
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    LedgerLog::Unsynced behind = (*log)->unsynced();
    ASSERT_TRUE(behind.sync());
    (*log)->synced(behind);
    EXPECT_FALSE((*log)->behind());
    for (int i = 10; i < 40; ++i) {
      LedgerRecord r = settled(i, "1");
      ASSERT_TRUE((*log)->append(r, mark, line("s")));
    }
    disk.power_cut();
    auto next = LedgerLog::open(disk, "/l", 2, 8192);
    ASSERT_TRUE(next);
    Seen seen;
    ASSERT_TRUE((*next)->replay(0, seen.visit()));
    ASSERT_GE(seen.records.size(), 10u) << seed;
    for (size_t i = 0; i < seen.records.size(); ++i) {
      EXPECT_EQ(seen.records[i].billing.usage.input_tokens, static_cast<int64_t>(i)) << seed;
    }
    LedgerRecord more = settled(1, "1");
    LineMark fresh;
    EXPECT_TRUE((*next)->append(more, fresh, line("s")));
  }
}

TEST_F(LedgerTest, AMappedFileHoldsWhatWasStoredThoughTheProcessNeverWrote) {
  char name[] = "/tmp/drover-ledger-XXXXXX";
  std::string folder = mkdtemp(name);
  store::PosixDisk disk;
  auto log = LedgerLog::open(disk, folder, 1, 64 << 10);
  ASSERT_TRUE(log);
  LineMark mark;
  LedgerRecord r = settled(5, "1");
  ASSERT_TRUE((*log)->append(r, mark, line("s")));
  // Another reader of the file sees it while the first still has it open.
  auto other = LedgerLog::open(disk, folder, 1, 64 << 10);
  Seen seen;
  ASSERT_TRUE((*other)->replay(0, seen.visit()));
  ASSERT_EQ(seen.records.size(), 1u);
  EXPECT_EQ(seen.sessions[0], "s");
}

TEST_F(LedgerTest, AFullDiskRefusesReservationsAndStillTakesSettlements) {
  store::SimDisk disk(random_);
  auto log = LedgerLog::open(disk, "/l", 1, 4096);
  LineMark mark;
  LedgerRecord first = settled(1, "1");
  ASSERT_TRUE((*log)->append(first, mark, line("s")));
  disk.set_capacity(disk.used());
  LedgerRecord reserve = settled(1, "1");
  reserve.kind = RecordKind::kReserve;
  int taken = 0;
  Result<void> last;
  while ((last = (*log)->append(reserve, mark, line("s")))) ++taken;
  EXPECT_EQ(last.error().code, Code::kResourceExhausted);
  EXPECT_GT(taken, 10);
  LedgerRecord settle = settled(1, "1");
  EXPECT_TRUE((*log)->append(settle, mark, line("s"))) << "what is under way is booked";
  disk.set_capacity(1 << 20);
  EXPECT_TRUE((*log)->append(reserve, mark, line("s")));
}

TEST_F(LedgerTest, DamagedBytesAreAnErrorAndNeverACrash) {
  std::string bytes;
  append_line(bytes, 1, line("s"));
  LedgerRecord r = settled(5, "1");
  r.request_id = "abc";
  append_record(bytes, r);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    std::string_view left = bad;
    for (int records = 0; records < 3; ++records) {
      Result<ParsedRecord> parsed = parse_record(left);
      if (!parsed || parsed->bytes == 0) break;
      left.remove_prefix(parsed->bytes);
    }
    EXPECT_FALSE(left.empty()) << "a damaged byte " << i << " was taken for good";
  }
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    (void)parse_record(std::string_view(bytes).substr(0, cut));
  }
}

}  // namespace
}  // namespace drover::trace
