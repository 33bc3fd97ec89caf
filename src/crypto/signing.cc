#include "crypto/signing.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/assert.h"

namespace drover::crypto {
namespace {

struct FreeKey {
  void operator()(BIGNUM* n) const { BN_clear_free(n); }
  void operator()(ECDSA_SIG* s) const { ECDSA_SIG_free(s); }
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  void operator()(EVP_PKEY_CTX* c) const { EVP_PKEY_CTX_free(c); }
  void operator()(EC_GROUP* g) const { EC_GROUP_free(g); }
  void operator()(EC_POINT* p) const { EC_POINT_free(p); }
  void operator()(OSSL_PARAM_BLD* b) const { OSSL_PARAM_BLD_free(b); }
  void operator()(OSSL_PARAM* p) const { OSSL_PARAM_free(p); }
};
template <typename T>
using OwnedKey = std::unique_ptr<T, FreeKey>;

struct Curve {
  SignatureAlgorithm algorithm;
  std::string_view jose;
  int64_t cose;
  int nid;
  const char* group;
  size_t field_bytes;
  const EVP_MD* (*digest)();
};
constexpr Curve kCurves[] = {
    {SignatureAlgorithm::kEs256, "ES256", -7, NID_X9_62_prime256v1, SN_X9_62_prime256v1, 32,
     EVP_sha256},
    {SignatureAlgorithm::kEs384, "ES384", -35, NID_secp384r1, SN_secp384r1, 48, EVP_sha384},
};

const Curve& curve(SignatureAlgorithm algorithm) { return kCurves[static_cast<size_t>(algorithm)]; }

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::shared_ptr<EVP_PKEY> share_key(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

/// A key from an uncompressed point and, for a private one, its scalar; null if OpenSSL refuses.
std::shared_ptr<EVP_PKEY> make_key(const Curve& c, std::string_view point, const BIGNUM* scalar) {
  OwnedKey<OSSL_PARAM_BLD> build(OSSL_PARAM_BLD_new());
  DROVER_ASSERT(build != nullptr);
  OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, c.group, 0);
  OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  if (scalar != nullptr) OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar);
  OwnedKey<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(build.get()));
  OwnedKey<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  DROVER_ASSERT(params != nullptr && context != nullptr);
  EVP_PKEY* key = nullptr;
  const int wanted = scalar == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, wanted, params.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return share_key(key);
}

std::string coordinate(EVP_PKEY* key, const char* name, size_t bytes) {
  BIGNUM* n = nullptr;
  DROVER_ASSERT(EVP_PKEY_get_bn_param(key, name, &n) == 1);
  OwnedKey<BIGNUM> owned(n);
  std::string out(bytes, '\0');
  DROVER_ASSERT(BN_bn2binpad(n, reinterpret_cast<unsigned char*>(out.data()),
                             static_cast<int>(bytes)) == static_cast<int>(bytes));
  return out;
}

}  // namespace

std::string_view jose_name(SignatureAlgorithm algorithm) { return curve(algorithm).jose; }
int64_t cose_id(SignatureAlgorithm algorithm) { return curve(algorithm).cose; }

Result<PublicKey> PublicKey::from_openssl(std::shared_ptr<evp_pkey_st> key) {
  char name[64] = {};
  size_t length = 0;
  if (key != nullptr && EVP_PKEY_is_a(key.get(), "EC") == 1 &&
      EVP_PKEY_get_group_name(key.get(), name, sizeof name, &length) == 1) {
    for (const Curve& c : kCurves) {
      if (std::string_view(name, length) == c.group) return PublicKey(c.algorithm, std::move(key));
    }
  }
  ERR_clear_error();
  return fail(Code::kInvalidArgument, "the key is not on the curve P-256 or P-384");
}

Result<PublicKey> PublicKey::from_spki(std::string_view der) {
  const unsigned char* at = raw(der);
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()));
  auto owned = share_key(key);
  if (key == nullptr || at != raw(der) + der.size()) {
    ERR_clear_error();
    return fail(Code::kInvalidArgument, "not a DER SubjectPublicKeyInfo");
  }
  return from_openssl(std::move(owned));
}

