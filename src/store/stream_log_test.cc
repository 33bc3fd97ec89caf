// The stream log's two forms: what both must do, and what only files can go through.

#include "store/stream_log.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/files.h"
#include "store/memory/sim_disk.h"
#include "store/posix_disk.h"
#include "store/store_test_util.h"
#include "store/stream_log_files.h"

namespace drover::store {
namespace {

StreamKey key(int session, uint64_t sequence = 5, uint32_t attempt = 1) {
  StreamKey out;
  out.session = test_session(session);
  out.sequence = sequence;
  out.attempt = attempt;
  return out;
}

StreamChunk chunk(StreamKey key, uint64_t offset, std::string text) {
  StreamChunk out;
  out.key = std::move(key);
  out.offset = offset;
  out.text = std::move(text);
  return out;
}

/// A log and what it needs. `open()` again is the next process.
struct StreamFixture {
  TempFolder folder;
  async::SimLoop loop;
  async::Context ctx{loop};
  PosixDisk disk;
  async::InlineExecutor executor;
  StreamFileLimits limits;
  std::unique_ptr<StreamLog> log;

  void open() {
    log.reset();
    auto opened = open_stream_files(disk, path(), executor, loop, limits);
    ASSERT_TRUE(opened) << opened.error().to_string();
    log = std::move(*opened);
  }
  std::string path() const { return folder.path() + "/streams"; }
  Result<void> append(std::vector<StreamChunk> chunks) {
    return loop.run_task(log->append(ctx, std::move(chunks)));
  }
  Result<void> append(StreamKey key, uint64_t offset, std::string text) {
    std::vector<StreamChunk> one;
    one.push_back(chunk(std::move(key), offset, std::move(text)));
    return append(std::move(one));
  }
  Result<std::string> read(StreamKey key, uint64_t offset, size_t most = 1000) {
    return loop.run_task(log->read(ctx, std::move(key), offset, most));
  }
  std::vector<std::string> files() { return *list_folder(path()); }
};

class StreamLogs : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      f_.open();
    } else {
      f_.log = std::make_unique<MemoryStreamLog>();
    }
  }
  StreamFixture f_;
};
INSTANTIATE_TEST_SUITE_P(Forms, StreamLogs, testing::Bool(), [](const auto& form) {
  return std::string(form.param ? "files" : "memory");
});

TEST_P(StreamLogs, TextComesBackFromEveryByteInEverySlice) {
  const std::string text = "Once upon a time there was a session.";
  // Two sessions and two attempts, written in turns.
  for (size_t at = 0; at < text.size(); at += 5) {
    std::vector<StreamChunk> chunks;
    chunks.push_back(chunk(key(1), at, text.substr(at, 5)));
    chunks.push_back(chunk(key(2), at, std::string(text.substr(at, 5).size(), 'x')));
    chunks.push_back(chunk(key(1, 5, 2), at, std::string(text.substr(at, 5).size(), 'y')));
    ASSERT_TRUE(f_.append(std::move(chunks)));
  }
  for (size_t from = 0; from <= text.size(); ++from) {
    for (size_t most : {1, 4, 5, 6, 1000}) {
      auto got = f_.read(key(1), from, most);
      ASSERT_TRUE(got) << got.error().to_string();
      EXPECT_EQ(*got, text.substr(from, most)) << from << " " << most;
    }
  }
  EXPECT_EQ(*f_.read(key(2), 3, 4), "xxxx");
  EXPECT_EQ(*f_.read(key(1, 5, 2), 35), "yy");
  EXPECT_EQ(*f_.read(key(1), text.size() + 10), "");
  EXPECT_EQ(*f_.read(key(3), 0), "");
}

TEST_P(StreamLogs, AChunkFollowsItsText) {
  ASSERT_TRUE(f_.append(key(1), 0, "abc"));
  for (uint64_t wrong : {0, 2, 4}) {
    auto done = f_.append(key(1), wrong, "d");
    ASSERT_FALSE(done) << wrong;
    EXPECT_EQ(done.error().code, Code::kInvalidArgument);
  }
  ASSERT_TRUE(f_.append(key(1), 3, "d"));
  EXPECT_EQ(*f_.read(key(1), 0), "abcd");
  // What came before is gone, and says so; the end is not an error.
  ASSERT_TRUE(f_.append(key(2), 10, "late"));
  EXPECT_EQ(f_.read(key(2), 4).error().code, Code::kNotFound);
  EXPECT_EQ(*f_.read(key(2), 10), "late");
  EXPECT_EQ(*f_.read(key(2), 14), "");
}

