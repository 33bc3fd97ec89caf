#pragma once
// The client's idle connections, newest used first, bounded per origin and in total; and what the
// calls of a client share. Internal to http.
//
// Shared by the client and the calls that are under way or whose answers are being read. stop()
// before the last of them goes, and join what it leaves. Loop thread only.

#include <string>
#include <unordered_map>
#include <vector>

#include "async/scope.h"
#include "async/stage.h"
#include "base/local_ptr.h"
#include "base/raw_bytes.h"
#include "http/client.h"
#include "http/client_connection.h"

namespace drover::http {

class ClientPool final {
 public:
  using ConnectionPtr = LocalPtr<ClientConnection>;

  /// What requests have in common that may use the same connections, and the idle ones of them.
  /// Stays while there is a call or an idle connection.
  class Origin {
   public:
    Origin(ClientPool& pool, const RequestTarget& target);

   private:
    friend class ClientPool;
    bool takes(const RequestTarget& target) const;
    bool unused() const { return calls_ == 0 && idle_.empty(); }

    ClientPool& pool_;
    size_t calls_ = 0;
    std::vector<ConnectionPtr> idle_;
    Url url_;
    net::AddressPolicy policy_;
    net::TlsClientOptions tls_;
  };

  explicit ClientPool(async::Loop& loop) : loop_(loop), scope_(Context(loop)) {}

  async::Loop& loop() { return loop_; }
  /// The borders of what all requests go through.
  async::Stage sending;
  async::Stage answered;
  /// In which requests are put together.
  RawBytes output;

  /// A call begins; leave() when it and its answer are over.
  Origin& enter(const RequestTarget& target);
  void leave(Origin& origin);
  /// An idle connection, if there is one.
  ConnectionPtr take(Origin& origin);
  void put(Origin& origin, ConnectionPtr connection);
  /// Closes what is idle.
  void clear();
  size_t idle() const { return total_; }

  /// No connection is kept any more; the watches end on the loop.
  static void stop(LocalPtr<ClientPool> self);

 private:
  using Origins = std::unordered_map<std::string, Origin>;

  static Task<void> reap(LocalPtr<ClientPool> self) { co_await self->scope_.join(); }

  Origins::iterator drop(Origins::iterator it);
  void end_if_unused(Origin& origin);
  void forget(Origin& origin, ClientConnection* raw);
  void close_oldest(Origin& origin);
  void close_any_oldest();
  void arm_sweep();
  void sweep();

  async::Loop& loop_;
  async::Scope scope_;
  Origins origins_;
  Origin* last_ = nullptr;  // most calls are for the same one as the call before
  size_t total_ = 0;
  bool stopped_ = false;
  async::Loop::TimerId timer_ = 0;
};

}  // namespace drover::http
