#include "base/local_ptr.h"

#include <gtest/gtest.h>

#include <string>

namespace drover {
namespace {

/// Says when it goes.
struct Told {
  explicit Told(int& gone) : gone_(gone) {}
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  ~Told() { ++gone_; }
  int& gone_;
};

TEST(LocalPtr, TheLastOwnerEndsIt) {
  int gone = 0;
  auto one = LocalPtr<Told>::make(gone);
  LocalPtr<Told> two = one;
  LocalPtr<Told> three = std::move(one);
  EXPECT_FALSE(one);
  EXPECT_EQ(two.get(), three.get());
  two.reset();
  EXPECT_EQ(gone, 0);
  three = LocalPtr<Told>();
  EXPECT_EQ(gone, 1);
}

TEST(LocalPtr, AssignedToItselfItStays) {
  auto one = LocalPtr<const std::string>::make("text");
  const LocalPtr<const std::string>& same = one;
  one = same;
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, "text");
  EXPECT_EQ(one->size(), 4u);
  EXPECT_EQ(LocalPtr<const std::string>().get(), nullptr);
}

}  // namespace
}  // namespace drover
