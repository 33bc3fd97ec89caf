#include "crypto/merkle.h"

#include <string>

#include "base/assert.h"

namespace drover::crypto {
namespace {

Digest node_of(const Digest& left, const Digest& right) {
  std::string bytes(1, '\1');
  bytes += left.view();
  bytes += right.view();
  return sha256(bytes);
}

/// One level up, in place.
void raise(std::vector<Digest>& level) {
  const size_t pairs = level.size() / 2;
  for (size_t i = 0; i < pairs; ++i) level[i] = node_of(level[2 * i], level[2 * i + 1]);
  if (level.size() % 2 == 1) level[pairs] = level.back();
  level.resize((level.size() + 1) / 2);
}

}  // namespace

Digest merkle_leaf(std::string_view content) {
  std::string bytes(1, '\0');
  bytes += content;
  return sha256(bytes);
}

Digest merkle_root(std::vector<Digest> leaves) {
  DROVER_ASSERT(!leaves.empty());
  while (leaves.size() > 1) raise(leaves);
  return leaves.front();
}

std::vector<Digest> merkle_path(std::vector<Digest> leaves, size_t index) {
  DROVER_ASSERT(index < leaves.size());
  std::vector<Digest> out;
  for (; leaves.size() > 1; index /= 2) {
    const size_t neighbour = index ^ 1;
    if (neighbour < leaves.size()) out.push_back(leaves[neighbour]);
    raise(leaves);
  }
  return out;
}

Digest merkle_root_of(const Digest& leaf, size_t index, size_t count,
                      std::span<const Digest> path) {
  if (index >= count) return Digest();
  Digest node = leaf;
  size_t used = 0;
  for (; count > 1; index /= 2, count = (count + 1) / 2) {
    if ((index ^ 1) >= count) continue;
    if (used == path.size()) return Digest();
    const Digest& neighbour = path[used++];
    node = index % 2 == 1 ? node_of(neighbour, node) : node_of(node, neighbour);
  }
  return used == path.size() ? node : Digest();
}

}  // namespace drover::crypto