TEST_P(StreamLogs, ReleasedTextIsGone) {
  for (uint64_t sequence : {5, 9}) {
    for (uint32_t attempt : {1, 2}) {
      ASSERT_TRUE(f_.append(key(1, sequence, attempt), 0, "text"));
    }
  }
  ASSERT_TRUE(f_.append(key(2), 0, "other"));
  f_.log->release(test_session(1), 9, 2);
  EXPECT_EQ(*f_.read(key(1, 5, 1), 0), "");
  EXPECT_EQ(*f_.read(key(1, 9, 1), 0), "");
  EXPECT_EQ(*f_.read(key(1, 9, 2), 0), "text");
  EXPECT_EQ(*f_.read(key(2), 0), "other");
  f_.log->forget(key(1, 9, 2));
  EXPECT_EQ(*f_.read(key(1, 9, 2), 0), "");
  f_.log->release(test_session(2), 0, 0);
  EXPECT_EQ(*f_.read(key(2), 0), "");
}

TEST(StreamFiles, TheNextProcessReadsOnAndWritesOn) {
  StreamFixture f;
  f.open();
  ASSERT_TRUE(f.append(key(1), 0, "before "));
  ASSERT_TRUE(f.append(key(2, 5, 1), 0, "first attempt"));
  ASSERT_TRUE(f.append(key(2, 5, 2), 0, "second"));
  f.open();
  EXPECT_EQ(*f.read(key(1), 0), "before ");
  EXPECT_EQ(*f.read(key(2, 5, 2), 0), "second");
  EXPECT_EQ(*f.read(key(2, 5, 1), 0), "") << "an attempt that was replaced is of no use";
  ASSERT_TRUE(f.append(key(1), 7, "and after"));
  f.open();
  EXPECT_EQ(*f.read(key(1), 0), "before and after");
  EXPECT_EQ(*f.read(key(1), 5, 4), "e an");
  f.log->release(test_session(1), 0, 0);
  f.log->release(test_session(2), 0, 0);
  f.log.reset();
  EXPECT_TRUE(f.files().empty()) << f.files().front();
}

TEST(StreamFiles, ATornEndIsLeftOutAndWhatStandsBeforeItIsKept) {
  StreamFixture f;
  f.open();
  ASSERT_TRUE(f.append(key(1), 0, "one "));
  ASSERT_TRUE(f.append(key(1), 4, "two "));
  const std::string file = f.path() + "/" + f.files().front();
  const std::string whole = *read_file(file, 1 << 20);
  f.log.reset();
  const size_t record = (whole.size() - 16) / 2;  // behind the file's head
  for (size_t cut = 1; cut < record; ++cut) {
    std::ofstream(file, std::ios::binary) << whole.substr(0, whole.size() - cut);
    f.open();
    EXPECT_EQ(*f.read(key(1), 0), "one ") << cut;
  }
  for (size_t byte = 16 + record; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] ^= 0x10;
    std::ofstream(file, std::ios::binary) << damaged;
    f.open();
    EXPECT_EQ(*f.read(key(1), 0), "one ") << byte;
  }
  // The rest is written again.
  ASSERT_TRUE(f.append(key(1), 4, "2"));
  f.open();
  EXPECT_EQ(*f.read(key(1), 0), "one 2");
}

TEST(StreamFiles, AFileGoesWhenNobodyNeedsIt) {
  StreamFixture f;
  f.limits.file_bytes_max = 1000;
  f.open();
  ASSERT_TRUE(f.append(key(1), 0, std::string(1000, 'a')));
  ASSERT_TRUE(f.append(key(2), 0, std::string(1000, 'b')));
  ASSERT_TRUE(f.append(key(1), 1000, std::string(1000, 'c')));
  EXPECT_EQ(f.files().size(), 3u);
  f.log->release(test_session(2), 0, 0);
  EXPECT_EQ(f.files().size(), 2u);
  EXPECT_EQ(*f.read(key(1), 998, 4), "aacc");
  f.log->release(test_session(1), 0, 0);
  EXPECT_EQ(f.files().size(), 1u) << "the one being written";
  ASSERT_TRUE(f.append(key(3), 0, "d"));
  EXPECT_EQ(f.files().size(), 1u);
  EXPECT_LT(f.log->bytes(), 1000u);
}

