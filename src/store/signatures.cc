#include "store/signatures.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/hash_chain.h"

namespace drover::store {
namespace {

Failure broken(std::string why) {
  return fail(Code::kDataLoss, "the signature does not hold: " + std::move(why));
}

Result<std::string> text_of(const Json& json, std::string_view name) {
  auto text = json.get_string(name);
  if (!text) {
    return fail(Code::kInvalidArgument, "the signature has no '" + std::string(name) + "'");
  }
  return std::string(*text);
}

Result<uint64_t> number_of(const Json& json, std::string_view name) {
  auto number = json.get_int(name);
  if (!number || *number < 0) {
    return fail(Code::kInvalidArgument, "the signature has no '" + std::string(name) + "'");
  }
  return static_cast<uint64_t>(*number);
}

Result<std::vector<Head>> heads_of(const Json& line) {
  const Json* list = line.find("heads");
  const Json::Array* items = list == nullptr ? nullptr : list->array_items();
  std::vector<Head> out;
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const Json::Array* three = (*items)[i].array_items();
    if (three == nullptr || three->size() != 3 || (*three)[0].string() == nullptr ||
        !(*three)[1].integer() || (*three)[2].string() == nullptr) {
      return fail(Code::kDataLoss, "a head of a signed batch cannot be read");
    }
    Head head;
    head.session = SessionId(*(*three)[0].string());
    head.sequence = static_cast<uint64_t>(*(*three)[1].integer());
    head.hash = *(*three)[2].string();
    out.push_back(std::move(head));
  }
  if (out.empty()) return fail(Code::kDataLoss, "a signed batch has no heads");
  return out;
}

std::vector<crypto::Digest> leaves_of(const std::vector<Head>& heads) {
  std::vector<crypto::Digest> out;
  out.reserve(heads.size());
  for (const Head& head : heads) out.push_back(leaf_of(head));
  return out;
}

Result<BatchFacts> facts_of(const Json& json) {
  BatchFacts out;
  TRY(out.batch, number_of(json, "batch"));
  TRY(out.time, text_of(json, "time"));
  TRY(out.previous, text_of(json, "previous"));
  TRY(out.root, text_of(json, "root"));
  return out;
}

}  // namespace

std::string BatchFacts::message() const {
  return "drover.signatures.v1\n" + std::to_string(batch) + '\n' + time + '\n' + previous + '\n' +
         std::to_string(count) + '\n' + root + '\n';
}

crypto::Digest leaf_of(const Head& head) {
  return crypto::merkle_leaf(head.session.str() + '\n' + std::to_string(head.sequence) + '\n' +
                             head.hash);
}

std::string batch_line(const std::vector<Head>& heads, BatchFacts facts,
                       const crypto::SigningKey& key) {
  facts.count = heads.size();
  facts.root = crypto::merkle_root(leaves_of(heads)).hex();
  Json list = Json::array();
  for (const Head& head : heads) {
    list.push(Json::array().push(head.session.str()).push(head.sequence).push(head.hash));
  }
  Json out = Json::object().set("batch", facts.batch).set("time", facts.time);
  out.set("previous", facts.previous).set("root", facts.root);
  out.set("signature", to_base64url(key.sign(facts.message())));
  return out.set("heads", std::move(list)).dump();
}

Result<std::optional<HeadProof>> proof_in(std::string_view line, const SessionId& session,
                                          uint64_t most) {
  TRY(Json json, Json::parse(line));
  TRY(std::vector<Head> heads, heads_of(json));
  auto is_it = [&](const Head& h) { return h.session == session && h.sequence <= most; };
  auto it = std::find_if(heads.begin(), heads.end(), is_it);
  if (it == heads.end()) return std::optional<HeadProof>();
  HeadProof out;
  TRY(out.facts, facts_of(json));
  out.facts.count = heads.size();
  TRY(out.signature, text_of(json, "signature"));
  out.index = static_cast<size_t>(it - heads.begin());
  out.head = *it;
  out.path = crypto::merkle_path(leaves_of(heads), out.index);
  return std::optional<HeadProof>(std::move(out));
}

Json HeadProof::to_json() const {
  Json way = Json::array();
  for (const crypto::Digest& digest : path) way.push(digest.hex());
  Json out = Json::object().set("object", "signature").set("session", head.session.str());
  out.set("sequence", head.sequence).set("hash", head.hash);
  out.set("batch", facts.batch).set("time", facts.time).set("previous", facts.previous);
  out.set("heads", facts.count).set("index", index).set("path", std::move(way));
  out.set("root", facts.root).set("signature", signature);
  out.set("algorithm", "ES256").set("key", to_base64(key)).set("fingerprint", fingerprint());
  return out;
}

Result<HeadProof> HeadProof::from_json(const Json& json) {
  HeadProof out;
  TRY(std::string session, text_of(json, "session"));
  TRY(out.head.session, SessionId::parse(session));
  TRY(out.head.sequence, number_of(json, "sequence"));
  TRY(out.head.hash, text_of(json, "hash"));
  TRY(out.facts, facts_of(json));
  TRY(out.facts.count, number_of(json, "heads"));
  TRY(out.index, number_of(json, "index"));
  const Json* way = json.find("path");
  const Json::Array* items = way == nullptr ? nullptr : way->array_items();
  if (items == nullptr) return fail(Code::kInvalidArgument, "the signature has no 'path'");
  for (const Json& item : *items) {
    if (item.string() == nullptr) return fail(Code::kInvalidArgument, "'path' is a list of hashes");
    TRY(crypto::Digest digest, crypto::parse_digest(*item.string()));
    out.path.push_back(digest);
  }
  TRY(out.signature, text_of(json, "signature"));
  TRY(std::string key, text_of(json, "key"));
  TRY(out.key, from_base64(key));
  return out;
}

std::string HeadProof::fingerprint() const { return crypto::sha256_hex(key); }

Result<void> HeadProof::verify() const {
  const crypto::Digest root = crypto::merkle_root_of(leaf_of(head), index, facts.count, path);
  if (root.hex() != facts.root) return broken("the head is not in the batch");
  TRY(crypto::PublicKey signer, crypto::PublicKey::from_spki(key));
  if (signer.algorithm() != crypto::SignatureAlgorithm::kEs256) return broken("its key is another");
  auto bytes = from_base64url(signature);
  if (!bytes || !signer.verify(facts.message(), *bytes)) {
    return broken("it was not made by the key " + fingerprint());
  }
  return {};
}

}  // namespace drover::store
