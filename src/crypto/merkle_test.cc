#include "crypto/merkle.h"

#include <gtest/gtest.h>

namespace drover::crypto {
namespace {

std::vector<Digest> leaves(size_t count) {
  std::vector<Digest> out;
  for (size_t i = 0; i < count; ++i) out.push_back(merkle_leaf(std::to_string(i)));
  return out;
}

TEST(Merkle, AgreesWithTheVectorsOfCertificateTransparency) {
  // RFC 6962's tree over the test inputs of the reference implementations.
  const std::string_view inputs[] = {std::string_view("", 0),
                                     std::string_view("\x00", 1),
                                     std::string_view("\x10", 1),
                                     std::string_view("\x20\x21", 2),
                                     std::string_view("\x30\x31", 2),
                                     std::string_view("\x40\x41\x42\x43", 4),
                                     std::string_view("\x50\x51\x52\x53\x54\x55\x56\x57", 8),
                                     std::string_view("\x60\x61\x62\x63\x64\x65\x66\x67"
                                                      "\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
                                                      16)};
  const std::string_view roots[] = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  std::vector<Digest> so_far;
  for (size_t i = 0; i < 8; ++i) {
    so_far.push_back(merkle_leaf(inputs[i]));
    EXPECT_EQ(merkle_root(so_far).hex(), roots[i]) << i;
  }
}

TEST(Merkle, EachLeafProvesItselfAndNothingElse) {
  for (size_t count = 1; count <= 33; ++count) {
    const auto all = leaves(count);
    const Digest root = merkle_root(all);
    for (size_t i = 0; i < count; ++i) {
      auto path = merkle_path(all, i);
      EXPECT_EQ(merkle_root_of(all[i], i, count, path), root) << i << " of " << count;
      EXPECT_NE(merkle_root_of(merkle_leaf("x"), i, count, path), root);
      if (count > 1) EXPECT_NE(merkle_root_of(all[i], (i + 1) % count, count, path), root);
      path.push_back(root);
      EXPECT_NE(merkle_root_of(all[i], i, count, path), root) << "a path that is too long";
    }
    EXPECT_EQ(merkle_root_of(all[0], count, count, {}), Digest()) << "no such place";
  }
}

}  // namespace
}  // namespace drover::crypto
