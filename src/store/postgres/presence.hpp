/// Replicas that live: each holds a session advisory lock on one connection of its own, which idles. The server frees the lock at once
/// when the process ends, and some seconds after its host fell silent.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "ports/store.hpp"
#include "postgres/types.hpp"
#include "store/postgres/keeper_place.hpp"

namespace baton::store {

class Presence {
 public:
  Presence(boost::asio::any_io_executor executor, postgres::Options options);
  /// All that joined here is gone at once.
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  /// Takes the lock, now and after each loss of the connection until it leaves. Errors: store.unavailable, store.pooled (something between us
  /// and the server gives one session to several clients), store.not_yours (another process lives under this name), store.other_keeper (jobs
  /// are kept at another place than `keeper`).
  /// @param keeper   where this replica's jobs are kept; none: nowhere
  /// @param refused  told when the line was lost and another place was taken before it was made again: this replica must end
  awaitable<Result<void>> join(ReplicaId replica, std::optional<KeeperPlace> keeper = {},
                               std::function<void(const Error&)> refused = {});
  /// Frees it.
  awaitable<Result<void>> leave(ReplicaId replica);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::store
