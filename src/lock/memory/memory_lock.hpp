/// Locks inside one process: for the embedded runner and for simulations, where several replicas share them.
#pragma once

#include <functional>
#include <memory>

#include "ports/lock.hpp"

namespace baton {

/// What a Redis server is for other replicas.
class MemoryLocks {
 public:
  /// @param steady  one clock for all who lock
  explicit MemoryLocks(std::function<core::Duration()> steady);
  /// Whether somebody holds it now.
  [[nodiscard]] bool is_held(const std::string& name) const;
  /// How many names are held now.
  [[nodiscard]] std::size_t held() const;
  /// Fault: the lease is over before its time.
  void expire(const std::string& name);

 private:
  friend class MemoryLock;
  struct State;
  std::shared_ptr<State> state_;
};

/// One replica's way to them. A replica that goes leaves its leases to expire.
class MemoryLock final : public Lock {
 public:
  /// @param replica  named by its tokens, as "replica:n", so that its locks are taken over once it is gone; empty: they name
  ///                 nobody, and are never taken over, which is right where all who lock share one process
  MemoryLock(MemoryLocks& locks, Runtime& runtime, std::string replica = {});
  awaitable<Result<Lease>> acquire(std::string name, core::Duration life) override;
  awaitable<Result<Lease>> renew(Lease lease, core::Duration life) override;
  awaitable<void> release(Lease lease) override;
  awaitable<void> until_free(std::string name, core::Duration at_most) override;

 private:
  std::shared_ptr<MemoryLocks::State> locks_;
  Runtime& runtime_;
  std::string replica_;
};

}  // namespace baton
