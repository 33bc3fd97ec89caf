#pragma once
// Memory as agents and the API use it: named records in a namespace, within a tenant. One class
// over store::Records, so that tiers (hot, warm, cold), vectors and sealing can come behind it
// without a change for callers.
//
// Namespaces are plain text chosen by the agent's configuration ("customers"), with {user} and
// {agent} and {session} filled in per session (namespace_for): "user:{user}" keeps each user apart.
//
// Records lie in this server's own store, or, where there are others, the scratch data of a session
// in one of those (scratch.h): a session says where, and for the API it is looked for.
//
// Authorise before calling (Action::kReadMemory, kWriteMemory); the tenant passed here is trusted.
// Loop thread only. Failure: kInvalidArgument (limits, see store/records.h), kNotFound, kAborted
// for a lost compare-and-set.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/records.h"

namespace drover::memory {

using async::Context;
using async::Task;

/// Whether data of that class (as text) may come to who asks; if not, the error says which rule.
using MaySee = std::function<Task<Result<void>>(Context ctx, std::string data_class)>;
/// Whether that store may hold data of that class; if not, the error says which rule.
using MayHold =
    std::function<Task<Result<void>>(Context ctx, std::string store, std::string data_class)>;

/// Whose memory, and who touches it.
struct Scope {
  TenantId tenant;
  std::string name_space;
  SessionId source;  // the session that writes; empty for the API
  /// Of who writes, as text: what is written has this class, joined to what the entry states.
  std::string data_class;
  /// What else there is, is not found, listed or read; null: all of it may be.
  MaySee may_see;
  /// The store that it lies in; empty: wherever it is found, the own store first.
  std::string store = {};
  /// Asked of the store that is written to, once it is known which; null: whoever writes asked.
  MayHold may_hold = {};
};

/// What to remember.
struct Entry {
  std::string key;
  std::string text;  // what search reads
  Json value;        // anything; null if text says it all
  std::string data_class;
  /// Write only if the stored version is this one; 0: only if there is none.
  std::optional<uint64_t> expected_version;
};

class Scratch;

class Memory {
 public:
  /// Must outlive it.
  explicit Memory(store::Records& records) : records_(records) {}
  /// One more store that a scope may name; it outlives this. The own one has a name too.
  void add_store(std::string name, store::Records& records) { stores_[std::move(name)] = &records; }
  /// Asked before anything of it is changed, and told after; null: nothing ever moves.
  void set_scratch(Scratch* scratch) { scratch_ = scratch; }
  /// kFailedPrecondition: there is none of that name now.
  Result<store::Records*> records_of(const std::string& store) const;
  const std::map<std::string, store::Records*>& stores() const { return stores_; }

  /// Returns the new version.
  Task<Result<uint64_t>> write(Context ctx, Scope scope, Entry entry);
  /// kPermissionDenied for a record that the scope may not see.
  Task<Result<store::Record>> read(Context ctx, Scope scope, std::string key);
  Task<Result<std::vector<store::Record>>> list(Context ctx, Scope scope, std::string prefix,
                                                std::string after, size_t limit);
  /// False if there was none.
  Task<Result<bool>> remove(Context ctx, Scope scope, std::string key);
  Task<Result<std::vector<store::Found>>> search(Context ctx, Scope scope, std::string query,
                                                 size_t limit);

 private:
  /// Where the scope's records are.
  Task<Result<store::Records*>> find(Context ctx, const Scope* scope);
  /// The same for data of that class that is to be written there.
  Task<Result<store::Records*>> find_to_write(Context ctx, const Scope* scope,
                                              std::string data_class);
  /// As scopes name it; empty: the own one, where there is no other.
  std::string name_of(const store::Records* records) const;
  Result<void> may_change(const Scope& scope) const;
  void changed(const Scope& scope);
  store::Records& records_;
  std::map<std::string, store::Records*> stores_;
  Scratch* scratch_ = nullptr;
};

/// The JSON form of a record in answers of tools and the API: key, text, value (if not null),
/// version, created, updated, source and data_class (if known).
Json record_json(const store::Record& record);

/// What a namespace's placeholders stand for.
struct NamespaceParts {
  std::string user;
  std::string agent;
  std::string session;
};
/// Whether the pattern names {session}: each session has such a namespace for itself.
bool per_session(std::string_view pattern);
/// Fills {user}, {agent} and {session}; kInvalidArgument for another name or one without a value
/// (two users must never meet in "user:"). A value's own braces and colons are percent-encoded.
Result<std::string> namespace_for(std::string_view pattern, const NamespaceParts& parts);

}  // namespace drover::memory
