#include "store/memory/sim_disk.h"

#include <algorithm>

namespace drover::store {
namespace {

constexpr uint64_t kSectorBytes = 512;

Error power_failed() { return Error(Code::kUnavailable, "the disk is gone", Retry::kAfter); }

void apply(std::string& to, uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size(), '\0');
  std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// Whether the path names something directly in the folder.
bool is_in(const std::string& path, const std::string& folder) { return parent_of(path) == folder; }

}  // namespace

class SimDisk::SimFile final : public Disk::File {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<Node> node, Mode mode)
      : disk_(disk), node_(std::move(node)), epoch_(disk.epoch_), writable_(mode != Mode::kRead) {}

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    TRY_VOID(check_writable());
    return disk_.write(*node_, offset, bytes);
  }
  Result<std::string> read_at(uint64_t offset, size_t size) override {
    TRY_VOID(check());
    if (offset >= node_->now.size()) return std::string();
    return node_->now.substr(offset, size);
  }
  Result<uint64_t> size() override {
    TRY_VOID(check());
    return node_->now.size();
  }
  Result<void> sync() override {
    TRY_VOID(check());
    return disk_.sync(*node_);
  }
  Result<void> truncate(uint64_t size) override {
    TRY_VOID(check_writable());
    TRY_VOID(disk_.begin());
    node_->now.resize(size, '\0');
    Write cut;
    cut.cut = size;
    node_->pending.push_back(std::move(cut));
    return {};
  }
  Result<void> allocate(uint64_t offset, uint64_t size) override {
    TRY_VOID(check_writable());
    if (offset >= size) return {};
    return disk_.write(*node_, offset, std::string(size - offset, '\0'));
  }

 private:
  Result<void> check() const {
    if (disk_.dead_ || epoch_ != disk_.epoch_) return fail(power_failed());
    return {};
  }
  Result<void> check_writable() const {
    TRY_VOID(check());
    if (writable_) return {};
    return fail(Code::kPermissionDenied, "the file was opened for reading");
  }

  SimDisk& disk_;
  std::shared_ptr<Node> node_;
  uint64_t epoch_;
  bool writable_;
};

Result<void> SimDisk::begin(bool* last) {
  if (dead_) return fail(power_failed());
  ++operations_;
  if (!fuse_) return {};
  if ((*fuse_)-- > 0) return {};
  fuse_.reset();
  dead_ = true;
  if (last == nullptr) return fail(power_failed());
  *last = true;
  return {};
}

Result<void> SimDisk::write(Node& node, uint64_t offset, std::string_view bytes) {
  bool last = false;
  TRY_VOID(begin(&last));
  bool full = false;
  if (capacity_) {
    const uint64_t end = offset + bytes.size();
    const uint64_t growth = end > node.now.size() ? end - node.now.size() : 0;
    const uint64_t used_now = used();
    const uint64_t room = *capacity_ > used_now ? *capacity_ - used_now : 0;
    if (growth > room) {
      full = true;
      bytes = bytes.substr(0, bytes.size() - (growth - room));
    }
  }
  if (last) bytes = bytes.substr(0, random_.below(bytes.size() + 1));
  apply(node.now, offset, bytes);
  Write write;
  write.offset = offset;
  write.bytes = std::string(bytes);
  node.pending.push_back(std::move(write));
  if (last) return fail(power_failed());
  if (full) return fail(Code::kResourceExhausted, "no space left on the disk", Retry::kAfter);
  return {};
}

Result<void> SimDisk::sync(Node& node) {
  TRY_VOID(begin());
  if (failing_syncs_ > 0) {
    --failing_syncs_;
    return fail(Code::kUnavailable, "syncing failed", Retry::kAfter);
  }
  ++syncs_;
  if (lose_syncs) return {};
  node.durable = node.now;
  node.pending.clear();
  return {};
}

uint64_t SimDisk::used() const {
  uint64_t bytes = 0;
  for (const auto& [path, node] : names_) {
    if (node != nullptr) bytes += node->now.size();
  }
  return bytes;
}

Result<std::unique_ptr<Disk::File>> SimDisk::open(const std::string& path, Mode mode) {
  if (dead_) return fail(power_failed());
  auto it = names_.find(path);
  const bool there = it != names_.end();
  if (mode == Mode::kCreate) {
    if (there) return fail(Code::kAlreadyExists, path + " exists");
    if (names_.find(parent_of(path)) == names_.end()) {
      return fail(Code::kNotFound, "no folder " + parent_of(path));
    }
    TRY_VOID(begin());
    it = names_.emplace(path, std::make_shared<Node>()).first;
  } else if (!there || it->second == nullptr) {
    return fail(Code::kNotFound, "no file " + path);
  }
  std::unique_ptr<File> file = std::make_unique<SimFile>(*this, it->second, mode);
  return file;
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  TRY_VOID(begin());
  auto it = names_.find(from);
  if (it == names_.end()) return fail(Code::kNotFound, "no file " + from);
  names_[to] = it->second;
  names_.erase(from);
  return {};
}