Result<PublicKey> PublicKey::from_point(SignatureAlgorithm algorithm, std::string_view x,
                                        std::string_view y) {
  const Curve& c = curve(algorithm);
  if (x.size() != c.field_bytes || y.size() != c.field_bytes) {
    return fail(Code::kInvalidArgument, "a coordinate is not as long as the curve's field");
  }
  std::string point = "\x04";
  point += x;
  point += y;
  auto key = make_key(c, point, nullptr);
  if (key == nullptr) return fail(Code::kInvalidArgument, "the point is not on the curve");
  return PublicKey(algorithm, std::move(key));
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  const Curve& c = curve(algorithm_);
  if (signature.size() != 2 * c.field_bytes) return false;
  const int half = static_cast<int>(c.field_bytes);
  OwnedKey<ECDSA_SIG> pair(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(raw(signature), half, nullptr);
  BIGNUM* s = BN_bin2bn(raw(signature) + half, half, nullptr);
  DROVER_ASSERT(pair != nullptr && ECDSA_SIG_set0(pair.get(), r, s) == 1);
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  DROVER_ASSERT(length > 0);
  OwnedKey<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, c.digest(), nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), der, static_cast<size_t>(length), raw(message),
                       message.size()) == 1;
  OPENSSL_free(der);
  ERR_clear_error();
  return good;
}

std::string PublicKey::spki() const {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_.get(), &der);
  DROVER_ASSERT(length > 0);
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::string PublicKey::x() const {
  return coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, curve(algorithm_).field_bytes);
}
std::string PublicKey::y() const {
  return coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, curve(algorithm_).field_bytes);
}

SigningKey SigningKey::generate(SignatureAlgorithm algorithm, Random& random) {
  const Curve& c = curve(algorithm);
  OwnedKey<EC_GROUP> group(EC_GROUP_new_by_curve_name(c.nid));
  DROVER_ASSERT(group != nullptr);
  OwnedKey<BIGNUM> scalar;
  do {  // uniform in [1, order): almost always the first
    scalar.reset(
        BN_bin2bn(raw(random.bytes(c.field_bytes)), static_cast<int>(c.field_bytes), nullptr));
  } while (BN_is_zero(scalar.get()) || BN_cmp(scalar.get(), EC_GROUP_get0_order(group.get())) >= 0);
  OwnedKey<EC_POINT> point(EC_POINT_new(group.get()));
  DROVER_ASSERT(EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) ==
                1);
  std::string bytes(1 + 2 * c.field_bytes, '\0');
  DROVER_ASSERT(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED,
                                   reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                   nullptr) == bytes.size());
  auto key = make_key(c, bytes, scalar.get());
  DROVER_ASSERT(key != nullptr);
  return {algorithm, std::move(key)};
}

Result<SigningKey> SigningKey::from_pem(std::string_view text) {
  BIO* bio = BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
  DROVER_ASSERT(bio != nullptr);
  // A key under a password is refused: without this, OpenSSL would ask the terminal for it.
  auto no_password = [](char*, int, int, void*) { return 0; };
  auto key = share_key(PEM_read_bio_PrivateKey(bio, nullptr, no_password, nullptr));
  BIO_free(bio);
  auto known = PublicKey::from_openssl(key);
  ERR_clear_error();
  if (!known) return fail(Code::kInvalidArgument, "not a private key on P-256 or P-384 in PEM");
  return SigningKey(known->algorithm(), std::move(key));
}

PublicKey SigningKey::public_key() const {
  // By way of the bytes, so that no public key carries a private one along.
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_.get(), &der);
  DROVER_ASSERT(length > 0);
  auto out =
      PublicKey::from_spki({reinterpret_cast<const char*>(der), static_cast<size_t>(length)});
  OPENSSL_free(der);
  DROVER_ASSERT(out.has_value());
  return *std::move(out);
}

std::string SigningKey::pem() const {
  BIO* bio = BIO_new(BIO_s_mem());
  DROVER_ASSERT(bio != nullptr && PEM_write_bio_PKCS8PrivateKey(bio, key_.get(), nullptr, nullptr,
                                                                0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  std::string out(text, static_cast<size_t>(length));
  BIO_free(bio);
  return out;
}

std::string SigningKey::sign(std::string_view message) const {
  const Curve& c = curve(algorithm_);
  OwnedKey<EVP_MD_CTX> context(EVP_MD_CTX_new());
  DROVER_ASSERT(EVP_DigestSignInit(context.get(), nullptr, c.digest(), nullptr, key_.get()) == 1);
  std::string der(256, '\0');
  size_t length = der.size();
  DROVER_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &length,
                               raw(message), message.size()) == 1);
  const unsigned char* at = raw(der);
  OwnedKey<ECDSA_SIG> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)));
  DROVER_ASSERT(pair != nullptr);
  std::string out(2 * c.field_bytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  const int half = static_cast<int>(c.field_bytes);
  DROVER_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), bytes, half) == half);
  DROVER_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), bytes + half, half) == half);
  return out;
}

}  // namespace drover::crypto
