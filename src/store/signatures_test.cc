// Signed batches: what a proof proves, and to whom; the files, over torn ends and other keys.

#include "store/signatures.h"

#include <gtest/gtest.h>

#include "base/limits/store.h"
#include "base/log.h"
#include "base/random.h"
#include "store/batch_signer.h"
#include "store/memory/sim_disk.h"
#include "store/store_test_util.h"

namespace drover::store {
namespace {

constexpr uint64_t kAny = UINT64_MAX;

crypto::SigningKey key_of(uint64_t seed) {
  SeededRandom random(seed);
  return crypto::SigningKey::generate(crypto::SignatureAlgorithm::kEs256, random);
}

Head head_of(int session, uint64_t sequence) {
  Head head;
  head.session = test_session(session);
  head.sequence = sequence;
  head.hash = crypto::sha256_hex(std::to_string(session) + "/" + std::to_string(sequence));
  return head;
}

std::vector<Head> heads_of(int count) {
  std::vector<Head> out;
  for (int i = 1; i <= count; ++i) out.push_back(head_of(i, static_cast<uint64_t>(i) + 4));
  return out;
}

HeadProof proof_of(int session, int count) {
  BatchFacts facts;
  facts.batch = 3;
  facts.time = "2026-11-29T10:00:00.000000Z";
  facts.previous = std::string(64, '0');
  const std::string line = batch_line(heads_of(count), facts, key_of(1));
  auto found = proof_in(line, test_session(session), kAny);
  EXPECT_TRUE(found && *found);
  HeadProof proof = std::move(**found);
  proof.key = key_of(1).public_key().spki();
  return proof;
}

TEST(Signatures, EachHeadOfABatchProvesItself) {
  for (int count = 1; count <= 9; ++count) {
    for (int i = 1; i <= count; ++i) {
      auto proof = HeadProof::from_json(*Json::parse(proof_of(i, count).to_json().dump()));
      ASSERT_TRUE(proof) << proof.error().message;
      EXPECT_EQ(proof->head, head_of(i, static_cast<uint64_t>(i) + 4));
      auto checked = proof->verify();
      EXPECT_TRUE(checked) << checked.error().message;
      EXPECT_EQ(proof->fingerprint(), key_of(1).public_key().fingerprint().hex());
    }
  }
}

TEST(Signatures, AProofTellsNothingOfOtherSessions) {
  const std::string text = proof_of(2, 5).to_json().dump();
  for (int other : {1, 3, 4, 5}) {
    EXPECT_EQ(text.find(test_session(other).str()), std::string::npos);
    EXPECT_EQ(text.find(head_of(other, static_cast<uint64_t>(other) + 4).hash), std::string::npos);
  }
}

TEST(Signatures, WhateverIsChangedDoesNotHold) {
  const std::string good = proof_of(2, 5).to_json().dump();
  ASSERT_TRUE(HeadProof::from_json(*Json::parse(good))->verify());
  int changed = 0;
  for (const char* name : {"session", "sequence", "hash", "batch", "time", "previous", "heads",
                           "index", "path", "root", "signature", "key"}) {
    Json json = *Json::parse(good);
    Json value = *json.find(name);
    if (value.is_number()) {
      value = Json(*value.integer() + 1);
    } else if (value.is_string()) {
      std::string text = *value.string();
      char& last = text[text.size() / 2];
      last = last == '1' ? '2' : '1';
      value = Json(text);
    } else {
      value = Json::array();
    }
    json.set(name, std::move(value));
    auto proof = HeadProof::from_json(json);
    if (!proof) continue;
    EXPECT_FALSE(proof->verify()) << name;
    ++changed;
  }
  EXPECT_GE(changed, 10);
  HeadProof others = proof_of(2, 5);
  others.key = key_of(2).public_key().spki();
  EXPECT_FALSE(others.verify());
  EXPECT_FALSE(HeadProof::from_json(*Json::parse("{}")));
}

class SignatureFilesTest : public testing::Test {
 protected:
  std::unique_ptr<SignatureFiles> open(uint64_t seed = 1, uint64_t file_bytes_max = 1 << 20) {
    auto opened = SignatureFiles::open(disk_, "/data/signatures", key_of(seed), file_bytes_max);
    EXPECT_TRUE(opened) << opened.error().to_string();
    return std::move(*opened);
  }
  std::optional<HeadProof> find(const SignatureFiles& files, int session, uint64_t most = kAny) {
    auto found = files.find(test_session(session), most, std::nullopt);
    EXPECT_TRUE(found) << found.error().to_string();
    if (*found) EXPECT_TRUE((*found)->verify());
    return *found;
  }
  size_t files_there() { return disk_.list("/data/signatures")->size(); }