Result<void> SimDisk::remove(const std::string& path) {
  TRY_VOID(begin());
  if (names_.erase(path) == 0) return fail(Code::kNotFound, "no file " + path);
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& folder) {
  if (dead_) return fail(power_failed());
  std::vector<std::string> out;
  for (const auto& [path, node] : names_) {
    if (node != nullptr && is_in(path, folder)) out.push_back(path.substr(folder.size() + 1));
  }
  return out;
}

Result<void> SimDisk::make_folder(const std::string& path) {
  TRY_VOID(begin());
  // A folder is a name without a file; it is durable at once, as store/files.h makes it.
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    names_.emplace(at, nullptr);
    durable_.emplace(at, nullptr);
  }
  return {};
}

Result<void> SimDisk::sync_folder(const std::string& path) {
  TRY_VOID(begin());
  if (lose_syncs) return {};
  std::erase_if(durable_, [&](const auto& entry) {
    return entry.second != nullptr && is_in(entry.first, path);
  });
  for (const auto& [name, node] : names_) {
    if (node != nullptr && is_in(name, path)) durable_[name] = node;
  }
  return {};
}

void SimDisk::settle(Node& node) {
  std::string kept = node.durable;
  // Writes after one that was lost may still be there: a disk keeps no order between syncs.
  for (const Write& write : node.pending) {
    if (write.cut) {
      if (random_.chance(0.5)) kept.resize(*write.cut, '\0');
      continue;
    }
    const std::string_view bytes = write.bytes;
    switch (random_.below(5)) {
      case 0:
        break;  // lost
      case 1:   // torn at a byte
        apply(kept, write.offset, bytes.substr(0, random_.below(bytes.size() + 1)));
        break;
      case 2:  // the file has grown, its bytes are not there
        kept.resize(std::max<size_t>(kept.size(), write.offset + random_.below(bytes.size() + 1)));
        break;
      case 3:  // some sectors
        for (uint64_t at = 0; at < bytes.size(); at += kSectorBytes) {
          if (random_.chance(0.5)) {
            apply(kept, write.offset + at, bytes.substr(at, kSectorBytes));
          }
        }
        break;
      default:
        apply(kept, write.offset, bytes);
    }
  }
  node.pending.clear();
  node.durable = kept;
  node.now = std::move(kept);
}

void SimDisk::power_cut() {
  ++epoch_;
  dead_ = false;
  fuse_.reset();
  failing_syncs_ = 0;
  // Each name that was changed since its folder's last sync is by chance as before or as now.
  Names after;
  Names all = durable_;
  all.insert(names_.begin(), names_.end());
  for (const auto& [path, unused] : all) {
    const auto before = durable_.find(path);
    const auto now = names_.find(path);
    const bool same =
        before != durable_.end() && now != names_.end() && before->second == now->second;
    const bool take_now = same || random_.chance(0.5);
    if (take_now && now != names_.end()) after[path] = now->second;
    if (!take_now && before != durable_.end()) after[path] = before->second;
  }
  // A rename is atomic: the file is under its old name or its new one, never under none.
  for (const auto& [path, node] : durable_) {
    const auto is_node = [&node](const auto& entry) { return entry.second == node; };
    const bool renamed = node != nullptr && std::any_of(names_.begin(), names_.end(), is_node) &&
                         std::none_of(after.begin(), after.end(), is_node);
    if (renamed) after.emplace(path, node);
  }
  names_ = after;
  durable_ = std::move(after);
  for (auto& [path, node] : names_) {
    if (node != nullptr) settle(*node);
  }
}

Result<void> SimDisk::flip_bit(const std::string& path, uint64_t offset, int bit) {
  auto it = names_.find(path);
  if (it == names_.end() || it->second == nullptr) return fail(Code::kNotFound, "no file " + path);
  Node& node = *it->second;
  if (offset >= node.now.size()) {
    return fail(Code::kInvalidArgument, path + " has no byte " + std::to_string(offset));
  }
  const char mask = static_cast<char>(1 << (bit & 7));
  node.now[offset] = static_cast<char>(node.now[offset] ^ mask);
  if (offset < node.durable.size()) {
    node.durable[offset] = static_cast<char>(node.durable[offset] ^ mask);
  }
  return {};
}

}  // namespace drover::store