TEST(StreamFiles, TheOldestTextGoesByBytesFilesAndAge) {
  for (int limit = 0; limit < 3; ++limit) {
    StreamFixture f;
    f.limits.file_bytes_max = 1000;
    if (limit == 0) f.limits.bytes_max = 3500;
    if (limit == 1) f.limits.files_max = 3;
    if (limit == 2) f.limits.age_max = 1h;
    f.open();
    for (uint64_t n = 0; n < 6; ++n) {
      ASSERT_TRUE(f.append(key(1), n * 1000, std::string(1000, static_cast<char>('a' + n))));
      if (limit == 2 && n < 3) f.loop.run_for(2h);
    }
    EXPECT_LE(f.files().size(), 3u) << limit;
    EXPECT_EQ(f.read(key(1), 0).error().code, Code::kNotFound) << limit;
    EXPECT_EQ(f.read(key(1), 2999).error().code, Code::kNotFound) << limit;
    EXPECT_EQ(*f.read(key(1), 3999, 2), "de") << limit;
  }
}

TEST(StreamFiles, AFailedWriteChangesNothingAndTheNextOneFollows) {
  StreamFixture f;
  f.open();
  ASSERT_TRUE(remove_tree(f.path()));
  auto done = f.append(key(1), 0, "lost");
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find(f.path()), std::string::npos) << done.error().message;
  EXPECT_EQ(*f.read(key(1), 0), "");
  ASSERT_TRUE(make_folder(f.path()));
  ASSERT_TRUE(f.append(key(1), 0, "kept"));
  f.open();
  EXPECT_EQ(*f.read(key(1), 0), "kept");
}

TEST(StreamFiles, APowerCutLeavesABeginningOrNothing) {
  int kept = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SeededRandom random(seed);
    SimDisk disk(random);
    async::SimLoop loop;
    async::Context ctx(loop);
    async::InlineExecutor executor;
    auto log = open_stream_files(disk, "streams", executor, loop);
    ASSERT_TRUE(log) << log.error().to_string();
    std::string text;
    for (int i = 0; i < 20; ++i) {
      std::vector<StreamChunk> one;
      one.push_back(chunk(key(1), text.size(), "piece " + std::to_string(i) + " "));
      text += one.front().text;
      ASSERT_TRUE(loop.run_task((*log)->append(ctx, std::move(one))));
      // The name must stay for the text to have a chance.
      if (i == 0) ASSERT_TRUE(disk.sync_folder("streams"));
    }
    disk.power_cut();
    log->reset();
    log = open_stream_files(disk, "streams", executor, loop);
    ASSERT_TRUE(log) << log.error().to_string();
    auto read = loop.run_task((*log)->read(ctx, key(1), 0, 1 << 20));
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_TRUE(text.starts_with(*read)) << seed << ": " << *read;
    kept += read->empty() ? 0 : 1;
    std::vector<StreamChunk> more;
    more.push_back(chunk(key(1), read->size(), "again"));
    EXPECT_TRUE(loop.run_task((*log)->append(ctx, std::move(more))));
  }
  EXPECT_GT(kept, 0);
}

TEST(StreamFiles, ForeignFilesAreLeftAlone) {
  StreamFixture f;
  f.open();
  ASSERT_TRUE(write_file(f.path() + "/notes.txt", "mine"));
  ASSERT_TRUE(write_file(f.path() + "/0000000000000007.stream", "not a record"));
  f.open();
  std::vector<std::string> expected = {"notes.txt"};
  EXPECT_EQ(f.files(), expected);
  ASSERT_TRUE(f.append(key(1), 0, "x"));
  EXPECT_EQ(f.files().front(), "0000000000000008.stream");
}

}  // namespace
}  // namespace drover::store