  SeededRandom random_{7};
  SimDisk disk_{random_};
  WallTime now_ = wall_from_unix_millis(1'790'000'000'000);
};

TEST_F(SignatureFilesTest, TheNewestHeadIsFoundAndEarlierOnes) {
  auto files = open();
  ASSERT_TRUE(files->append({head_of(1, 4), head_of(2, 9)}, now_));
  ASSERT_TRUE(files->append({head_of(1, 7)}, now_ + 1s));
  EXPECT_EQ(find(*files, 1)->head, head_of(1, 7));
  EXPECT_EQ(find(*files, 1)->facts.batch, 2u);
  EXPECT_EQ(find(*files, 1, 6)->head, head_of(1, 4));
  EXPECT_FALSE(find(*files, 1, 3));
  EXPECT_EQ(find(*files, 2)->head, head_of(2, 9));
  EXPECT_FALSE(find(*files, 3));
}

TEST_F(SignatureFilesTest, BatchesFollowEachOtherOverRestartsAndTornEnds) {
  ASSERT_TRUE(open()->append({head_of(1, 4)}, now_));
  auto file = *disk_.open("/data/signatures/0000000000000001.jsonl", Disk::Mode::kWrite);
  ASSERT_TRUE(file->append(R"({"batch":2,"time":"20)"));
  auto files = open();
  ASSERT_TRUE(files->append({head_of(1, 5)}, now_));
  EXPECT_EQ(files_there(), 1u);
  const std::string text = *file->read_at(0, 1 << 20);
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  }
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(find(*files, 1)->facts.batch, 2u);
  EXPECT_EQ(find(*files, 1)->facts.previous, crypto::sha256_hex(lines[1]));
}

TEST_F(SignatureFilesTest, DamageNeitherStopsAStartNorHidesWhatIsSound) {
  {
    auto files = open();
    ASSERT_TRUE(files->append({head_of(1, 4), head_of(2, 4)}, now_));
    ASSERT_TRUE(files->append({head_of(1, 5)}, now_));
  }
  const std::string path = "/data/signatures/0000000000000001.jsonl";
  const uint64_t size = *(*disk_.open(path, Disk::Mode::kRead))->size();
  ASSERT_TRUE(disk_.flip_bit(path, size - 3, 2));  // a bracket at the end of the last line
  auto files = open();
  EXPECT_EQ(find(*files, 1)->head, head_of(1, 4));
  ASSERT_TRUE(files->append({head_of(1, 6)}, now_));
  EXPECT_EQ(files_there(), 2u);
  EXPECT_EQ(find(*files, 1)->head, head_of(1, 6));
  EXPECT_EQ(find(*files, 1)->facts.batch, 3u);
  EXPECT_EQ(find(*files, 2)->head, head_of(2, 4));
  ASSERT_TRUE(disk_.flip_bit(path, 2, 2));  // its first line
  EXPECT_TRUE(open()->append({head_of(2, 9)}, now_));
  EXPECT_FALSE(find(*files, 2, 8)) << "whose key it was is not known";
}

TEST_F(SignatureFilesTest, AnotherKeyBeginsAnotherFileAndTheOldOnesStillProve) {
  ASSERT_TRUE(open(1)->append({head_of(1, 4)}, now_));
  auto files = open(2);
  ASSERT_TRUE(files->append({head_of(2, 4)}, now_));
  EXPECT_EQ(files_there(), 2u);
  EXPECT_EQ(find(*files, 1)->fingerprint(), key_of(1).public_key().fingerprint().hex());
  EXPECT_EQ(find(*files, 2)->fingerprint(), key_of(2).public_key().fingerprint().hex());
  EXPECT_EQ(find(*files, 2)->facts.batch, 2u);
}

TEST_F(SignatureFilesTest, ALongOneIsFollowedByTheNextAndOnlyThoseOfTheTimeAreRead) {
  auto files = open(1, 4'000);
  const auto many = heads_of(10);
  for (int batch = 0; files_there() < 5; ++batch) {
    ASSERT_LT(batch, 100);
    ASSERT_TRUE(files->append(many, now_ + batch * 1h));
  }
  auto about = [&](WallTime when) {
    auto found = files->find(test_session(1), kAny, when);
    return found && *found ? (*found)->facts.batch : 0;
  };
  const uint64_t newest = find(*files, 1)->facts.batch;
  EXPECT_EQ(about(now_ + 10'000min), newest);
  EXPECT_LT(about(now_), newest) << "not the newest file";
  EXPECT_GT(about(now_), 0u);
}

struct Signing {
  Signing() {
    auto files = SignatureFiles::open(disk, "/data/signatures", key_of(1));
    signer = std::make_unique<BatchSigner>(std::move(*files), executor, ctx);
  }
  ~Signing() { loop.run_task(signer->stop()); }
  Result<HeadProof> prove(const Head& head) {
    return loop.run_task(signer->prove(ctx, head, loop.wall()));
  }
  SeededRandom random{7};
  SimDisk disk{random};
  async::InlineExecutor executor;
  async::SimLoop loop;
  async::Context ctx{loop};
  std::unique_ptr<BatchSigner> signer;
};

TEST(BatchSigner, WhatIsCommittedTogetherIsSignedTogetherByItsNewestHead) {
  Signing s;
  for (uint64_t n = 1; n <= 50; ++n) {
    for (int session = 1; session <= 3; ++session) {
      s.signer->durable(test_session(session), n, head_of(session, n).hash);
    }
  }
  EXPECT_EQ(s.signer->batches(), 0u) << "no commit waits for it";
  s.loop.run_for(2 * limits::kSignaturePause);
  EXPECT_EQ(s.signer->batches(), 1u);
  EXPECT_EQ(s.signer->waiting(), 0u);
  auto proof = s.prove(head_of(2, 50));
  ASSERT_TRUE(proof) << proof.error().message;
  EXPECT_EQ(proof->facts.count, 3u);
  EXPECT_TRUE(proof->verify());
  EXPECT_EQ(s.signer->batches(), 1u) << "it was signed already";
  s.loop.run_for(1s);
  EXPECT_EQ(s.signer->batches(), 1u);
}

TEST(BatchSigner, WhatACrashLeftUnsignedIsSignedWhenItIsAskedFor) {
  Signing s;
  auto proof = s.prove(head_of(1, 12));
  ASSERT_TRUE(proof) << proof.error().message;
  EXPECT_EQ(proof->head, head_of(1, 12));
  EXPECT_TRUE(proof->verify());
  auto earlier = s.loop.run_task(s.signer->prove_up_to(s.ctx, test_session(1), 11));
  ASSERT_FALSE(earlier);
  EXPECT_EQ(earlier.error().code, Code::kNotFound);
  EXPECT_TRUE(s.loop.run_task(s.signer->prove_up_to(s.ctx, test_session(1), 12)));
}

TEST(BatchSigner, ADiskThatTakesNothingOnlyDelaysIt) {
  configure_log(LogLevel::kOff, LogFormat::kText);
  Signing s;
  s.disk.set_capacity(s.disk.used());
  s.signer->durable(test_session(1), 4, head_of(1, 4).hash);
  s.loop.run_for(5s);
  EXPECT_EQ(s.signer->waiting(), 1u);
  s.signer->durable(test_session(1), 5, head_of(1, 5).hash);
  s.disk.set_capacity(1u << 30);
  s.loop.run_for(5s);
  EXPECT_EQ(s.signer->waiting(), 0u);
  auto proof = s.prove(head_of(1, 5));
  EXPECT_TRUE(proof && proof->verify());
}

TEST(BatchSigner, WhatWaitsIsSignedBeforeItStops) {
  Signing s;
  s.signer->durable(test_session(1), 4, head_of(1, 4).hash);
  s.loop.run_task(s.signer->stop());
  EXPECT_EQ(s.signer->batches(), 1u);
}

}  // namespace
}  // namespace drover::store
