/// Replicas that live: each holds a session advisory lock on one connection of its own, which idles. The server frees the lock at once
/// when the process ends, and some seconds after its host fell silent.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "ports/store.hpp"
#include "postgres/types.hpp"

namespace baton::store {

class Presence {
 public:
  Presence(boost::asio::any_io_executor executor, postgres::Options options);
  /// All that joined here is gone at once.
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  /// Takes the lock, now and after each loss of the connection until it leaves. Errors: store.unavailable, store.pooled (something between us
  /// and the server gives one session to several clients), store.not_yours (another process lives under this name).
  awaitable<Result<void>> join(ReplicaId replica);
  /// Frees it.
  awaitable<Result<void>> leave(ReplicaId replica);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::store
