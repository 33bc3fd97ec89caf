#include "app/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "net/asio_loop.h"

namespace drover::app {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe(ends_), 0);
    reader_ = std::make_unique<LineReader>(ends_[0]);
  }
  void TearDown() override {
    reader_.reset();
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  void type(std::string_view text) {
    ASSERT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void end() {
    ::close(ends_[1]);
    ends_[1] = -1;
  }
  std::optional<std::string> next() { return loop_.run_task(reader_->next(ctx_)); }

  net::AsioLoop loop_;
  async::Context ctx_{loop_};
  int ends_[2] = {-1, -1};
  std::unique_ptr<LineReader> reader_;
};

TEST_F(LineReaderTest, GivesLinesAsTheyStandAndThenTheEnd) {
  type("one\n\ntwo words\nthe ");
  type("rest");
  end();
  EXPECT_EQ(next(), "one");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(next(), "two words");
  EXPECT_EQ(next(), "the rest");
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(LineReaderTest, StopEndsAWaitWhileTheInputStaysOpen) {
  loop_.call_after(20ms, [this] { reader_->stop(); });
  EXPECT_EQ(next(), std::nullopt);
}

TEST_F(LineReaderTest, ALineWithoutAnEndIsBounded) {
  std::string much(kTypedLineBytesMax, 'x');
  std::string got;
  // A pipe holds as much as the limit, so it is written in two halves.
  type(std::string_view(much).substr(0, much.size() / 2));
  loop_.call_after(20ms, [&] { type(std::string_view(much).substr(much.size() / 2)); });
  auto line = next();
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->size(), much.size());
}

}  // namespace
}  // namespace drover::app
