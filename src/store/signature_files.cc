#include "store/signature_files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"

namespace drover::store {
namespace {

constexpr std::string_view kSuffix = ".jsonl";
constexpr std::string_view kFormat = "drover-signatures";
constexpr size_t kFirstLineBytesMax = 1024;
/// A batch is signed a moment after its commits, or later where the disk was full.
constexpr Duration kLateMost = 10min;

std::string name_of(uint64_t first_batch) {
  char text[32];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(first_batch));
  return text + std::string(kSuffix);
}

struct FirstLine {
  std::string key;  // DER
  WallTime from;
};

Result<FirstLine> read_first_line(std::string_view text) {
  TRY(Json json, Json::parse(text.substr(0, text.find('\n'))));
  if (json.get_string("format") != kFormat || json.get_int("version") != 1) {
    return fail(Code::kFailedPrecondition, "signatures of a form that this program does not know");
  }
  FirstLine out;
  TRY(out.key, from_base64(json.get_string("key").value_or("")));
  TRY(out.from, parse_rfc3339(json.get_string("from").value_or("")));
  return out;
}

/// The newest line with a head of the session up to `most`.
std::optional<HeadProof> find_in(std::string_view text, const SessionId& session, uint64_t most) {
  const std::string quoted = "[\"" + session.str() + "\",";
  size_t at = text.rfind(quoted);
  while (at != std::string_view::npos) {
    const size_t begin = text.rfind('\n', at) + 1;  // the first line holds no head
    const size_t end = text.find('\n', at);
    // A line that a power cut damaged proves nothing, and an earlier one may.
    auto found = proof_in(text.substr(begin, end - begin), session, most);
    if (found && *found) return std::move(**found);
    at = begin == 0 ? std::string_view::npos : text.rfind(quoted, begin - 1);
  }
  return std::nullopt;
}

/// All whole lines of a file.
Result<std::string> read_lines(Disk::File& file) {
  TRY(uint64_t size, file.size());
  TRY(std::string text, file.read_at(0, size));
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  return text;
}

}  // namespace

Result<std::unique_ptr<SignatureFiles>> SignatureFiles::open(Disk& disk, std::string folder,
                                                             crypto::SigningKey key,
                                                             uint64_t file_bytes_max) {
  TRY_VOID(disk.make_folder(folder));
  TRY(std::vector<std::string> names, disk.list(folder));
  std::unique_ptr<SignatureFiles> out(
      new SignatureFiles(disk, std::move(folder), std::move(key), file_bytes_max));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kSuffix); });
  if (!names.empty()) TRY_VOID(out->take_up(names.back()));
  return out;
}

Result<void> SignatureFiles::take_up(const std::string& name) {
  TRY(auto file, disk_.open(folder_ + "/" + name, Disk::Mode::kWrite));
  TRY(std::string text, read_lines(*file));
  const auto lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
  const uint64_t first_batch = std::max<uint64_t>(1, std::strtoull(name.c_str(), nullptr, 10));
  if (lines <= 1) {
    // Nothing is signed in it: its name is wanted.
    batch_ = first_batch - 1;
    file.reset();
    return disk_.remove(folder_ + "/" + name);
  }
  batch_ = first_batch + lines - 2;
  const size_t begin = text.rfind('\n', text.size() - 2) + 1;
  const std::string_view last = std::string_view(text).substr(begin, text.size() - begin - 1);
  auto first = read_first_line(text);
  auto json = Json::parse(last);
  // One that is damaged or another key's is left as it is, and the next batch begins a new one.
  if (!first || !json || first->key != key_.public_key().spki()) return {};
  TRY_VOID(file->truncate(text.size()));
  bytes_ = text.size();
  previous_ = crypto::sha256_hex(last);
  file_ = std::move(file);
  return {};
}

Result<void> SignatureFiles::begin_file(WallTime now) {
  file_.reset();
  const std::string path = folder_ + "/" + name_of(batch_ + 1);
  TRY(auto file, disk_.open(path, Disk::Mode::kCreate));
  Json first = Json::object().set("format", kFormat).set("version", int64_t{1});
  first.set("from", format_rfc3339(now)).set("key", to_base64(key_.public_key().spki()));
  const std::string line = first.dump() + '\n';
  auto written = file->write_at(0, line);
  if (!written) {
    (void)disk_.remove(path);
    return written;
  }
  file_ = std::move(file);
  bytes_ = line.size();
  previous_ = std::string(64, '0');
  return {};
}

Result<void> SignatureFiles::append(const std::vector<Head>& heads, WallTime now) {
  if (file_ == nullptr || bytes_ > file_bytes_max_) TRY_VOID(begin_file(now));
  BatchFacts facts;
  facts.batch = batch_ + 1;
  facts.time = format_rfc3339(now);
  facts.previous = previous_;
  const std::string line = batch_line(heads, std::move(facts), key_);
  // What a failed write left is written over by the next one, from the same place.
  TRY_VOID(file_->write_at(bytes_, line + '\n'));
  bytes_ += line.size() + 1;
  ++batch_;
  previous_ = crypto::sha256_hex(line);
  return {};
}

Result<std::optional<HeadProof>> SignatureFiles::find(const SessionId& session, uint64_t most,
                                                      std::optional<WallTime> about) const {
  TRY(std::vector<std::string> names, disk_.list(folder_));
  int looked_through = 0;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!name->ends_with(kSuffix)) continue;
    TRY(auto file, disk_.open(folder_ + "/" + *name, Disk::Mode::kRead));
    TRY(std::string head, file->read_at(0, kFirstLineBytesMax));
    auto first = read_first_line(head);
    if (!first) continue;  // being begun, or damaged
    if (about && first->from > *about + kLateMost) continue;
    TRY(std::string text, read_lines(*file));
    if (auto found = find_in(text, session, most)) {
      found->key = std::move(first->key);
      return found;
    }
    // It was signed in the file that was begun before, or, late, in the one after that.
    if (about && ++looked_through == 2) break;
  }
  return std::optional<HeadProof>();
}

Result<void> SignatureFiles::sync() { return file_ == nullptr ? Result<void>() : file_->sync(); }

}  // namespace drover::store
