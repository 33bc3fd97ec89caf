#include "base/memory_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace drover {
namespace {

TEST(MemoryPool, HandsTheSameMemoryOutAgainAndKeepsABoundedNumber) {
  // Another size than anything of this test has, so that the list is ours.
  constexpr size_t kBytes = MemoryPool::kPooledBytesMax - 1;
  void* first = MemoryPool::take(kBytes);
  MemoryPool::give(first, kBytes);
  void* second = MemoryPool::take(kBytes - 5);
  if (MemoryPool::kPooled) EXPECT_EQ(first, second);
  MemoryPool::give(second, kBytes - 5);
  std::vector<void*> many;
  for (size_t i = 0; i < MemoryPool::kKeptMax + 10; ++i) many.push_back(MemoryPool::take(kBytes));
  for (void* piece : many) MemoryPool::give(piece, kBytes);
  EXPECT_LE(MemoryPool::kept(kBytes), MemoryPool::kKeptMax);
  void* large = MemoryPool::take(MemoryPool::kPooledBytesMax + 1);
  MemoryPool::give(large, MemoryPool::kPooledBytesMax + 1);
  EXPECT_EQ(MemoryPool::kept(MemoryPool::kPooledBytesMax + 1), 0u);
}

struct Large : Pooled {
  std::array<char, 2'000> bytes{};
};

TEST(MemoryPool, GivesItsMemoryToWhatIsPooled) {
  auto first = std::make_unique<Large>();
  const void* place = first.get();
  first.reset();
  if (MemoryPool::kPooled) EXPECT_EQ(std::make_unique<Large>().get(), place);
}

}  // namespace
}  // namespace drover
