#pragma once
// A hash tree over a list of leaves (RFC 6962 section 2.1): one signature of its root signs them
// all, and a path of a few hashes proves that one of them is in it without telling the others.
//
//   leaf = SHA-256(0x00 || content), node = SHA-256(0x01 || left || right)
//
// A node without a neighbour goes up as it is. Pure; any thread.

#include <span>
#include <string_view>
#include <vector>

#include "crypto/sha256.h"

namespace drover::crypto {

Digest merkle_leaf(std::string_view content);
/// REQUIRES at least one leaf.
Digest merkle_root(std::vector<Digest> leaves);
/// The neighbours of a leaf on its way up, the lowest first.
std::vector<Digest> merkle_path(std::vector<Digest> leaves, size_t index);
/// The root that follows from a leaf, its place among `count` and its path; a path of another
/// length gives the digest of nothing.
Digest merkle_root_of(const Digest& leaf, size_t index, size_t count, std::span<const Digest> path);

}  // namespace drover::crypto
