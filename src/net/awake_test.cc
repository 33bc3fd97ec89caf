#include "net/awake.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "async/sim_loop.h"

namespace drover::net {
namespace {

using std::chrono_literals::operator""ms;

constexpr int32_t kAny = 2'000'000'000;

/// A file in the device's place keeps what it was told.
class AwakeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    device_ = ::testing::TempDir() + "awake-" + std::to_string(::getpid());
    std::ofstream(device_, std::ios::trunc).flush();
  }
  void TearDown() override { ::unlink(device_.c_str()); }

  std::unique_ptr<AwakeProcessors> open() {
    auto opened = AwakeProcessors::open(loop_, 5ms, device_);
    EXPECT_TRUE(opened);
    return opened ? std::move(*opened) : nullptr;
  }
  std::vector<int32_t> told() const {
    std::ifstream file(device_, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<int32_t> out(bytes.size() / sizeof(int32_t));
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(int32_t));
    return out;
  }

  async::SimLoop loop_;
  std::string device_;
};

TEST_F(AwakeTest, FromTheFirstTouchUntilAWhileAfterTheLast) {
  auto awake = open();
  EXPECT_EQ(told(), std::vector<int32_t>{kAny}) << "open, it must not ask for the least";
  for (int i = 0; i < 10; ++i) {
    awake->touch();
    loop_.run_for(4ms);
  }
  EXPECT_EQ(told(), (std::vector<int32_t>{kAny, 0})) << "told once for all of them";
  loop_.run_for(5ms);
  EXPECT_EQ(told(), (std::vector<int32_t>{kAny, 0, kAny}));
  loop_.run_for(1000ms);
  awake->touch();
  EXPECT_EQ(told(), (std::vector<int32_t>{kAny, 0, kAny, 0})) << "and again for what comes later";
}

TEST_F(AwakeTest, NoTimerIsLeftOfOneThatIsGone) {
  auto awake = open();
  awake->touch();
  awake.reset();
  loop_.run_for(1000ms);
  EXPECT_EQ(told(), (std::vector<int32_t>{kAny, 0})) << "the kernel forgets with the file";
}

TEST_F(AwakeTest, ADeviceThatIsNotThereIsNamed) {
  auto opened = AwakeProcessors::open(loop_, 5ms, device_ + "/none");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnavailable);
  EXPECT_NE(opened.error().message.find(device_ + "/none: "), std::string::npos);
}

}  // namespace
}  // namespace drover::net
