#include "crypto/hmac.h"

#include <algorithm>
#include <cstring>

#include "crypto/sha256_plain.h"

namespace drover::crypto {
namespace {

constexpr unsigned char kInner = 0x36;
constexpr unsigned char kOuter = 0x5c;

HmacBlock block_of(std::string_view key) {
  HmacBlock block{};
  Digest hashed;
  if (key.size() > block.size()) {
    hashed = sha256(key);
    key = hashed.view();
  }
  std::copy(key.begin(), key.end(), block.begin());
  return block;
}

void wipe(HmacBlock& block) { explicit_bzero(block.data(), block.size()); }

/// The key's other side: from as it is to one pad, or from pad to pad.
void flip(HmacBlock& block, unsigned char pad) {
  for (unsigned char& byte : block) byte ^= pad;
}

std::string_view view(const HmacBlock& block) {
  return {reinterpret_cast<const char*>(block.data()), block.size()};
}

void begin(Sha256& hash, HmacBlock block, unsigned char pad) {
  flip(block, pad);
  hash.update(view(block));
  wipe(block);
}

Digest end(Sha256& hash, const HmacBlock& block) {
  const Digest inner = hash.finish();
  begin(hash, block, kOuter);
  return hash.update(inner.view()).finish();
}

}  // namespace

HmacSha256::HmacSha256(std::string_view key) : block_(block_of(key)) {
  begin(hash_, block_, kInner);
}

HmacSha256::~HmacSha256() { wipe(block_); }

HmacSha256& HmacSha256::update(std::string_view bytes) {
  hash_.update(bytes);
  return *this;
}

Digest HmacSha256::finish() {
  const Digest out = end(hash_, block_);
  begin(hash_, block_, kInner);
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view message) {
  HmacBlock block = block_of(key);
  flip(block, kInner);
  const Digest inner = PlainSha256().update(view(block)).update(message).finish();
  flip(block, kInner ^ kOuter);
  const Digest out = PlainSha256().update(view(block)).update(inner.view()).finish();
  wipe(block);
  return out;
}

}  // namespace drover::crypto
